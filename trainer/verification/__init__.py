"""Proof that the trainer computes what its sources define: golden values, identities, released packages."""
