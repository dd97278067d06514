"""full trials, probabilities, and what a job asks for"""

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
    op.drop_column('trials', 'test_probability')
    op.drop_column('trials', 'train_probability')
    op.drop_column('jobs', 'request')
    op.drop_table('full_trials')
