"""leases; logs and heartbeats of jobs; published scores"""

from alembic import op
import sqlalchemy as sa


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('leases',
    sa.Column('name', sa.String(length=63), nullable=False),
    sa.Column('owner', sa.String(length=255), nullable=False),
    sa.Column('expires_at', sa.Double(), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_leases'))
    )
    op.create_table('pair_scores',
    sa.Column('study_id', sa.String(length=16), nullable=False),
    sa.Column('train_index', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('test_index', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('infl', sa.Double(), nullable=False),
    sa.Column('se', sa.Double(), nullable=True),
    sa.Column('q_value', sa.Double(), nullable=True),
    sa.PrimaryKeyConstraint('study_id', 'train_index', 'test_index', name=op.f('pk_pair_scores')),
    sqlite_with_rowid=False,
    )
    op.create_table('published_scores',
    sa.Column('study_id', sa.String(length=16), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('pairs_digest', sa.String(length=64), nullable=False),
    sa.Column('trials', sa.Integer(), nullable=False),
    sa.Column('published_at', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['study_id'], ['studies.id'], name=op.f('fk_published_scores_study_id_studies')),
    sa.PrimaryKeyConstraint('study_id', name=op.f('pk_published_scores'))
    )
    op.create_table('sample_scores',
    sa.Column('study_id', sa.String(length=16), nullable=False),
    sa.Column('sample_index', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('label', sa.Integer(), nullable=False),
    sa.Column('mem', sa.Double(), nullable=True),
    sa.Column('se', sa.Double(), nullable=True),
    sa.Column('mem_low', sa.Double(), nullable=True),
    sa.Column('mem_high', sa.Double(), nullable=True),
    sa.Column('p_in', sa.Double(), nullable=True),
    sa.Column('p_out', sa.Double(), nullable=True),
    sa.Column('n_in', sa.Integer(), nullable=False),
    sa.Column('n_out', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('study_id', 'sample_index', name=op.f('pk_sample_scores')),
    sqlite_with_rowid=False,
    )
    op.create_table('job_logs',
    sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('job_id', sa.String(length=32), nullable=False),
    sa.Column('attempt', sa.Integer(), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_job_logs_job_id_jobs')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_job_logs'))
    )
    op.create_index('ix_job_logs_job_id', 'job_logs', ['job_id'])
    op.create_index('ix_jobs_study_id', 'jobs', ['study_id'])
    op.create_index('ix_trials_created_at', 'trials', ['created_at'])
    op.create_index('ix_full_trials_created_at', 'full_trials', ['created_at'])
    op.add_column('jobs', sa.Column('trials_per_second', sa.Double(), nullable=True))
    op.add_column('jobs', sa.Column('reported_at', sa.Double(), nullable=True))
    op.add_column('jobs', sa.Column('ran_seconds', sa.Double(), server_default='0', nullable=False))


def downgrade() -> None:
    op.drop_column('jobs', 'ran_seconds')
    op.drop_column('jobs', 'reported_at')
    op.drop_column('jobs', 'trials_per_second')
    op.drop_index('ix_full_trials_created_at', 'full_trials')
    op.drop_index('ix_trials_created_at', 'trials')
    op.drop_index('ix_jobs_study_id', 'jobs')
    op.drop_table('job_logs')
    op.drop_table('sample_scores')
    op.drop_table('published_scores')
    op.drop_table('pair_scores')
    op.drop_table('leases')
