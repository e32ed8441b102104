"""Everything that myosweep raises on purpose.

    MyosweepError
    ├── InputError         something the user gave is wrong: exit code 2
    │   ├── ConfigError    a study file or a setting
    │   ├── DatasetError   images, masks, tables, a dataset folder
    │   ├── SplitError     a split that leaks or does not fit its dataset
    │   └── StudyError     a study folder or a run in it
    ├── ClaimLost          another process has taken over the run that this one was training
    ├── PartnerLost        of the processes that share a training one has ended
    └── PartnerFailed      of the processes that share a training one has failed in a way of its own

Each message gives the rule, the value that broke it, and the way out.
"""

from collections.abc import Sequence


class MyosweepError(Exception):
    """Base of all errors that myosweep raises on purpose."""


class InputError(MyosweepError):
    """Input that breaks rules; it carries every broken rule, not the first one.

    Args:
        problems: one sentence per broken rule (rule, value, way out), or a single sentence.
        heading: one line above the list, used when there are several problems.
    """

    def __init__(self, problems: str | Sequence[str], heading: str = "") -> None:
        self.problems: tuple[str, ...] = (
            (problems,) if isinstance(problems, str) else tuple(problems)
        )
        lines = [f"- {problem}" for problem in self.problems]
        if len(self.problems) == 1:
            lines = [self.problems[0]]
        if heading and len(self.problems) > 1:
            lines.insert(0, f"{heading} ({len(self.problems)} problems):")
        super().__init__("\n".join(lines))


class ConfigError(InputError):
    """A study file or a setting that breaks a rule."""


class DatasetError(InputError):
    """Images, masks, tables or a dataset folder that break a rule."""


class SplitError(InputError):
    """A split that leaks between its parts or does not fit its dataset."""


class StudyError(InputError):
    """A study folder, or a run in it, that breaks a rule."""


class ClaimLost(MyosweepError):
    """Another process has taken over the run that this one was training."""


class PartnerLost(MyosweepError):
    """Of the processes that share a training one has ended; nothing more can be said to it."""


class PartnerFailed(MyosweepError):
    """Of the processes that share a training one has failed, and all stop this run."""
