"""The house's structure: imports point down, and the right side of the waist needs no torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import myosweep

SOURCE = Path(myosweep.__file__).parent
ROWS = [
    {"errors", "regions", "randomness", "files", "distances", "launch"},
    {"config"},
    {"data", "metrics", "results", "model", "statistics"},
    {"training", "analysis", "audit"},
    {"predict"},
    {"report"},
    {"study"},
    {"serve"},
    {"cli"},
    {"__main__"},
]
ROW_OF = {part: number for number, row in enumerate(ROWS) for part in row}
POSIX_ONLY = {"fcntl", "pwd", "grp", "resource", "termios"}
FILES = [path for path in sorted(SOURCE.rglob("*.py")) if path != SOURCE / "__init__.py"]


def part_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Every module that a file imports, lazy imports and type-checking ones included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


assert FILES, "no source files found"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_part_imports_only_from_rows_above_its_own(path: Path) -> None:
    here = part_of(path)
    assert here in ROW_OF, f"{here} has no row; give it one in this test"
    for name in imported(path):
        package, _, rest = name.partition(".")
        there = rest.split(".")[0]
        if package != "myosweep" or there in (here, "", "__version__"):
            continue
        allowed = ROW_OF[there] < ROW_OF[here] or (ROW_OF[there] == ROW_OF[here] == 0)
        assert allowed, f"{here} imports {name}, which is not above it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_nothing_needs_a_posix_system(path: Path) -> None:
    assert not POSIX_ONLY & {name.split(".")[0] for name in imported(path)}


@pytest.mark.parametrize(
    "part", ["metrics", "results", "statistics", "analysis", "audit", "report"]
)
def test_the_right_of_the_waist_loads_no_torch(part: str) -> None:
    modules = [
        ".".join(("myosweep", *path.relative_to(SOURCE).with_suffix("").parts))
        for path in FILES
        if part_of(path) == part
    ]
    assert modules
    code = (
        f"import sys\nfor name in {modules!r}: __import__(name)\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_loads_nothing_heavy() -> None:
    heavy = ["torch", "pandas", "matplotlib", "monai", "scipy"]
    code = (
        "import sys\nimport myosweep.cli.app\n"
        f"loaded = [name for name in {heavy!r} if name in sys.modules]\nassert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
