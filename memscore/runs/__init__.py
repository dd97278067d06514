"""Runs of the trainer, read from their folders without torch: for the service, which shows them."""
