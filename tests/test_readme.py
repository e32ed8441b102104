"""The README names every file of the repository, and no file that is gone."""

import re
import subprocess
from pathlib import Path

import pytest

from myosweep.results.rows import COUNT_COLUMNS, RUN_COLUMNS

ROOT = Path(__file__).parents[1]


def test_every_file_has_its_line() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-c", "-o", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    files = {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    assert files
    named, folder = set(), ""
    for line in (ROOT / "README.md").read_text("utf-8").split("## Every file")[1].splitlines():
        if found := re.match(r"\*\*`(.+)/`\*\*", line):
            folder = "" if found[1] == "." else f"{found[1]}/"
        elif found := re.match(r"- `(.+?)`: \S", line):
            named.add(folder + found[1])
    assert named == files


def test_every_column_is_documented() -> None:
    text = (ROOT / "docs" / "tables.md").read_text("utf-8")
    columns = {**RUN_COLUMNS, **COUNT_COLUMNS}
    missing = [name for name, meaning in columns.items() if f"| `{name}` | {meaning} |" not in text]
    assert not missing
