"""The command line: parse, one call, print. Heavy imports happen inside the commands."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from rich.console import Console

from myosweep.errors import InputError, MyosweepError
from myosweep.launch import launch

EXIT_WRONG_INPUT = 2
EXIT_INTERRUPTED = 130
_PATIENCE_S = 10.0


@contextmanager
def _one_speaks() -> Iterator[None]:
    """Of the processes that torchrun started the main one prints; in trouble it is also the first
    to end, since torchrun ends the others then and tells the exit code of the first.
    """
    if launch().is_main:
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        try:
            yield
        except SystemExit as end:
            if end.code in (EXIT_WRONG_INPUT, 1):
                time.sleep(_PATIENCE_S)
            raise


@_one_speaks()
def main() -> None:
    """Run the command line; a user's mistake gives one clear error and exit code 2."""
    from myosweep.cli.app import app
    from myosweep.study.interrupt import terminable

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # consoles that know no "×" print "?" instead
    try:
        with terminable():
            app()
    except MyosweepError as error:
        Console(stderr=True).print(f"[bold red]Error:[/] {_escaped(str(error))}", soft_wrap=True)
        sys.exit(EXIT_WRONG_INPUT if isinstance(error, InputError) else 1)
    except OSError as error:
        place = error.filename2 or error.filename  # of a draft that replaces a file, the file
        name = Path(place).name if place else "a file"
        reason = (error.strerror or type(error).__name__).lower()
        text = f"cannot read or write {name!r}: {reason}; check the path and its permissions"
        Console(stderr=True).print(f"[bold red]Error:[/] {_escaped(text)}", soft_wrap=True)
        sys.exit(EXIT_WRONG_INPUT)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
