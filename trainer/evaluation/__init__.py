"""Robustness evaluation: every attack on every group of samples, with intervals, alarms and threat-model checks."""

from memscore.runs.mcnemar import PairedDifference, compare
from memscore.runs.sample_records import SampleRecords, read_samples
from trainer.evaluation.accuracy import correct
from trainer.evaluation.config import EvaluationConfig
from trainer.evaluation.evaluation import evaluate
from trainer.evaluation.findings import EvaluationFinding
from trainer.evaluation.result import Evaluation
from trainer.evaluation.seed_comparison import MethodDifference, compare_seeds
from trainer.evaluation.table import Row

__all__ = [
    "Evaluation",
    "EvaluationConfig",
    "EvaluationFinding",
    "MethodDifference",
    "PairedDifference",
    "Row",
    "SampleRecords",
    "compare",
    "compare_seeds",
    "correct",
    "evaluate",
    "read_samples",
]
