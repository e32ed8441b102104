"""The command line: parse, one call, print. Heavy imports happen inside the commands."""

import sys
from pathlib import Path

from rich.console import Console

from myosweep.errors import InputError, MyosweepError

EXIT_WRONG_INPUT = 2
EXIT_INTERRUPTED = 130


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
        name = Path(error.filename).name if error.filename else "a file"
        reason = (error.strerror or type(error).__name__).lower()
        text = f"cannot read or write {name!r}: {reason}; check the path and its permissions"
        Console(stderr=True).print(f"[bold red]Error:[/] {_escaped(text)}", soft_wrap=True)
        sys.exit(EXIT_WRONG_INPUT)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
