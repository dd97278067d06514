"""full trials, probabilities, and the requests of jobs"""

from hashlib import sha256

from alembic import op
import sqlalchemy as sa


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('full_trials',
    sa.Column('study_id', sa.String(length=16), nullable=False),
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('subset_digest', sa.String(length=64), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('train_bits', sa.LargeBinary(), nullable=False),
    sa.Column('test_bits', sa.LargeBinary(), nullable=False),
    sa.Column('in_accuracy', sa.Double(), nullable=False),
    sa.Column('out_accuracy', sa.Double(), nullable=True),
    sa.Column('test_accuracy', sa.Double(), nullable=False),
    sa.Column('device', sa.String(length=63), nullable=False),
    sa.Column('code_version', sa.String(length=63), nullable=False),
    sa.Column('seconds', sa.Double(), nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('train_probability', sa.LargeBinary(), nullable=True),
    sa.Column('test_probability', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['study_id'], ['studies.id'], name=op.f('fk_full_trials_study_id_studies')),
    sa.PrimaryKeyConstraint('study_id', 'number', name=op.f('pk_full_trials'))
    )
    op.add_column('jobs', sa.Column('request', sa.JSON(), server_default='{}', nullable=False))
    op.add_column('trials', sa.Column('train_probability', sa.LargeBinary(), nullable=True))
    op.add_column('trials', sa.Column('test_probability', sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    leave_probabilities_out_of_digests(op.get_bind())
    op.drop_column('trials', 'test_probability')
    op.drop_column('trials', 'train_probability')
    op.drop_column('jobs', 'request')
    op.drop_table('full_trials')


def leave_probabilities_out_of_digests(connection: sa.Connection) -> None:
    """Recompute digests without probabilities, but only for intact trials: damaged ones must stay detectable."""
    names = ('number', 'subset_digest', 'train_bits', 'test_bits', 'train_probability', 'test_probability')
    trials = sa.table('trials', sa.column('study_id'), sa.column('digest'), *(sa.column(name) for name in names))
    recorded = sa.select(trials.c.study_id, trials.c.number).where(trials.c.train_probability.is_not(None))
    for study, number in connection.execute(recorded).all():
        this = sa.and_(trials.c.study_id == study, trials.c.number == number)
        row = connection.execute(sa.select(trials.c.digest, *(trials.c[name] for name in names)).where(this)).one()
        parts = [str(number).encode(), row.subset_digest.encode()]
        parts += [bytes(row[position]) for position in range(3, 7) if row[position] is not None]
        if digest(parts) == row.digest:
            connection.execute(sa.update(trials).where(this).values(digest=digest(parts[:4])))


def digest(parts: list[bytes]) -> str:
    state = sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, 'little') + part)
    return state.hexdigest()
