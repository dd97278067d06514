"""The memscore service: a FastAPI application over the store. Imports neither torch nor Ray."""
