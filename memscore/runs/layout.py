"""Files of runs, sweeps and reproduced items: the trainer writes them, the service reads them."""

from __future__ import annotations

REQUEST, ENVIRONMENT, METRICS, FINISHED = "config.json", "environment.json", "metrics.jsonl", "finished.json"
CHECKPOINTS, EVALUATIONS = "checkpoints", "evaluation"
CURVE = "epochs"
"""The subfolder of the networks that `keep_every` keeps along the way."""
ATTACKED = "attacks"
"""The subfolder of a reproduced run's evaluations with the slow attacks."""
TABLE_JSON = "table.json"
SAMPLES = "samples.parquet"
CHANGES = "changes"
"""The key of environment.json with what changed between attempts."""

SWEEP, COMPARISON = "sweep.json", "comparison.json"

ITEMS, CLAIMS = "items", "claims.json"
VERDICTS, MADE, PAGE = "verdicts.json", "made.json", "README.md"
