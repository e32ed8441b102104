"""Frozen records for everything that a user can set, and their TOML form."""

from myosweep.config.early_rule import (
    Early,
    EarlyAction,
    EarlyRule,
    attempt_label,
    change_words,
    early_rule_problems,
)
from myosweep.config.effect import without_effect
from myosweep.config.parts import L2, LEARNED, Augmentation, Images, Labels
from myosweep.config.records import (
    Record,
    Value,
    by_size,
    canonical_hash,
    flatten,
)
from myosweep.config.replicates import Replicate, Replicates
from myosweep.config.settings import (
    PRESETS,
    RunSettings,
    SettingRow,
    describe_settings,
    preset_reasons,
    preset_settings,
    run_id,
    run_label,
    settings_from_paths,
    settings_paths,
)
from myosweep.config.space import Choice, Range, Space, counts, full_point, is_whole
from myosweep.config.study import (
    Metric,
    Question,
    Scoring,
    SplitConfig,
    StudyConfig,
)
from myosweep.config.study_file import (
    read_study_config,
    split_config,
    study_config,
    write_study_config,
)
from myosweep.config.sweep import LevelNames
from myosweep.config.tune import Budget, Tune, parse_budget

__all__ = [
    "L2",
    "LEARNED",
    "PRESETS",
    "Augmentation",
    "Budget",
    "Choice",
    "Early",
    "EarlyAction",
    "EarlyRule",
    "Images",
    "Labels",
    "LevelNames",
    "Metric",
    "Question",
    "Range",
    "Record",
    "Replicate",
    "Replicates",
    "RunSettings",
    "Scoring",
    "SettingRow",
    "Space",
    "SplitConfig",
    "StudyConfig",
    "Tune",
    "Value",
    "attempt_label",
    "by_size",
    "canonical_hash",
    "change_words",
    "counts",
    "describe_settings",
    "early_rule_problems",
    "flatten",
    "full_point",
    "is_whole",
    "parse_budget",
    "preset_reasons",
    "preset_settings",
    "read_study_config",
    "run_id",
    "run_label",
    "settings_from_paths",
    "settings_paths",
    "split_config",
    "study_config",
    "without_effect",
    "write_study_config",
]
