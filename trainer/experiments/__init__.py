"""Reproduce the paper's figures and tables: the runs that each needs, and what it shows."""
