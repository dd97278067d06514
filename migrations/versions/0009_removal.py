"""removal: files still to be deleted, and what removed rows had counted"""

from alembic import op
import sqlalchemy as sa


revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('leftovers',
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('kind', 'name', name=op.f('pk_leftovers'))
    )
    op.create_table('tallies',
    sa.Column('name', sa.String(length=63), nullable=False),
    sa.Column('value', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_tallies'))
    )


def downgrade() -> None:
    op.drop_table('tallies')
    op.drop_table('leftovers')
