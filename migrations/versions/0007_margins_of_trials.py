"""trials record margins and mistakes"""

from hashlib import sha256
import zlib

from alembic import op
import sqlalchemy as sa


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

COLUMNS = ('train_margin', 'test_margin', 'train_mistakes', 'test_mistakes')


def upgrade() -> None:
    for table in ('trials', 'full_trials'):
        for name in COLUMNS:
            op.add_column(table, sa.Column(name, sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    for table in ('trials', 'full_trials'):
        leave_margins_out_of_digests(op.get_bind(), table)
        for name in COLUMNS:
            op.drop_column(table, name)


def leave_margins_out_of_digests(connection: sa.Connection, table: str) -> None:
    """Recompute digests without margins, but only for intact trials: damaged ones must stay detectable."""
    names = ('subset_digest', 'train_bits', 'test_bits', 'train_probability', 'test_probability', *COLUMNS)
    trials = sa.table(table, *(sa.column(name) for name in ('study_id', 'number', 'digest', *names)))
    recorded = sa.select(trials.c.study_id, trials.c.number).where(trials.c.train_margin.is_not(None))
    for study, number in connection.execute(recorded).all():
        this = sa.and_(trials.c.study_id == study, trials.c.number == number)
        row = connection.execute(sa.select(trials.c.digest, *(trials.c[name] for name in names)).where(this)).one()
        before = [str(number).encode(), row.subset_digest.encode()]
        before += [bytes(row[place]) for place in range(2, 6) if row[place] is not None]
        try:
            margins = [zlib.decompress(row[place]) for place in (6, 7)]
        except (zlib.error, TypeError):
            continue
        if digest([*before, b'margins', *margins, *(bytes(row[place]) for place in (8, 9))]) == row.digest:
            connection.execute(sa.update(trials).where(this).values(digest=digest(before)))


def digest(parts: list[bytes]) -> str:
    state = sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, 'little') + part)
    return state.hexdigest()
