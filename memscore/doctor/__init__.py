"""Diagnosis of an installation: `memscore doctor`."""
