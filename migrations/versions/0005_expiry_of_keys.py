"""keys expire, and record the pepper of their hash"""

from alembic import op
import sqlalchemy as sa


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('api_keys', sa.Column('expires_at', sa.Double(), nullable=True))
    op.add_column('api_keys', sa.Column('pepper', sa.String(length=8), server_default='', nullable=False))


def downgrade() -> None:
    op.drop_column('api_keys', 'pepper')
    op.drop_column('api_keys', 'expires_at')
