from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from memscore.errors import InvalidInput
from memscore.learning.networks import NAMES, Network, ResNet9, ResNet32, Wrapped, build_network, check_logits

Shape = tuple[int, int, int]
CIFAR: Shape = (3, 32, 32)
DIGITS: Shape = (1, 8, 8)
SMALL: dict[str, dict[str, Any]] = {"mlp": {"hidden": (20, 12)}, "cnn": {"width": 4}, "resnet9": {"width": 4}}
CONVOLUTIONAL = tuple(name for name in NAMES if name != "mlp")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def build(network: str, shape: Shape = DIGITS, classes: int = 10, **options: Any) -> Network:
    torch.manual_seed(0)
    return build_network(network, shape, classes, options)


def images(shape: Shape, count: int = 2) -> Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(1))


# A 3x3 convolution from a to b maps has 9ab weights, its BatchNorm 2b, a linear head from d to c units dc + c.
# resnet9, widths 64 to 512: 1,728 + 128 | 73,728 + 256 | 2 (147,456 + 256) | 294,912 + 512 | 1,179,648 + 1,024
#   | 2 (2,359,296 + 1,024) | 5,130.
# resnet32: 432 + 32 | 10 (2,304 + 32) | 4,608 + 64 + 9 (9,216 + 64) | 18,432 + 128 + 9 (36,864 + 128) | 650;
#   0.46 M in He et al. (2016), table 6.
# resnet18, resnet50: torchvision's 11,689,512 and 25,557,032 (7x7 stem of 9,408, 1000 classes) with the other stem
#   (1,728) and head.
# wrn28_10: 36.5 M in Zagoruyko and Komodakis (2016), table 4.
@pytest.mark.parametrize(
    ("network", "classes", "parameters"),
    [
        ("resnet9", 10, 6_573_130),
        ("resnet9", 100, 6_573_130 + 90 * 513),
        ("resnet32", 10, 464_154),
        ("resnet18", 10, 11_173_962),
        ("resnet18", 10, 11_689_512 - 9_408 + 1_728 - 990 * 513),
        ("resnet18", 100, 11_220_132),
        ("resnet50", 10, 23_520_842),
        ("resnet50", 10, 25_557_032 - 9_408 + 1_728 - 990 * 2_049),
        ("resnet50", 100, 23_705_252),
        ("wrn28_10", 10, 36_479_194),
        ("wrn28_10", 100, 36_536_884),
    ],
)
def test_the_number_of_parameters_is_that_of_the_literature(network: str, classes: int, parameters: int):
    with torch.device("meta"):
        built = build_network(network, CIFAR, classes, {})
    assert sum(part.numel() for part in built.parameters()) == parameters


@pytest.mark.parametrize(
    ("network", "peer"),
    [("resnet18", torchvision.models.resnet18), ("resnet50", torchvision.models.resnet50)],
)
def test_resnets_compute_what_torchvision_does_behind_another_stem(network: str, peer: Callable[..., Any]):
    shape = (3, 8, 8)
    ours = build(network, shape)
    theirs = peer(num_classes=10)
    theirs.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    theirs.maxpool = nn.Identity()
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            other.copy_(mine)
        batch = images(shape)
        torch.testing.assert_close(ours.eval()(batch), theirs.eval()(batch * 2 - 1))


@pytest.mark.parametrize("network", NAMES)
def test_the_head_on_the_representation_gives_the_logits(network: str):
    built = build(network, **SMALL.get(network, {})).eval()
    batch = images(DIGITS)
    with torch.no_grad():
        representation = built.features(batch)
        assert representation.shape == (2, built.head.in_features)
        torch.testing.assert_close(built.head(representation), built(batch), rtol=0, atol=0)
    check_logits(built, DIGITS, 10)


@pytest.mark.parametrize("network", ["mlp", "cnn", "resnet9", "resnet18", "resnet32"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64)])
def test_images_of_the_usual_sizes_give_logits(network: str, shape: Shape):
    check_logits(build(network, shape, 7, **SMALL.get(network, {})), shape, 7)


@pytest.mark.parametrize("stem", [2, 3])
@pytest.mark.parametrize("shape", [(1, 2, 2), (1, 7, 9), (1, 8, 8), (1, 28, 28), (3, 64, 64)])
def test_resnet9_takes_images_of_two_pixels_and_more(shape: Shape, stem: int):
    check_logits(build("resnet9", shape, width=4, stem=stem), shape, 10)


def test_larger_stems_of_resnet9_divide_the_side_of_its_maps():
    sizes = []
    for stem in (3, 2, 8):
        network = build("resnet9", CIFAR, width=4, stem=stem)
        assert isinstance(network, ResNet9)
        sizes.append(network.stages[0](images(CIFAR)).shape)
    assert sizes == [(2, 4, 32, 32), (2, 4, 16, 16), (2, 4, 4, 4)]


@pytest.mark.parametrize("network", CONVOLUTIONAL)
def test_the_order_of_channels_in_memory_does_not_matter(network: str):
    shape = (3, 8, 8)
    built = build(network, shape, **SMALL.get(network, {})).eval()
    batch = images(shape)
    with torch.no_grad():
        expected = built(batch)
        built.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        torch.testing.assert_close(
            built(batch.contiguous(memory_format=torch.channels_last)), expected, rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("network", ["mlp", "cnn", "resnet9", "resnet32"])
def test_the_global_seed_fixes_the_initial_weights(network: str):
    options = SMALL.get(network, {})
    one, two = build(network, **options), build(network, **options)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    third = build_network(network, DIGITS, 10, options)
    assert not torch.equal(one.head.weight, third.head.weight)


def test_convolutions_start_with_the_variance_of_he():
    convolution = next(part for part in list(build("resnet18").modules())[::-1] if isinstance(part, nn.Conv2d))
    assert convolution.weight.shape == (512, 512, 3, 3)
    assert convolution.weight.std().item() == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.01)


def test_shortcuts_of_resnet32_have_no_parameters():
    network = build("resnet32").eval()
    assert isinstance(network, ResNet32)
    block = network.blocks[5]
    norm = [part for part in block.modules() if isinstance(part, nn.BatchNorm2d)][-1]
    nn.init.zeros_(norm.weight)
    maps = images((16, 7, 7))
    out = block(maps)
    assert torch.equal(out[:, 8:24], maps[:, :, ::2, ::2])
    assert not out[:, :8].any()
    assert not out[:, 24:].any()


class Own(nn.Module):
    """Not a Network: an auxiliary layer before the head, dropout, and a BatchNorm."""

    def __init__(self, shape: Shape, outputs: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], width), nn.BatchNorm1d(width))
        self.dropout = nn.Dropout()
        self.classifier = nn.Linear(width, outputs)

    def forward(self, batch: Tensor) -> Tensor:
        return self.classifier(self.dropout(self.body(batch).relu()))


def own(shape: Shape, classes: int, width: int = 10) -> nn.Module:
    return Own(shape, classes, width)


def wrong_logits(shape: Shape, classes: int) -> nn.Module:
    return nn.Sequential(Own(shape, classes, 5), nn.Linear(classes, classes), nn.Linear(classes, classes + 1))


def without_head(shape: Shape, classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], classes + 1))


def not_a_module(shape: Shape, classes: int) -> object:
    return [shape, classes]


def a_network(shape: Shape, classes: int) -> nn.Module:
    return ResNet9(shape[0], classes, 4)


def breaks(shape: Shape, classes: int) -> nn.Module:
    raise RuntimeError("no weights here")


class UnusedHead(nn.Module):
    """Uses one of its layers only."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(64, 10), nn.Linear(4, 10)

    def forward(self, batch: Tensor) -> Tensor:
        return self.used(batch.flatten(1))


not_callable = 3


def test_a_network_of_the_user_keeps_its_logits_and_shows_its_representation():
    built = build(f"{__name__}:own", width=10).eval()
    assert isinstance(built, Wrapped)
    module = built.module
    assert isinstance(module, Own)
    batch = images(DIGITS)
    with torch.no_grad():
        assert torch.equal(built(batch), module(batch))
        assert torch.equal(built.features(batch), module.body(batch).relu())
        assert torch.equal(built.head(built.features(batch)), module(batch))
    assert built.head is module.classifier
    assert list(built.state_dict()) == [f"module.{name}" for name in module.state_dict()]


def test_features_of_the_user_carry_gradients_and_leave_no_hook():
    built = build(f"{__name__}:own")
    built.features(images(DIGITS)).sum().backward()
    assert isinstance(built, Wrapped)
    module = built.module
    assert isinstance(module, Own)
    assert module.body[1].weight.grad is not None
    assert not module.classifier._forward_pre_hooks


def test_a_network_of_the_user_that_shows_its_representation_is_not_wrapped():
    assert isinstance(build(f"{__name__}:a_network"), ResNet9)


def test_the_check_of_logits_changes_nothing():
    built = build(f"{__name__}:own")
    assert isinstance(built, Wrapped)
    built.module.get_submodule("dropout").eval()
    state = {name: value.clone() for name, value in built.state_dict().items()}
    modes = [part.training for part in built.modules()]
    check_logits(built, DIGITS, 10)
    assert [part.training for part in built.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in built.state_dict().items())
    assert all(parameter.grad is None for parameter in built.parameters())


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        ("resnet19", {}, "unknown network 'resnet19'; use one of mlp, cnn, resnet9, .*package.module:function"),
        ("resnet18", {"width": 4}, "unknown option width of network resnet18, which takes no options"),
        ("resnet9", {"widht": 4}, "unknown option widht of network resnet9, which takes only width, stem"),
        ("resnet9", {"width": 0}, "width must be a positive whole number, got 0"),
        ("resnet9", {"width": 4, "stem": 5}, "stem must be 3 .* or an even number of pixels up to 32, got 5"),
        ("cnn", {"width": True}, "width must be a positive whole number, got True"),
        ("mlp", {}, "mlp needs the option hidden"),
        ("mlp", {"hidden": 64}, "hidden must be a list of positive whole numbers, got 64"),
        ("mlp", {"hidden": (64, 0)}, "hidden must be a list of positive whole numbers"),
        ("nowhere.at_all:own", {}, "cannot import nowhere.at_all .*PYTHONPATH"),
        (":own", {}, "':own' does not name a function"),
        (f"{__name__}:missing", {}, "has no function missing"),
        (f"{__name__}:not_callable", {}, "has no function not_callable"),
        (f"{__name__}:own", {"depth": 3}, "rejects its arguments .*options given: depth=3"),
        (f"{__name__}:not_a_module", {}, r"must return a torch.nn.Module, but returns a list"),
        (f"{__name__}:breaks", {}, "raises RuntimeError: no weights here"),
    ],
)
def test_what_cannot_be_built_says_what_to_do(network: str, options: dict[str, Any], message: str):
    with pytest.raises(InvalidInput, match=message):
        build(network, **options)


def test_a_network_without_a_head_shows_no_representation():
    with pytest.raises(InvalidInput, match=r"Sequential exposes no representation: it has no nn.Linear .* make it"):
        build(f"{__name__}:without_head").features(images(DIGITS))


def test_a_module_that_fails_on_import_is_named(tmp_path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "broken_network.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InvalidInput, match=r"importing broken_network .* raises ZeroDivisionError"):
        build("broken_network:own")


def test_logits_of_a_wrong_shape_are_refused():
    with pytest.raises(InvalidInput, match=r"logits of shape \[2, 10\] .* returns shape \[2, 11\]"):
        check_logits(build(f"{__name__}:wrong_logits"), DIGITS, 10)


def test_a_network_that_fails_on_the_images_is_refused_and_keeps_its_mode():
    built = build(f"{__name__}:own")
    with pytest.raises(InvalidInput, match=r"fails on images of shape \[2, 3, 32, 32\] \(RuntimeError"):
        check_logits(built, CIFAR, 10)
    assert built.training


def test_a_last_layer_that_is_not_called_shows_no_representation():
    with pytest.raises(InvalidInput, match=r"the last nn.Linear \(unused\) is not called"):
        Wrapped(UnusedHead(), 10).features(images(DIGITS))
