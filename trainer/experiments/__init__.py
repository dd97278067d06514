"""The paper's figures and tables, each from runs of this package: what it needs, and what it shows."""
