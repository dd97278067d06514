"""Adoption of a new network: it is checked and moved to its device in a suitable memory layout.

Built-in networks are checked only for the image size. A user's network is checked the way it will be used: on batches
of 1, 2 and 3 images in the layout of training, in eval and training mode, with a backward pass. Anything it cannot do
is an error here, before the first step.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from memscore.errors import InvalidInput, MemscoreError
from memscore.learning.data import pixels
from memscore.learning.networks.wrapped import Wrapped
from memscore.learning.seeding import kept_generators, seed
from memscore.signals import pass_on
from memscore.study.randomness import random_words

Shape = tuple[int, ...]
"""Channels, height and width of an image, or (d,) for features."""


def adopt(network: nn.Module, shape: Shape, classes: int, device: torch.device) -> None:
    """Move a network to a device, channels last in memory if possible, and check that it works there.

    Modes, buffers, gradients and the global random generators are unchanged. Raises InvalidInput that explains what to
    change if the network cannot be used.
    """
    network.to(device)
    if not isinstance(network, Wrapped):
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] -- torch has no type for it
        check_logits(network, shape, classes)
        return
    with kept_generators():
        _adapt(network, shape, classes, device)


def check_logits(network: nn.Module, shape: Shape, classes: int) -> None:
    """Raise InvalidInput unless two black images (C, H, W), or zero features, give logits [2, classes] in eval mode."""
    first = next(network.parameters(), None)
    images = torch.zeros(2, *shape, device=None if first is None else first.device)
    with untouched(network), torch.no_grad():
        network.eval()
        _require_logits(_answer(network, images, ""), 2, classes, shape)


def least_batch(network: nn.Module, shape: Shape, classes: int) -> int:
    """The smallest batch that the network can learn from: 2 if it normalizes over the batch, as BatchNorm does."""
    first = next(network.parameters(), None)
    with untouched(network), kept_generators():
        try:
            _learn(network, fixed_images(1, shape, None if first is None else first.device), classes, shape)
        except InvalidInput:
            return 2
    return 1


def require_image_gradients(network: nn.Module, shape: Shape) -> None:
    """Raise InvalidInput if no gradient reaches the images, since attacks need it."""
    first = next(network.parameters(), None)
    images = fixed_images(2, shape, None if first is None else first.device).requires_grad_()
    with untouched(network), kept_generators(), torch.enable_grad():
        logits = network.eval()(images)
        found = torch.autograd.grad(logits.sum(), images, allow_unused=True)[0] if logits.requires_grad else None
    if found is None:
        raise InvalidInput(
            "no gradient reaches the images, which attacks need; remove detach(), no_grad() and conversions "
            "to other libraries between the images and the logits"
        )


def fixed_images(count: int, shape: Shape, device: torch.device | None = None) -> Tensor:
    """The same `count` noise images on every call, float32 [count, C, H, W], in the memory layout of training.

    Or noise features, float32 [count, d], uniform in [-1, 1].
    """
    if len(shape) == 1:
        words = random_words((count, *shape), "fixed features") >> 40
        return (torch.from_numpy(words.astype("float32")) / 2**23 - 1).to(device)
    channels, height, width = shape
    noise = random_words((count, height, width, channels), "fixed images") >> 56
    return pixels(torch.from_numpy(noise.astype("uint8")).to(device))


@contextmanager
def untouched(network: nn.Module) -> Generator[None]:
    """Restore the network's modes and buffers after the block."""
    modes = [(part, part.training) for part in network.modules()]
    buffers = [
        (part, name, buffer, buffer.detach().clone())
        for part in network.modules()
        for name, buffer in part._buffers.items()
        if buffer is not None
    ]
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
        with torch.no_grad():
            for part, name, buffer, before in buffers:
                part._buffers[name] = buffer.copy_(before)


def _adapt(network: Wrapped, shape: Shape, classes: int, device: torch.device) -> None:
    """Choose the first input handling that works; use channels last only if it gives the same outputs."""
    refusal: InvalidInput | None = None
    for copied in (False, True):
        answers: list[Tensor] = []
        for contiguous in (True, False):
            network.contiguous, network.copied = contiguous, copied
            try:
                _lay_out(network, contiguous)
                with untouched(network):
                    answers.append(_try(network, shape, classes, device))
            except InvalidInput as error:
                refusal = error if contiguous else refusal
            except RuntimeError:  # weights without a channel dimension
                pass
            if not answers:
                break
        if answers:
            if len(answers) < 2 or not _alike(*answers):
                network.contiguous = True
                _lay_out(network, contiguous=True)
            return
    assert refusal is not None
    raise refusal


def _lay_out(network: nn.Module, contiguous: bool) -> None:
    """Put the weights in one of the two memory layouts."""
    if not contiguous:
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] -- torch has no type for it
        return
    for weight in network.parameters():  # not with `to`, which leaves kernels of one channel unchanged
        weight.data = weight.data.flatten().view(weight.shape)


def _try(network: nn.Module, shape: Shape, classes: int, device: torch.device) -> Tensor:
    """Check the network; returns the logits [3, classes] of three images in eval mode. Raises InvalidInput."""
    network.eval()
    logits = torch.empty(0)
    with torch.no_grad():
        for count in (1, 2, 3):
            images = fixed_images(count, shape, device)
            ordinary = torch.empty(images.shape, device=device).copy_(images)  # the layout that AutoAttack uses
            for given in (ordinary, images):
                before = given.clone()
                logits = _answer(network, given, "")
                _require_logits(logits, count, classes, shape)
                if not torch.equal(given, before):
                    raise InvalidInput("the network writes to its input images; make it work on a copy")
    for count in (2, 3):
        _learn(network, fixed_images(count, shape, device), classes, shape)
    return logits.float()


def _learn(network: nn.Module, images: Tensor, classes: int, shape: Shape) -> None:
    """Run one forward and backward pass in training mode, without a step. Raises InvalidInput if it fails."""
    network.train()
    seed("trial of a network")
    images = images.detach().requires_grad_()
    with torch.enable_grad():
        logits = _answer(network, images, " in training mode")
        _require_logits(logits, len(images), classes, shape)
        loss = nn.functional.cross_entropy(
            logits.float(), torch.zeros(len(images), dtype=torch.int64, device=images.device)
        )
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        if not trained:
            raise InvalidInput("the network has no trainable parameters; let some require gradients")
        try:
            torch.autograd.grad(loss, [images, *trained], allow_unused=True)
        except RuntimeError as error:
            raise InvalidInput(
                f"gradients do not flow back through the network ({_first_line(error)}); make its outputs "
                "differentiable functions of images and parameters"
            ) from error


def _answer(network: nn.Module, images: Tensor, how: str) -> Tensor:
    try:
        return network(images)
    except MemscoreError:
        raise
    except (Exception, SystemExit) as error:
        pass_on(error)
        advice = "use images of a supported size, or fix its forward"
        if len(images) == 1 and not how and _takes(network, images):
            advice = "it must also accept a single image: instead of squeeze(), name the dimension or use flatten(1)"
        raise InvalidInput(
            f"the network fails on images of shape {list(images.shape)}{how} ({type(error).__name__}: "
            f"{_first_line(error)}); {advice}"
        ) from error


def _takes(network: nn.Module, image: Tensor) -> bool:
    """Whether the network accepts two copies of an image that it does not accept alone."""
    try:
        network(torch.cat([image, image]))
    except (Exception, SystemExit) as error:
        pass_on(error)
        return False
    return True


def _require_logits(logits: object, count: int, classes: int, shape: Shape) -> None:
    if isinstance(logits, Tensor) and not logits.is_floating_point():
        kind = str(logits.dtype).removeprefix("torch.")
        raise InvalidInput(f"the network must return floating-point logits, but returns {kind}; convert them")
    if isinstance(logits, Tensor) and logits.shape == (count, classes):
        return
    got = f"shape {list(logits.shape)}" if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
    advice = f"give its last layer {classes} outputs"
    if isinstance(logits, Tensor) and logits.ndim > 2 and logits.numel() == count * classes:
        advice = "end with flatten(1)"
    elif isinstance(logits, Tensor) and logits.numel() == count * classes:
        advice = "keep the batch as the first dimension: instead of squeeze(), name the dimension or use flatten(1)"
    raise InvalidInput(
        f"the network must return logits of shape {[count, classes]} for images of shape {[count, *shape]}, but "
        f"returns {got}; {advice}"
    )


def _alike(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-3, atol=1e-3 * float(one.abs().max()), equal_nan=True)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0].rstrip(".")
