"""Networks, one per file. All return logits and expose the penultimate representation."""

from memscore.learning.networks.adoption import adopt, check_logits, least_batch
from memscore.learning.networks.cnn import SmallCNN
from memscore.learning.networks.mlp import MLP
from memscore.learning.networks.network import Network
from memscore.learning.networks.registry import NAMES, build_network
from memscore.learning.networks.resnet9 import ResNet9
from memscore.learning.networks.resnet18 import ResNet18
from memscore.learning.networks.resnet32 import ResNet32
from memscore.learning.networks.resnet50 import ResNet50
from memscore.learning.networks.wrapped import Wrapped
from memscore.learning.networks.wrn28_10 import WRN28x10

__all__ = [
    "MLP",
    "NAMES",
    "Network",
    "ResNet9",
    "ResNet18",
    "ResNet32",
    "ResNet50",
    "SmallCNN",
    "WRN28x10",
    "Wrapped",
    "adopt",
    "build_network",
    "check_logits",
    "least_batch",
]
