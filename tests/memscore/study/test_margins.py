"""Codes of margins: those of the formula, ascending, and never of another sign than correctness says."""

import hashlib
from math import asinh, exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memscore.study.margins import (
    BOUNDS,
    HIGHEST,
    MARGINS,
    SOFT,
    SOFTNESS,
    UNIT,
    WIDEST,
    decode,
    encode,
    soft_correctness,
)

CODES = np.arange(-HIGHEST, HIGHEST + 1, dtype=np.int8)
finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


def formula(margin: float) -> float:
    return HIGHEST * asinh(margin / 2) / asinh(WIDEST / 2)


@given(margin=st.floats(-60, 60, width=32))
@settings(max_examples=500)
def test_codes_are_those_of_the_formula(margin: float):
    exact = min(max(formula(margin), -HIGHEST), HIGHEST)
    code = int(encode(np.array([margin], np.float32), np.array([margin >= 0]))[0])
    assert abs(code - exact) <= 0.5 + 1e-4  # the bounds are in single precision
    if abs(abs(exact - round(exact)) - 0.5) > 1e-4:
        assert code == round(exact)


@given(margins=st.lists(finite, min_size=2, max_size=50), correct=st.booleans())
def test_larger_margins_never_have_lower_codes(margins: list[float], correct: bool):
    codes = encode(np.sort(np.array(margins, np.float32)), np.full(len(margins), correct))
    assert (np.diff(codes.astype(int)) >= 0).all()


@given(margins=st.lists(finite, min_size=1, max_size=20), data=st.data())
def test_the_sign_is_never_another_than_correctness_says(margins: list[float], data: st.DataObject):
    correct = np.array(data.draw(st.lists(st.booleans(), min_size=len(margins), max_size=len(margins))))
    codes = encode(np.array(margins, np.float32), correct)
    assert codes.dtype == np.int8
    assert (codes[correct] >= 0).all()
    assert (codes[~correct] <= 0).all()
    assert (codes >= -HIGHEST).all()


def test_a_tie_has_the_code_0_and_what_overflows_the_outermost():
    correct = np.array([True, False])
    assert encode(np.zeros(2, np.float32), correct).tolist() == [0, 0]
    assert encode(np.array([np.inf, -np.inf], np.float32), correct).tolist() == [HIGHEST, -HIGHEST]


def test_decoding_is_the_inverse_of_the_formula_in_256ths():
    margins = decode(CODES) / UNIT
    np.testing.assert_allclose([formula(margin) for margin in margins], CODES, atol=0.1)
    assert margins[-1] == WIDEST
    np.testing.assert_array_equal(decode(CODES), -decode(CODES[::-1]))
    assert encode(margins.astype(np.float32), margins >= 0).tolist() == CODES.tolist()
    assert (np.diff(MARGINS) > 0).all()
    assert (np.diff(BOUNDS) > 0).all()


def test_soft_correctness_is_the_logistic_function():
    soft = soft_correctness(CODES).astype(int)
    assert soft[HIGHEST] in (127, 128)  # a half
    np.testing.assert_array_equal(soft + soft[::-1] - 255, np.where(CODES == 0, 1, 0))
    for code, value in zip(CODES, soft, strict=True):
        assert value == pytest.approx(255 / (1 + exp(-decode(np.array([code]))[0] / UNIT / SOFTNESS)), abs=0.6)
    assert (np.diff(SOFT.astype(int)) >= 0).all()


def test_the_resolution_is_finest_where_predictions_tip_over():
    """At 0 a step is below .06; everywhere it is below 3 % of the margin plus that."""
    steps = np.diff(MARGINS) / UNIT
    assert steps[HIGHEST] < 0.06
    assert (steps < 0.06 + 0.03 * np.abs(MARGINS[1:] / UNIT)).all()


def test_the_tables_are_the_same_everywhere():
    """Tables depend on them: these values were computed once, and every machine must have them."""
    assert (int(MARGINS.sum()), int(np.abs(MARGINS).sum()), int(SOFT.sum())) == (0, 680882, 32513)
    assert hashlib.sha256(BOUNDS.tobytes()).hexdigest()[:16] == "8b99c82687ec4a35"
