"""Verify the trainer against its sources: golden values, identities, and released packages."""
