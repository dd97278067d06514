"""Precision of a study: how precise its scores are, and how many trials make them so."""
