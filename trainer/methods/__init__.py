"""Training methods, one file each. To add one: write the file, add its line here."""

from trainer.methods.bat import BAT
from trainer.methods.dpls import DPLS
from trainer.methods.erm import ERM
from trainer.methods.gairat import GAIRAT
from trainer.methods.mart import MART
from trainer.methods.method import Batch, Crafted, Loss, Method, Step
from trainer.methods.pgd import PGD
from trainer.methods.trades import TRADES

METHODS: dict[str, type[Method]] = {
    "erm": ERM,
    "pgd": PGD,
    "trades": TRADES,
    "mart": MART,
    "gairat": GAIRAT,
    "bat": BAT,
    "dpls": DPLS,
}

__all__ = [
    "BAT",
    "DPLS",
    "ERM",
    "GAIRAT",
    "MART",
    "METHODS",
    "PGD",
    "TRADES",
    "Batch",
    "Crafted",
    "Loss",
    "Method",
    "Step",
]
