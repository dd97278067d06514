"""The database: all SQL of the product. SQLite when embedded, PostgreSQL when deployed."""

from memscore.store.database import Database, open_database

__all__ = ["Database", "open_database"]
