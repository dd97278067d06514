"""Training of subset models. Needs torch; must run where Ray, FastAPI and SQLAlchemy are not installed."""
