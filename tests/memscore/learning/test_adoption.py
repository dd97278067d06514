"""Networks are tried as they will be used, and get their images as they take them."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

from memscore.errors import InvalidInput
from memscore.learning.networks import SmallCNN, Wrapped, adopt, build_network, least_batch
from memscore.learning.networks.adoption import fixed_images
from tests import own_networks

CPU = torch.device("cpu")
SHAPE = (3, 32, 32)


def adopted(module: nn.Module, shape: tuple[int, int, int] = SHAPE, classes: int = 3) -> Wrapped:
    network = Wrapped(module, classes)
    adopt(network, shape, classes, CPU)
    return network


def channels_last(network: nn.Module) -> bool:
    return all(
        parameter.is_contiguous(memory_format=torch.channels_last)
        for parameter in network.parameters()
        if parameter.ndim == 4
    )


def test_a_network_that_needs_the_ordinary_layout_gets_it_and_gives_the_same():
    torch.manual_seed(0)
    module = own_networks.lenet(SHAPE, 3).eval()
    images = torch.rand(5, *SHAPE)
    expected = module(images)
    network = adopted(module)
    assert network.contiguous
    assert not channels_last(network)
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.testing.assert_close(network(images.contiguous(memory_format=layout)), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_one_channel_too_whose_layout_is_ambiguous(channels: int):
    class View(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(channels, 4, 3, padding=1), nn.Linear(4 * 64, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            maps = self.conv(images)
            return self.head(maps.view(maps.size(0), -1))

    network = adopted(View(), (channels, 8, 8))
    images = fixed_images(4, (channels, 8, 8))
    network(images.requires_grad_()).sum().backward()
    assert images.grad is not None


def test_a_network_that_takes_any_layout_gets_channels_last():
    assert channels_last(adopted(own_networks.group_norm(SHAPE, 3)))
    built_in = SmallCNN(3, 3)
    adopt(built_in, SHAPE, 3, CPU)
    assert channels_last(built_in)


def test_a_network_that_gives_something_else_on_channels_last_does_not_get_it():
    class Strides(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3 * 32 * 32, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.head(torch.as_strided(images, (len(images), 3072), (3072, 1)))

    assert adopted(Strides()).contiguous


def test_a_network_that_writes_into_its_images_gets_copies():
    network = adopted(own_networks.in_place(SHAPE, 3))
    assert network.copied
    images = torch.rand(2, *SHAPE)
    before = images.clone()
    network(images.requires_grad_()).sum().backward()
    assert torch.equal(images.detach(), before)


def test_trying_leaves_no_trace():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 5), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(3136, 3))
    module[2].eval()
    state = {name: value.clone() for name, value in module.state_dict().items()}
    modes = [part.training for part in module.modules()]
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    expected = torch.rand(1), random.random(), np.random.rand()  # noqa: NPY002
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    network = adopted(module)
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert (torch.rand(1), random.random(), np.random.rand()) == expected  # noqa: NPY002


@pytest.mark.parametrize(
    ("module", "least"),
    [
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 3)), 2),
        (nn.Sequential(nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3)), 1),
    ],
)
def test_what_normalizes_over_one_value_needs_two_samples(module: nn.Module, least: int):
    assert least_batch(adopted(module), SHAPE, 3) == least


def test_lazy_layers_get_their_shapes_and_repeatable_weights():
    def built() -> nn.Module:
        torch.manual_seed(3)
        return build_network("tests.own_networks:lazy", SHAPE, 3, {})

    one, other = built(), built()
    assert [tuple(parameter.shape) for parameter in one.parameters()][-2:] == [(3, 1800), (3,)]
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        (lambda logits: (logits, 2 * logits), True),
        (lambda logits: {"aux": 2 * logits, "logits": logits}, True),
        (lambda logits: {"out": logits}, True),
        (lambda _: [], False),
        (lambda _: "a text", False),
        (lambda logits: {"features": logits}, False),
    ],
)
def test_logits_are_found_in_what_a_network_answers(answer, taken: bool):
    class Answering(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3072, 3)

        def forward(self, images: torch.Tensor):
            return answer(self.head(images.flatten(1)))

    module = Answering()
    if not taken:
        with pytest.raises(InvalidInput, match="without logits"):
            adopted(module)
        return
    images = torch.rand(2, *SHAPE)
    assert torch.equal(adopted(module)(images), module.head(images.flatten(1)))


def test_the_representation_of_a_convolutional_head_is_the_mean_over_its_places():
    module = own_networks.squeezenet(SHAPE, 3).eval()
    features, logits = adopted(module).eval().represent(torch.rand(2, *SHAPE))
    assert features.shape == (2, 512)
    assert logits.shape == (2, 3)
