"""Signatures of networks: alike where they do the same on another CPU, different where they do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscore.study import signatures

LOGITS = np.linspace(-3, 5, 48)
LENGTHS = np.linspace(0, 1e-4, 6)
ONE = signatures.write("0123456789abcdef", LOGITS, LENGTHS)


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e6))
def test_noise_of_other_processors_makes_no_difference(seed: int, scale: float):
    noise = 1 + 1e-5 * np.random.default_rng(seed).standard_normal(48)
    one = signatures.write("a" * 16, scale * LOGITS, scale * LENGTHS)
    other = signatures.write("a" * 16, scale * LOGITS * noise, scale * LENGTHS)
    assert signatures.same(one, other)


@pytest.mark.parametrize(
    ("structure", "logits", "lengths"),
    [
        ("0123456789abcdee", LOGITS, LENGTHS),
        ("0123456789abcdef", LOGITS * 1.02, LENGTHS),
        ("0123456789abcdef", np.where(np.arange(48) == 7, LOGITS + 0.1, LOGITS), LENGTHS),
        ("0123456789abcdef", LOGITS, LENGTHS[::-1]),  # small beside the logits
        ("0123456789abcdef", LOGITS[:-1], LENGTHS),
        ("0123456789abcdef", np.where(np.arange(48) == 7, np.nan, LOGITS), LENGTHS),
    ],
)
def test_what_a_network_does_otherwise_makes_another_one(structure: str, logits: np.ndarray, lengths: np.ndarray):
    assert not signatures.same(ONE, signatures.write(structure, logits, lengths))


def test_outputs_that_are_not_numbers_have_their_place():
    broken = np.where(np.arange(48) == 7, np.nan, LOGITS)
    one, nothing = signatures.write("a" * 16, broken), signatures.write("a" * 16, np.full(48, np.nan))
    assert signatures.same(one, signatures.write("a" * 16, broken))
    assert signatures.same(nothing, signatures.write("a" * 16, np.full(48, np.nan)))
    assert not signatures.same(one, nothing)


def test_without_outputs_the_structure_alone_decides():
    assert signatures.same(signatures.write("a" * 16), signatures.write("a" * 16))
    assert not signatures.same(signatures.write("a" * 16), ONE)


def test_a_signature_fits_its_column():
    assert len(signatures.write("f" * 16, np.ones(54), np.ones(10))) <= signatures.LONGEST


@pytest.mark.parametrize("text", ["", "x", "a:b", "a:###", "a:AAA=", "::", "0123456789abcdef:AAAA"])
def test_a_text_that_is_no_signature_is_like_no_network(text: str):
    assert not signatures.same(text, ONE)
    assert signatures.same(text, text)


def test_networks_are_counted_once():
    other = signatures.write("0123456789abcdef", LOGITS * 2, LENGTHS)
    again = signatures.write("0123456789abcdef", LOGITS * (1 + 1e-6), LENGTHS)
    assert signatures.distinct([ONE, other, again, other]) == [ONE, other]
    assert signatures.is_known(again, [other, ONE])
    assert not signatures.is_known(again, [other])
    assert signatures.is_known(again, [])
