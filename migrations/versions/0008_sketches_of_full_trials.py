"""full trials record sketches"""

from hashlib import sha256
import zlib

from alembic import op
import sqlalchemy as sa


revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

COLUMNS = ('train_sketch', 'test_sketch')


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column('full_trials', sa.Column(name, sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    leave_sketches_out_of_digests(op.get_bind())
    for name in COLUMNS:
        op.drop_column('full_trials', name)


def leave_sketches_out_of_digests(connection: sa.Connection) -> None:
    """Recompute digests without sketches, but only for intact trials: damaged ones must stay detectable."""
    bits = ('subset_digest', 'train_bits', 'test_bits', 'train_probability', 'test_probability')
    margins = ('train_margin', 'test_margin', 'train_mistakes', 'test_mistakes')
    names = (*bits, *margins, *COLUMNS)
    trials = sa.table('full_trials', *(sa.column(name) for name in ('study_id', 'number', 'digest', *names)))
    recorded = sa.select(trials.c.study_id, trials.c.number).where(trials.c.train_sketch.is_not(None))
    for study, number in connection.execute(recorded).all():
        this = sa.and_(trials.c.study_id == study, trials.c.number == number)
        row = connection.execute(sa.select(trials.c.digest, *(trials.c[name] for name in names)).where(this)).one()
        before = [str(number).encode(), row.subset_digest.encode()]
        before += [bytes(row[place]) for place in range(2, 6) if row[place] is not None]
        try:
            if row.train_margin is not None:
                before += [b'margins', *(zlib.decompress(row[place]) for place in (6, 7))]
                before += [bytes(row[place]) for place in (8, 9)]
            sketches = [bytes(row[place]) for place in (10, 11)]
        except (zlib.error, TypeError):
            continue
        if digest([*before, b'sketch', *sketches]) == row.digest:
            connection.execute(sa.update(trials).where(this).values(digest=digest(before)))


def digest(parts: list[bytes]) -> str:
    state = sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, 'little') + part)
    return state.hexdigest()
