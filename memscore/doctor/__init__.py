"""What may be wrong with an installation, looked at from every side: `memscore doctor`."""
