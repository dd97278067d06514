"""Defines the tables. Alembic's chain in migrations/ must create exactly these (a test compares them).

Times are seconds since 1970 in UTC by the database's clock.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from memscore.messages.jobs import STATES

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_HELD = text("state IN ('running', 'cancelling')")

datasets = Table(
    "datasets",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("fingerprint", String(64), nullable=False, index=True),
    Column("source", Text, nullable=False),
    Column("train_samples", Integer, nullable=False),
    Column("test_samples", Integer, nullable=False),
    Column("image_shape", JSON, nullable=False),
    Column("class_names", JSON, nullable=False),
    Column("flipped", JSON, nullable=False),
    Column("created_at", Double, nullable=False),
)

studies = Table(
    "studies",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(63), nullable=False, unique=True),
    Column("dataset", String(63), ForeignKey("datasets.name"), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("recipe", JSON, nullable=False),  # JSON null: imported scores
    Column("design", JSON, nullable=False),
    Column("created_at", Double, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("study_id", String(16), ForeignKey("studies.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("target_trials", Integer, nullable=False),  # for a target of precision: the most trials
    Column("request", JSON, nullable=False, server_default="{}"),
    Column("attempt", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("lease_owner", String(255)),
    Column("lease_expires_at", Double),
    Column("not_before", Double, nullable=False),
    Column("phase", String(32), nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("trials_per_second", Double),  # of the current attempt
    Column("reported_at", Double),  # the driver's last sign of life
    Column("ran_seconds", Double, nullable=False, server_default="0"),  # over all attempts since it was queued
    Column("error", Text),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("finished_at", Double),
    CheckConstraint(f"state IN ({', '.join(repr(state) for state in STATES)})", name="state"),
    Index("ix_jobs_state_created_at", "state", "created_at"),
    Index("ix_jobs_study_id", "study_id"),
    # At most one attempt works on a study, so that no block is trained twice.
    Index("uq_jobs_held_study_id", "study_id", unique=True, sqlite_where=_HELD, postgresql_where=_HELD),
)

job_events = Table(
    "job_events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job_id", String(32), ForeignKey("jobs.id"), nullable=False, index=True),
    Column("at", Double, nullable=False),
    Column("state", String(16), nullable=False),
    Column("message", Text, nullable=False),
)

job_logs = Table(
    "job_logs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job_id", String(32), ForeignKey("jobs.id"), nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("text", Text, nullable=False),  # one or more whole lines
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("name", String(64), primary_key=True),  # digest of caller and key
    Column("request", String(64), nullable=False),  # digest of the body
    Column("answer", JSON),
    Column("created_at", Double, nullable=False, index=True),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("owner", String(255), nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("note", Text),  # why the owner cannot work, if it cannot
)

# Files of removed data. They are deleted after the rows, and listed here until then: a crash in between loses none.
leftovers = Table(
    "leftovers",
    metadata,
    # dataset: its arrays; forgotten: what they hold of forgotten samples; job: the logs of its attempts
    Column("kind", String(16), primary_key=True),
    Column("name", String(64), primary_key=True),  # the dataset's fingerprint, the job's id
    Column("created_at", Double, nullable=False),
)

# Samples whose content was removed on request. They belong to a dataset's fingerprint, whatever its names, and outlast
# its row, so that the content does not come back when the dataset is added again.
forgotten_samples = Table(
    "forgotten_samples",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("split", String(5), primary_key=True),
    Column("sample_index", Integer, primary_key=True, autoincrement=False),
    Column("key_name", String(63)),  # of the API key that asked for it; null: somebody without one
    Column("created_at", Double, nullable=False),
    CheckConstraint("split IN ('train', 'test')", name="split"),
)

# What people say of training samples and their labels.
reviews = Table(
    "reviews",
    metadata,
    Column("study_id", String(16), ForeignKey("studies.id"), primary_key=True),
    Column("sample_index", Integer, primary_key=True, autoincrement=False),
    Column("reviewer", String(63), primary_key=True),  # the name of the API key, if there was one
    Column("verdict", String(8), nullable=False),
    Column("label", Integer),  # the right class, if there is one
    Column("digest", String(64)),  # of the score table that the reviewer saw
    Column("created_at", Double, nullable=False),
    CheckConstraint("verdict IN ('error', 'fine', 'unsure')", name="verdict"),
)

# What removed jobs and studies had counted, so that counters of metrics never fall.
tallies = Table(
    "tallies",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("value", Double, nullable=False),
)


def _trials(name: str, *more: Column[Any], held_out: bool) -> Table:
    return Table(
        name,
        metadata,
        Column("study_id", String(16), ForeignKey("studies.id"), primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("subset_digest", String(64), nullable=False),
        Column("digest", String(64), nullable=False),
        Column("train_bits", LargeBinary, nullable=False),
        Column("test_bits", LargeBinary, nullable=False),
        Column("in_accuracy", Double, nullable=False),
        Column("out_accuracy", Double, nullable=not held_out),
        Column("test_accuracy", Double, nullable=False),
        Column("device", String(63), nullable=False),
        Column("code_version", String(63), nullable=False),
        Column("seconds", Double, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("train_probability", LargeBinary),
        Column("test_probability", LargeBinary),
        Column("network", String(255)),  # its signature; null in older evidence
        # Margins are compressed by zlib; all four are null where only bits were recorded.
        Column("train_margin", LargeBinary),
        Column("test_margin", LargeBinary),
        Column("train_mistakes", LargeBinary),
        Column("test_mistakes", LargeBinary),
        *more,
        Index(f"ix_{name}_created_at", "created_at"),
    )


trials = _trials("trials", held_out=True)
# Null unless margins were recorded, and beyond the first full trials.
_SKETCHES = Column("train_sketch", LargeBinary), Column("test_sketch", LargeBinary)
full_trials = _trials("full_trials", *_SKETCHES, held_out=False)


def _table_versions(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("study_id", String(16), ForeignKey("studies.id"), primary_key=True),
        Column("digest", String(64), primary_key=True),
        Column("trials", Integer, nullable=False),
        Column("meta", JSON, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        Column("created_at", Double, nullable=False),
        Index(f"ix_{name}_study_id_trials", "study_id", "trials"),
    )


score_tables = _table_versions("score_tables")
pair_tables = _table_versions("pair_tables")

# Published score tables, as plain rows for SQL and BI tools; NULL where a value is undefined. They come and go with
# their row of published_scores, without a foreign key, which would double the time on PostgreSQL.
sample_scores = Table(
    "sample_scores",
    metadata,
    Column("study_id", String(16), primary_key=True),
    Column("sample_index", Integer, primary_key=True, autoincrement=False),
    Column("label", Integer, nullable=False),
    Column("mem", Double),
    Column("se", Double),
    Column("mem_low", Double),
    Column("mem_high", Double),
    Column("p_in", Double),
    Column("p_out", Double),
    Column("n_in", Integer, nullable=False),
    Column("n_out", Integer, nullable=False),
    sqlite_with_rowid=False,
)

pair_scores = Table(
    "pair_scores",
    metadata,
    Column("study_id", String(16), primary_key=True),
    Column("train_index", Integer, primary_key=True, autoincrement=False),
    Column("test_index", Integer, primary_key=True, autoincrement=False),
    Column("infl", Double, nullable=False),
    Column("se", Double),
    Column("q_value", Double),
    sqlite_with_rowid=False,
)

published_scores = Table(
    "published_scores",
    metadata,
    Column("study_id", String(16), ForeignKey("studies.id"), primary_key=True),
    Column("digest", String(64), nullable=False),  # of the score table
    Column("pairs_digest", String(64), nullable=False),
    Column("trials", Integer, nullable=False),
    Column("published_at", Double, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(63), nullable=False),
    Column("secret_hash", String(64), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("last_used_at", Double),
    Column("revoked_at", Double),
    Column("expires_at", Double),
    Column("pepper", String(8), nullable=False, server_default=""),  # id of the pepper that the hash was made with
)
