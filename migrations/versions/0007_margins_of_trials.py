"""trials record margins and mistakes"""

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
        for name in COLUMNS:
            op.drop_column(table, name)
