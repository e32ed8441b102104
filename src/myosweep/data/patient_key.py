"""Patient codes that nobody can turn back: keyed hashes, with a key that stays with the user."""

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

import platformdirs

from myosweep.errors import DatasetError
from myosweep.files import put_new

_BYTES = 32
_SHOWN = 12
"""Hexadecimal digits of a code: 48 bits, one chance in 50,000 that two of 100,000 are equal."""


def patient_code(identity: str, key: bytes) -> str:
    """``P`` and 12 digits: HMAC-SHA256 of what identifies a patient, cut off.

    The same identity and key always give the same code, so that several imports fit together.

    >>> patient_code("1234567", b"k" * 32)
    'P071f26b55216'
    """
    message = identity.strip().encode(errors="surrogatepass")  # a name that could not be decoded
    digest = hmac.new(key, message, hashlib.sha256).hexdigest()
    return f"P{digest[:_SHOWN]}"


def read_key(path: Path | None = None) -> bytes:
    """The secret key; it is made on first use, in the user's configuration folder.

    Args:
        path: another file, where several people share a key.

    Raises:
        DatasetError: if the file holds no key, or none can be written.
    """
    file = path or platformdirs.user_config_path("myosweep") / "patient.key"
    try:
        if not file.exists():
            _make_key(file)
        text = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise DatasetError(
            f"the key for patient codes, {file.name!r}, cannot be read or written; give another "
            "with --key, or your own codes with --patient"
        ) from None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) < _BYTES:
        raise DatasetError(
            f"{file.name!r} holds no key for patient codes (at least {2 * _BYTES} hexadecimal "
            "digits); name another file with --key, and one is made"
        )
    return key


def _make_key(file: Path) -> None:
    """A key in one step, for its owner alone; if another process is faster, its key counts."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}-{secrets.token_hex(4)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as text:
            text.write(secrets.token_hex(_BYTES) + "\n")
        with suppress(FileExistsError):
            put_new(draft, file)
    finally:
        draft.unlink(missing_ok=True)
