"""Training of subset models. Needs torch, and must run without Ray, FastAPI and SQLAlchemy."""
