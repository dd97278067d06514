"""A study as one self-contained HTML page."""

from memscore.report.page import MethodComparison, Report
from memscore.report.provenance import Making

__all__ = ["Making", "MethodComparison", "Report"]
