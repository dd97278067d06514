"""A study as one self-contained HTML page."""

from memscore.report.page import Comparison, Report

__all__ = ["Comparison", "Report"]
