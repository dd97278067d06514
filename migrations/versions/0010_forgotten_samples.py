"""forgotten samples: whose content was removed on request, when, and by which key"""

from alembic import op
import sqlalchemy as sa


revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('forgotten_samples',
    sa.Column('fingerprint', sa.String(length=64), nullable=False),
    sa.Column('split', sa.String(length=5), nullable=False),
    sa.Column('sample_index', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('key_name', sa.String(length=63), nullable=True),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.CheckConstraint("split IN ('train', 'test')", name=op.f('ck_forgotten_samples_split')),
    sa.PrimaryKeyConstraint('fingerprint', 'split', 'sample_index', name=op.f('pk_forgotten_samples'))
    )


def downgrade() -> None:
    op.drop_table('forgotten_samples')
