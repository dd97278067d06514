"""The margin of a prediction in one byte.

The margin z_y - max over k != y of z_k is positive where the class y has the highest logit. Evidence stores it as a
code from -127 to 127, round(127 asinh(m / 2) / asinh(20)): fine near 0, where a prediction tips over, coarse where it
is certain. Sums add decoded margins in whole 256ths, so that they are exact and independent of order.
"""

from __future__ import annotations

from math import asinh, exp, sinh

import numpy as np
import numpy.typing as npt

from memscore.arrays import Bools

Codes = npt.NDArray[np.int8]

HIGHEST = 127
"""The code of every margin of about 39 and above; its negative is the lowest code."""

WIDEST = 40.0
"""The margin that the highest code represents."""

UNIT = 256
"""Decoded margins are whole multiples of 1 / UNIT."""

CERTAIN = 255
"""The byte that encodes a probability of 1."""


def _margin(code: float) -> float:
    return 2 * sinh(code / HIGHEST * asinh(WIDEST / 2))


BOUNDS = np.array([_margin(code + 0.5) for code in range(-HIGHEST, HIGHEST)], np.float32)
"""Margins at which the code changes, float32 [254]. Comparisons give equal codes on all machines, asinh may not."""

MARGINS = np.array([round(UNIT * _margin(code)) for code in range(-HIGHEST, HIGHEST + 1)], np.int32)
"""The margin of each code from -127 to 127 in 256ths, int32 [255]."""

SOFTNESS = 2.0
"""Soft correctness is the logistic function of margin / SOFTNESS: closer to the margin, further from the bit."""

SOFT = np.array(
    [round(CERTAIN / (1 + exp(-_margin(code) / SOFTNESS))) for code in range(-HIGHEST, HIGHEST + 1)], np.uint8
)
"""Soft correctness of each code, 255 for 1, uint8 [255]."""


def encode(margins: npt.NDArray[np.float32], correct: Bools) -> Codes:
    """Codes int8 [...] of finite margins [...]: never of another sign than `correct` [...] says; a tie has 0.

    `correct` decides ties between the highest logits, which the margin cannot see.
    """
    codes = (np.searchsorted(BOUNDS, margins, side="right") - HIGHEST).astype(np.int8)
    return np.where(correct, np.maximum(codes, 0), np.minimum(codes, 0)).astype(np.int8)


def decode(codes: Codes) -> npt.NDArray[np.int32]:
    """The margins of codes [...] in 256ths, int32 [...]."""
    return MARGINS[codes.astype(np.int16) + HIGHEST]


def soft_correctness(codes: Codes) -> npt.NDArray[np.uint8]:
    """Soft correctness of codes [...], uint8 [...], 255 for 1."""
    return SOFT[codes.astype(np.int16) + HIGHEST]
