"""trials record the signature of their network"""

from alembic import op
import sqlalchemy as sa


revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ('trials', 'full_trials'):
        op.add_column(table, sa.Column('network', sa.String(length=255), nullable=True))


def downgrade() -> None:
    for table in ('trials', 'full_trials'):
        op.drop_column(table, 'network')
