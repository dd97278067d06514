"""The database: all SQL of the product, on SQLite when embedded and on PostgreSQL when deployed."""

from memscore.store.database import Database, open_database

__all__ = ["Database", "open_database"]
