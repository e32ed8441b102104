"""Study files: read, checked and written."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import ValidationError

from myosweep.config.records import sentences
from myosweep.config.study import SplitConfig, StudyConfig
from myosweep.errors import ConfigError
from myosweep.files import whole_file


def read_study_config(path: Path) -> StudyConfig:
    """Read a study file.

    Raises:
        ConfigError: if it is missing, not TOML, or breaks rules; all broken rules at once.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"there is no study file {path.name!r}; check the path") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path.name} is not readable TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path.name} is not readable TOML: its lists have no end") from None
    return study_config(content, path.name)


def study_config(content: Mapping[str, Any], name: str = "the study") -> StudyConfig:
    """Validate the content of a study file; ``name`` stands in the error."""
    try:
        return StudyConfig.model_validate(content)
    except ConfigError as error:
        problems = error.problems
    except ValidationError as error:
        problems = (*sentences(error, StudyConfig), *_settings_problems(content))
    raise ConfigError(tuple(dict.fromkeys(problems)), f"{name} cannot be used")


def _settings_problems(content: Mapping[str, Any]) -> Sequence[str]:
    """What is wrong with the settings alone: problems elsewhere keep them from being looked at."""
    part = {key: content[key] for key in ("settings", "sweep", "names") if key in content}
    try:
        StudyConfig.model_validate({"name": "settings", "dataset": "", **part})
    except ConfigError as error:
        return error.problems
    except ValidationError:  # told already
        pass
    return ()


def split_config(by: str, fractions: str, seed: int) -> SplitConfig:
    """Validate a split's options as a command line gives them."""
    try:
        parts = [float(part) for part in fractions.split(",")]
        return SplitConfig.model_validate({"by": by, "fractions": parts, "seed": seed})
    except ValidationError as error:
        raise ConfigError(sentences(error, SplitConfig), "the split cannot be made") from None
    except ValueError:
        raise ConfigError(
            f"fractions are three numbers with commas between them, got {fractions!r}; write for "
            "instance 0.6,0.2,0.2"
        ) from None


def write_study_config(config: StudyConfig, path: Path) -> None:
    """Write a study file that reads back as the same record."""
    content = config.model_dump(mode="json", exclude_none=True)
    with whole_file(path) as draft:
        draft.write_text(tomlkit.dumps(content), encoding="utf-8")
