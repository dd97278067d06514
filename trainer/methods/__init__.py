"""Training methods, one file each. To add one: write the file, add its line here."""

from trainer.methods.bat import BAT
from trainer.methods.method import Batch, Method
from trainer.methods.pgd import PGD

METHODS: dict[str, type[Method]] = {"pgd": PGD, "bat": BAT}

__all__ = ["BAT", "METHODS", "PGD", "Batch", "Method"]
