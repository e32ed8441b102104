"""A command line in tests."""

import sys

import pytest

from myosweep.cli import main


class Shell:
    """Runs a command line in this process and keeps what it printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._patch, self._capture = monkeypatch, capsys
        self.out = self.err = ""

    def __call__(self, *words: object, code: int = 0) -> str:
        self._patch.setattr(sys, "argv", ["myosweep", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        self.out, self.err = self._capture.readouterr()
        assert (stop.value.code or 0) == code, self.out + self.err
        assert "Traceback" not in self.out + self.err
        return self.out
