"""Weights under the names of other codes give the outputs of the networks that they were trained in."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from memscore.errors import InvalidInput
from memscore.learning.networks import build_network
from memscore.learning.networks.network import Network
from trainer.layouts import Normalization
from trainer.state_file import load_weights, loaded

SHAPE, CLASSES = (3, 16, 16), 5


class Basic(nn.Module):
    """A block of a ResNet, with the usual names."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        changes = stride != 1 or inputs != width
        layers = [nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width)] if changes else []
        self.shortcut = nn.Sequential(*layers)

    def forward(self, maps: Tensor) -> Tensor:
        inside = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(maps)))))
        return functional.relu(inside + self.shortcut(maps))


class TheirResNet18(nn.Module):
    """ResNet-18 for small images, as RobustBench and MAIR name its layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        for stage, (inputs, width) in enumerate(((64, 64), (64, 128), (128, 256), (256, 512)), start=1):
            blocks = Basic(inputs, width, 1 if stage == 1 else 2), Basic(width, width, 1)
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.linear = nn.Linear(512, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        maps = functional.relu(self.bn1(self.conv1(images)))
        for stage in range(1, 5):
            maps = getattr(self, f"layer{stage}")(maps)
        return self.linear(maps.mean(dim=(2, 3)))


class Wide(nn.Module):
    """A block of a Wide ResNet, with the usual names."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.convShortcut = None if inputs == width else nn.Conv2d(inputs, width, 1, stride, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        active = functional.relu(self.bn1(maps))
        inside = self.conv2(functional.relu(self.bn2(self.conv1(active))))
        return inside + (maps if self.convShortcut is None else self.convShortcut(active))


class Stage(nn.Module):
    """Four blocks, in an attribute of their own."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.layer = nn.Sequential(*(Wide(width if k else inputs, width, 1 if k else stride) for k in range(4)))


class TheirWRN(nn.Module):
    """WRN-28-10, as RobustBench names its layers, with the block that its outputs do not need."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.block1, self.block2, self.block3 = Stage(16, 160, 1), Stage(160, 320, 2), Stage(320, 640, 2)
        self.sub_block1 = Stage(16, 160, 1)
        self.bn1 = nn.BatchNorm2d(640)
        self.fc = nn.Linear(640, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.conv1(images)
        for stage in (self.block1, self.block2, self.block3):
            maps = stage.layer(maps)
        return self.fc(functional.relu(self.bn1(maps)).mean(dim=(2, 3)))


def lived(network: nn.Module) -> nn.Module:
    """The network with statistics that no other network has."""
    torch.manual_seed(5)
    for name, value in network.state_dict().items():
        if value.is_floating_point() and "conv" not in name:
            value.copy_(torch.rand_like(value) + 0.5)
    return network.eval()


@pytest.fixture(scope="module")
def resnet() -> nn.Module:
    torch.manual_seed(0)
    return lived(TheirResNet18())


def images() -> Tensor:
    return torch.rand(4, *SHAPE, generator=torch.Generator().manual_seed(1))


def ours(path: Path, normalize: str | None = None, network: str = "resnet18") -> Network:
    built = build_network(network, SHAPE, CLASSES, {})
    assert isinstance(built, Network)
    return loaded(built, path, network, normalize).eval()


@torch.no_grad()
def test_a_resnet_is_the_same_function(resnet: nn.Module, tmp_path: Path):
    file = tmp_path / "their.pt"
    torch.save({"state_dict": {f"module.{name}": value for name, value in resnet.state_dict().items()}}, file)
    network = ours(file, "none")
    torch.testing.assert_close(network(images()), resnet(images()))
    features, logits = network.represent(images())
    assert features.shape == (4, 512)
    torch.testing.assert_close(logits, resnet(images()))
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
    apart = (images() - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    torch.testing.assert_close(ours(file, "0.5,0.4,0.3/0.2,0.25,0.3")(images()), resnet(apart))


@torch.no_grad()
def test_a_file_may_state_its_normalization(resnet: nn.Module, tmp_path: Path):
    """As MAIR keeps it, beside the network or in front of it, and as a tensor [1, C, 1, 1]."""
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.25, 0.3])
    expected = resnet((images() - mean[:, None, None]) / std[:, None, None])
    state = resnet.state_dict()
    beside = {"n_classes": torch.tensor(5), "mean": mean, "std": std}
    forms = [
        {"rmodel": beside | {f"model.{name}": value for name, value in state.items()}},
        {"model.0.mean": mean, "model.0.std": std} | {f"model.1.{name}": value for name, value in state.items()},
        {"mu": mean[None, :, None, None], "sigma": std[None, :, None, None]} | state,
    ]
    for form in forms:
        torch.save(form, tmp_path / "their.pt")
        torch.testing.assert_close(ours(tmp_path / "their.pt")(images()), expected)
    torch.testing.assert_close(ours(tmp_path / "their.pt", "none")(images()), resnet(images()))


@torch.no_grad()
def test_a_wide_resnet_in_any_order_of_its_tensors(tmp_path: Path):
    """safetensors sorts them by name; and a block that takes no part is left out."""
    torch.manual_seed(0)
    theirs = lived(TheirWRN())
    state = {name: value for name, value in theirs.state_dict().items() if not name.endswith("num_batches_tracked")}
    save_file(dict(sorted(state.items())), tmp_path / "their.safetensors")
    network = ours(tmp_path / "their.safetensors", "none", "wrn28_10")
    torch.testing.assert_close(network(images()), theirs(images()))


def test_what_cannot_be_read_so_says_why(resnet: nn.Module, tmp_path: Path):
    def refusal(state: dict[str, Tensor], normalize: str | None = None, network: str = "resnet18") -> str:
        torch.save(state, tmp_path / "their.pt")
        with pytest.raises(InvalidInput) as error:
            ours(tmp_path / "their.pt", normalize, network)
        return str(error.value)

    state = resnet.state_dict()
    assert "does not say how that normalizes images: give --normalize none" in refusal(state)
    assert "are not those of resnet50" in refusal(state, network="resnet50")
    assert "are not those of resnet18" in refusal({name: state[name] for name in state if "layer4.1" not in name})
    assert "The normalization has 2 channels, the images have 3" in refusal(state, "0,0/1,1")
    assert "is neither none nor MEAN/STD" in refusal(state, "0.5")
    assert "as many standard deviations above 0 as means" in refusal(state, "0.5/0")
    assert "as many standard deviations above 0 as means" in refusal(
        state | {"mean": torch.zeros(3), "std": torch.ones(1)}
    )
    own = build_network("resnet18", SHAPE, CLASSES, {}).state_dict()
    assert "--normalize is for a built-in network with weights of another code" in refusal(own, "none")
    torch.save(state, tmp_path / "their.pt")
    with pytest.raises(InvalidInput, match="normalizes images in another way; evaluate takes them with --normalize"):
        load_weights(build_network("resnet18", SHAPE, CLASSES, {}), tmp_path / "their.pt", "resnet18")
    with pytest.raises(InvalidInput, match="neither none nor MEAN/STD"):
        Normalization.of("nan/x")
