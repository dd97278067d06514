"""A study as one self-contained HTML page."""

from memscore.report.page import Comparison, Report
from memscore.report.provenance import Making

__all__ = ["Comparison", "Making", "Report"]
