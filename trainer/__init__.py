"""Adversarial training that uses memorization scores. Imports memscore, never the service or the database."""
