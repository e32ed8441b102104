"""The audit: what in a dataset would spoil conclusions, each with what to do about it."""

from myosweep.audit.everything import audit_dataset
from myosweep.audit.records import (
    SEVERITIES,
    Audit,
    Baselines,
    BaselineScore,
    Finding,
    Severity,
    ShareTable,
    Skipped,
)
from myosweep.audit.run_check import serious_for_run

__all__ = [
    "SEVERITIES",
    "Audit",
    "BaselineScore",
    "Baselines",
    "Finding",
    "Severity",
    "ShareTable",
    "Skipped",
    "audit_dataset",
    "serious_for_run",
]
