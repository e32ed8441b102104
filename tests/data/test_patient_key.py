"""Patient codes: the published answer of HMAC, and a key that is made once and never shown."""

import hashlib
import multiprocessing
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import platformdirs
import pytest

from myosweep.data.patient_key import patient_code, read_key
from myosweep.errors import DatasetError

KEY = bytes(range(32))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's configuration folder, which is not there yet; never the real one."""
    folder = tmp_path / "config" / "myosweep"
    monkeypatch.setattr(platformdirs, "user_config_path", lambda name: folder)
    return folder


def by_definition(identity: bytes, key: bytes) -> str:
    """RFC 2104: H((K xor opad) + H((K xor ipad) + text)), blocks of 64 bytes."""
    if len(key) > 64:
        key = hashlib.sha256(key).digest()
    key = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(one ^ 0x36 for one in key) + identity).digest()
    outer = hashlib.sha256(bytes(one ^ 0x5C for one in key) + inner)
    return f"P{outer.hexdigest()[:12]}"


def test_rfc_4231() -> None:
    """Test cases 1 and 2 of RFC 4231, cut to 12 digits."""
    assert patient_code("Hi There", b"\x0b" * 20) == "Pb0344c61d8db"
    assert patient_code("what do ya want for nothing?", b"Jefe") == "P5bdcc146bf60"


@pytest.mark.parametrize("identity", ["1234567", "Müller^Ä", "", "0", "a" * 1000, "患者"])
@pytest.mark.parametrize("key", [KEY, b"k" * 100])
def test_a_code_is_a_keyed_hash(identity: str, key: bytes) -> None:
    assert patient_code(identity, key) == by_definition(identity.encode(), key)


def test_codes_depend_on_key_and_identity_but_not_on_spaces_around() -> None:
    codes = {patient_code(name, key) for name in ("1", "2", "1 2") for key in (KEY, b"x" * 32)}
    assert len(codes) == 6
    assert patient_code(" 1 2\n", KEY) == patient_code("1 2", KEY)


def test_an_identity_that_could_not_be_decoded_has_a_code_too() -> None:
    name = b"M\xfcller".decode("utf-8", "surrogateescape")
    assert patient_code(name, KEY) == by_definition(name.encode("utf-8", "surrogatepass"), KEY)


def test_the_key_is_made_once(home: Path) -> None:
    key = read_key()
    assert len(key) == 32
    assert read_key() == key
    assert bytes.fromhex((home / "patient.key").read_text()) == key
    assert [path.name for path in home.iterdir()] == ["patient.key"]
    (home / "patient.key").unlink()
    assert read_key() != key


def test_a_key_can_lie_elsewhere(home: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared" / "our.key"
    assert read_key(shared) == read_key(shared)
    assert shared.is_file()
    assert not home.exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps rights in another way")
def test_only_the_owner_may_read_the_key(home: Path) -> None:
    before = os.umask(0)
    try:
        read_key()
    finally:
        os.umask(before)
    assert stat.S_IMODE((home / "patient.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"hello", b"00" * 31, b"0" * 65, b"zz" * 32, b"00 " * 31]
)
def test_files_that_hold_no_key(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "folder" / "my.key"
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(DatasetError, match=r"'my.key' holds no key .*at least 64 hex") as caught:
        read_key(file)
    assert file.read_bytes() == content
    assert str(tmp_path) not in str(caught.value)
    if content.strip():
        assert content.decode() not in str(caught.value)


@pytest.mark.parametrize("content", [b"00" * 32, b" " + b"aB" * 32 + b"\r\n", b"01" * 50])
def test_files_that_hold_a_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "my.key").write_bytes(content)
    assert read_key(tmp_path / "my.key") == bytes.fromhex(content.decode())


def test_keys_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("00" * 32)
    (tmp_path / "binary.key").write_bytes(b"\xff" * 64)
    (tmp_path / "folder.key").mkdir()
    (tmp_path / "dangling.key").symlink_to(tmp_path / "none" / "away.key")
    for name in ("file/my.key", "binary.key", "folder.key", "dangling.key"):
        with pytest.raises(DatasetError, match="cannot be read or written; give another") as caught:
            read_key(tmp_path / name)
        assert repr(Path(name).name) in str(caught.value)
        assert str(tmp_path) not in str(caught.value)
        assert caught.value.__suppress_context__
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "binary.key", "dangling.key", "file", "folder.key",
    ]  # fmt: skip


def test_a_folder_that_may_not_be_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rights alone do not stop the superuser, so the system's answer is played."""

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied", "/home/somebody/secret")

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(DatasetError, match=r"'patient\.key', cannot be read or written") as caught:
        read_key()
    assert "somebody" not in str(caught.value)


def test_another_process_that_was_faster_counts(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It puts its key there between our look and our writing."""
    other = "ab" * 32
    real = os.open

    def late(path: Path, *rest: int) -> int:
        (home / "patient.key").write_text(other)
        return real(path, *rest)

    monkeypatch.setattr("os.open", late)
    assert read_key() == bytes.fromhex(other)
    assert (home / "patient.key").read_text() == other
    assert [path.name for path in home.iterdir()] == ["patient.key"]


def test_an_interrupted_key_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.link" if os.name == "posix" else "os.rename", interrupt)
    with pytest.raises(KeyboardInterrupt):
        read_key()
    assert not list(home.iterdir())


def test_first_uses_at_once_in_threads_give_one_key(tmp_path: Path) -> None:
    for round_ in range(20):
        file = tmp_path / f"{round_}.key"
        with ThreadPoolExecutor(8) as pool:
            keys = list(pool.map(read_key, [file] * 8))
        assert set(keys) == {read_key(file)}


def test_first_uses_at_once_in_processes_give_one_key(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "our.key"
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        keys = pool.map(read_key, [file] * 4, chunksize=1)
    assert set(keys) == {read_key(file)}


def test_the_key_is_never_printed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = read_key()
    shown = patient_code("1234567", key) + "".join(capsys.readouterr())
    assert key.hex() not in shown
    assert "1234567" not in shown
