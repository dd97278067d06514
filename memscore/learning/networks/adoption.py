"""A new network, tried out and put on its device in the memory layout that suits it.

A built-in network is known, and only the size of the images is tried. One of the user's is tried as it will be used: on
batches of 1, 2 and 3 images in the product's own layout, in eval and in training mode, with a backward pass. What it
cannot do is refused here, before the first step.
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
from memscore.study.randomness import random_words

Shape = tuple[int, int, int]


def adopt(network: nn.Module, shape: Shape, classes: int, device: torch.device) -> None:
    """Move a network to a device, channels last in memory if it can be, once it is known to work there.

    Modes, buffers, gradients and the global random generators are left as they are. Raises InvalidInput, in a sentence
    that says what to change, if the network cannot be used.
    """
    network.to(device)
    if not isinstance(network, Wrapped):
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        check_logits(network, shape, classes)
        return
    with kept_generators():
        _adapt(network, shape, classes, device)


def check_logits(network: nn.Module, shape: Shape, classes: int) -> None:
    """Raise InvalidInput unless two black images of shape (C, H, W) give logits [2, classes] in eval mode."""
    first = next(network.parameters(), None)
    images = torch.zeros(2, *shape, device=None if first is None else first.device)
    with untouched(network), torch.no_grad():
        network.eval()
        _require_logits(_answer(network, images, ""), 2, classes, shape)


def least_batch(network: nn.Module, shape: Shape, classes: int) -> int:
    """The smallest batch that the network learns from: 2 where it normalizes over the batch, as BatchNorm does."""
    first = next(network.parameters(), None)
    with untouched(network), kept_generators():
        try:
            _learn(network, fixed_images(1, shape, None if first is None else first.device), classes, shape)
        except InvalidInput:
            return 2
    return 1


def require_image_gradients(network: nn.Module, shape: Shape) -> None:
    """Raise InvalidInput if no gradient comes back to the images, by which attacks go."""
    first = next(network.parameters(), None)
    images = fixed_images(2, shape, None if first is None else first.device).requires_grad_()
    with untouched(network), kept_generators(), torch.enable_grad():
        logits = network.eval()(images)
        found = torch.autograd.grad(logits.sum(), images, allow_unused=True)[0] if logits.requires_grad else None
    if found is None:
        raise InvalidInput(
            "no gradient comes back to the images, which attacks need; leave out detach(), no_grad() and conversions "
            "to other libraries on the way from the images to the logits"
        )


def fixed_images(count: int, shape: Shape, device: torch.device | None = None) -> Tensor:
    """The same `count` images of noise each time, float32 [count, C, H, W], in memory as training gives them."""
    channels, height, width = shape
    noise = random_words((count, height, width, channels), "fixed images") >> 56
    return pixels(torch.from_numpy(noise.astype("uint8")).to(device))


@contextmanager
def untouched(network: nn.Module) -> Generator[None]:
    """Modes and buffers of the network are afterwards what they were."""
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
    """The first of the ways to give it images that works; channels last only if it gives the same as the ordinary."""
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
            except RuntimeError:  # weights that know no channels
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
    """Put the weights into one of the two memory layouts."""
    if not contiguous:
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        return
    for weight in network.parameters():  # not by `to`, which leaves kernels of one channel as they are
        weight.data = weight.data.flatten().view(weight.shape)


def _try(network: nn.Module, shape: Shape, classes: int, device: torch.device) -> Tensor:
    """The logits [3, classes] of three images in eval mode. Raises InvalidInput for what the network cannot do."""
    network.eval()
    logits = torch.empty(0)
    with torch.no_grad():
        for count in (1, 2, 3):
            images = fixed_images(count, shape, device)
            ordinary = torch.empty(images.shape, device=device).copy_(images)  # as AutoAttack gives them
            for given in (ordinary, images):
                before = given.clone()
                logits = _answer(network, given, "")
                _require_logits(logits, count, classes, shape)
                if not torch.equal(given, before):
                    raise InvalidInput("the network writes into the images that it is given; let it work on a copy")
    for count in (2, 3):
        _learn(network, fixed_images(count, shape, device), classes, shape)
    return logits.float()


def _learn(network: nn.Module, images: Tensor, classes: int, shape: Shape) -> None:
    """One pass forwards and back in training mode, without a step. Raises InvalidInput if that fails."""
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
            raise InvalidInput("the network has no parameters that can be trained; let some require gradients")
        try:
            torch.autograd.grad(loss, [images, *trained], allow_unused=True)
        except RuntimeError as error:
            raise InvalidInput(
                f"gradients do not come back through the network ({_first_line(error)}); let its outputs be "
                "differentiable functions of images and parameters"
            ) from error


def _answer(network: nn.Module, images: Tensor, how: str) -> Tensor:
    try:
        return network(images)
    except MemscoreError:
        raise
    except (Exception, SystemExit) as error:
        advice = "use images of a size it takes, or correct its forward"
        if len(images) == 1 and not how and _takes(network, images):
            advice = "it must also take one image alone: in place of squeeze(), name the dimension or use flatten(1)"
        raise InvalidInput(
            f"the network fails on images of shape {list(images.shape)}{how} ({type(error).__name__}: "
            f"{_first_line(error)}); {advice}"
        ) from error


def _takes(network: nn.Module, image: Tensor) -> bool:
    """Whether the network takes two images where it does not take one."""
    try:
        network(torch.cat([image, image]))
    except (Exception, SystemExit):
        return False
    return True


def _require_logits(logits: object, count: int, classes: int, shape: Shape) -> None:
    if isinstance(logits, Tensor) and not logits.is_floating_point():
        kind = str(logits.dtype).removeprefix("torch.")
        raise InvalidInput(f"the network must give logits as floating-point numbers, but gives {kind}; convert them")
    if isinstance(logits, Tensor) and logits.shape == (count, classes):
        return
    got = f"shape {list(logits.shape)}" if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
    advice = f"let its last layer have {classes} outputs"
    if isinstance(logits, Tensor) and logits.ndim > 2 and logits.numel() == count * classes:
        advice = "end with flatten(1)"
    elif isinstance(logits, Tensor) and logits.numel() == count * classes:
        advice = "keep the batch as the first dimension: in place of squeeze(), name the dimension or use flatten(1)"
    raise InvalidInput(
        f"the network must give logits of shape {[count, classes]} for images of shape {[count, *shape]}, but gives "
        f"{got}; {advice}"
    )


def _alike(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-3, atol=1e-3 * float(one.abs().max()), equal_nan=True)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0].rstrip(".")
