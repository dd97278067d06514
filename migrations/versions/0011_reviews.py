"""reviews: what people say of training samples and their labels"""

from alembic import op
import sqlalchemy as sa


revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('reviews',
    sa.Column('study_id', sa.String(length=16), nullable=False),
    sa.Column('sample_index', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('reviewer', sa.String(length=63), nullable=False),
    sa.Column('verdict', sa.String(length=8), nullable=False),
    sa.Column('label', sa.Integer(), nullable=True),
    sa.Column('digest', sa.String(length=64), nullable=True),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.CheckConstraint("verdict IN ('error', 'fine', 'unsure')", name=op.f('ck_reviews_verdict')),
    sa.ForeignKeyConstraint(['study_id'], ['studies.id'], name=op.f('fk_reviews_study_id_studies')),
    sa.PrimaryKeyConstraint('study_id', 'sample_index', 'reviewer', name=op.f('pk_reviews'))
    )


def downgrade() -> None:
    op.drop_table('reviews')
