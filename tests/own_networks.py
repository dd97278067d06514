"""Networks as people bring them, for images of 3 x 32 x 32, by `tests.own_networks:name`; some cannot be used."""

from __future__ import annotations

from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

Shape = tuple[int, int, int]


class LeNet(nn.Module):
    """As in the tutorials: flattened with `view`, which needs images in the ordinary memory layout."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(shape[0], 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = functional.max_pool2d(functional.relu(self.conv1(images)), 2)
        maps = functional.max_pool2d(functional.relu(self.conv2(maps)), 2)
        hidden = functional.relu(self.fc1(maps.view(-1, 400)))
        return self.fc3(functional.relu(self.fc2(hidden)))


class Tied(nn.Module):
    """Two layers with one weight, and a layer under two names."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__()
        self.stem = nn.Linear(shape[0] * shape[1] * shape[2], 32)
        self.first, self.second = nn.Linear(32, 32), nn.Linear(32, 32)
        self.second.weight = self.first.weight
        self.head = nn.Linear(32, classes)
        self.classifier = self.head

    def forward(self, images: Tensor) -> Tensor:
        hidden = functional.relu(self.stem(images.flatten(1)))
        return self.classifier(functional.relu(self.second(functional.relu(self.first(hidden)))))


class Dropping(nn.Module):
    """Dropout, as a function and as a module."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__()
        self.conv, self.dropout = nn.Conv2d(shape[0], 8, 3, stride=2), nn.Dropout2d(0.2)
        self.head = nn.Linear(8, classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.dropout(functional.relu(self.conv(images)))
        return self.head(functional.dropout(maps.mean((2, 3)), 0.3, self.training))


class Transformer(nn.Module):
    """A small ViT: patches, a class token, attention, LayerNorm; no BatchNorm."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(shape[0], 16, 8, stride=8)
        places = (shape[1] // 8) * (shape[2] // 8)
        self.token, self.place = nn.Parameter(torch.zeros(1, 1, 16)), nn.Parameter(torch.randn(1, places + 1, 16) / 4)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True, norm_first=True)
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, classes)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patches(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(images), -1, -1), patches], dim=1) + self.place
        return self.head(self.norm(self.layer(tokens))[:, 0])


class Standardizing(nn.Module):
    """Standardizes each image: not a number where an image is constant."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(shape[0], 8, 3, stride=2), nn.Linear(8, classes)

    def forward(self, images: Tensor) -> Tensor:
        mean, deviation = images.mean((1, 2, 3), keepdim=True), images.std((1, 2, 3), keepdim=True)
        return self.head(functional.relu(self.conv((images - mean) / deviation)).mean((2, 3)))


class Auxiliary(nn.Module):
    """Logits of a second head beside its own while it is trained, as GoogLeNet gives them; a layer that is not used."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__()
        self.conv, self.unused = nn.Conv2d(shape[0], 8, 3, stride=2), nn.Linear(3, 3)
        self.aux, self.head = nn.Linear(8, classes), nn.Linear(8, classes)

    def forward(self, images: Tensor) -> Any:
        features = functional.relu(self.conv(images)).mean((2, 3))
        return (self.head(features), self.aux(features)) if self.training else self.head(features)


def lenet(shape: Shape, classes: int) -> nn.Module:
    return LeNet(shape, classes)


def tied(shape: Shape, classes: int) -> nn.Module:
    return Tied(shape, classes)


def dropping(shape: Shape, classes: int) -> nn.Module:
    return Dropping(shape, classes)


def mobilenet(shape: Shape, classes: int) -> nn.Module:
    """torchvision's MobileNetV3, with four of its eleven blocks."""
    from torchvision.models.mobilenetv3 import InvertedResidualConfig

    blocks = [
        InvertedResidualConfig(16, 3, 16, 16, True, "RE", 2, 1, 1.0),
        InvertedResidualConfig(16, 3, 48, 24, False, "RE", 2, 1, 1.0),
        InvertedResidualConfig(24, 5, 96, 40, True, "HS", 1, 1, 1.0),
        InvertedResidualConfig(40, 5, 120, 48, True, "HS", 2, 1, 1.0),
    ]
    return torchvision.models.MobileNetV3(blocks, 128, num_classes=classes)


def squeezenet(shape: Shape, classes: int) -> nn.Module:
    return torchvision.models.squeezenet1_1(num_classes=classes)


def resnet(shape: Shape, classes: int) -> nn.Module:
    """torchvision's ResNet with one block a stage, and the stem that suits images of 32 x 32."""
    network = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=classes)
    network.conv1 = nn.Conv2d(shape[0], 64, 3, stride=2, padding=1, bias=False)
    network.maxpool = nn.Identity()  # pyright: ignore[reportAttributeAccessIssue]
    return network


def transformer(shape: Shape, classes: int) -> nn.Module:
    return Transformer(shape, classes)


def group_norm(shape: Shape, classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(shape[0], 8, 3, stride=2),
        nn.GroupNorm(2, 8),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, classes),
    )


def standardizing(shape: Shape, classes: int) -> nn.Module:
    return Standardizing(shape, classes)


def auxiliary(shape: Shape, classes: int) -> nn.Module:
    return Auxiliary(shape, classes)


class InPlace(LeNet):
    """Normalizes its images where they are, as some published code does."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.sub_(0.5).div_(0.25))


def in_place(shape: Shape, classes: int) -> nn.Module:
    return InPlace(shape, classes)


def lazy(shape: Shape, classes: int) -> nn.Module:
    return nn.Sequential(
        nn.LazyConv2d(8, 3, stride=2), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(classes)
    )


class Squeezing(nn.Module):
    """Pools with `squeeze()`, which also drops a batch of one."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(shape[0], 8, 3), nn.Linear(8, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(functional.adaptive_avg_pool2d(self.conv(images), 1).squeeze())


def squeezing(shape: Shape, classes: int) -> nn.Module:
    return Squeezing(shape, classes)


class Stateful(LeNet):
    """Keeps what is no tensor."""

    def get_extra_state(self) -> dict[str, int]:
        return {"calls": 3}

    def set_extra_state(self, state: dict[str, int]) -> None: ...


def stateful(shape: Shape, classes: int) -> nn.Module:
    return Stateful(shape, classes)


class Detached(LeNet):
    """Cuts the gradient off."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).detach()


def detached(shape: Shape, classes: int) -> nn.Module:
    return Detached(shape, classes)


class Reporting(LeNet):
    """Answers with a report."""

    def forward(self, images: Tensor) -> Any:
        return {"prediction": super().forward(images), "images": len(images)}


def reporting(shape: Shape, classes: int) -> nn.Module:
    return Reporting(shape, classes)


class FailsInTraining(LeNet):
    """An error that only training meets."""

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            raise ValueError("no training here")
        return super().forward(images)


def fails_in_training(shape: Shape, classes: int) -> nn.Module:
    return FailsInTraining(shape, classes)


class Half(LeNet):
    """Answers in half precision."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).bfloat16()


def half(shape: Shape, classes: int) -> nn.Module:
    return Half(shape, classes)


class Blind(LeNet):
    """Lets no gradient back to its images, while its weights learn."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.detach())


def blind(shape: Shape, classes: int) -> nn.Module:
    return Blind(shape, classes)


class Leaving(LeNet):
    """Ends the process in its forward."""

    def forward(self, images: Tensor) -> Tensor:
        raise SystemExit(0 * len(images))


def leaving(shape: Shape, classes: int) -> nn.Module:
    return Leaving(shape, classes)


class Double(LeNet):
    """Has weights in double precision, and gets images in single."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__(shape, classes)
        self.double()


def double(shape: Shape, classes: int) -> nn.Module:
    return Double(shape, classes)


class Complex(LeNet):
    """Answers with complex numbers."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).to(torch.complex64)


def complex_numbers(shape: Shape, classes: int) -> nn.Module:
    return Complex(shape, classes)


class Printing(nn.Sequential):
    """Says what it does."""

    def forward(self, images: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        print("forward!")
        return super().forward(images)


def printing(shape: Shape, classes: int) -> nn.Module:
    return Printing(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], classes))
