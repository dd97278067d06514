"""Networks, one file each. All give logits and expose the penultimate representation."""

from memscore.learning.networks.cnn import SmallCNN
from memscore.learning.networks.mlp import MLP
from memscore.learning.networks.network import Network

__all__ = ["MLP", "Network", "SmallCNN"]
