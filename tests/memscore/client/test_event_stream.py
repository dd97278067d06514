"""Server-sent events are the same wherever their bytes are cut, and as the standard's examples have them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscore.client.event_stream import MOST_CHARACTERS, EventParser, ServerEvent
from memscore.errors import ServiceError

STREAM = (
    '\ufeff: ping\r\n\r\nid: 3\r\nevent: state\ndata: {"a": 1}\n\ndata: ä\rdata:  b\r\rid\ndata\n\nevent: lost\ndata: x'
)
EVENTS = [
    ServerEvent("state", '{"a": 1}', "3"),
    ServerEvent("message", "ä\n b", "3"),
    ServerEvent("message", "", ""),
]


@given(st.lists(st.integers(0, len(STREAM.encode())), max_size=20))
def test_events_do_not_depend_on_where_their_bytes_are_cut(cuts: list[int]):
    parser, payload = EventParser(), STREAM.encode()
    edges = [0, *sorted(cuts), len(payload)]
    chunks = [payload[start:stop] for start, stop in itertools.pairwise(edges)]
    assert [event for chunk in chunks for event in parser.feed(chunk)] == EVENTS


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("data: YHOO\ndata: +2\ndata: 10\n\n", ["YHOO\n+2\n10"]),
        ("data\n\ndata\ndata\n\ndata:", ["", "\n"]),
        ("data:test\n\ndata: test\n\n", ["test", "test"]),
        ("event: empty\n\n: comment\n\n", []),
    ],
)
def test_the_examples_of_the_standard(text: str, data: list[str]):
    assert [event.data for event in EventParser().feed(text.encode())] == data


@pytest.mark.slower
@pytest.mark.parametrize(
    "payload",
    [
        b"data: " + b"x" * MOST_CHARACTERS,  # a line that does not end
        b"data: " + b"x" * MOST_CHARACTERS + b"\n\n",
        b"data: xxxx\n" * (MOST_CHARACTERS // 10 + 1),  # an event that does not end
        b"".join(b"%d\n" % name for name in range(MOST_CHARACTERS // 4)),  # names of fields alone
    ],
)
def test_an_event_cannot_grow_without_bound(payload: bytes):
    chunks = (payload[start : start + 2**16] for start in range(0, len(payload), 2**16))
    with pytest.raises(ServiceError, match="an event of more than 1048576 characters"):
        list(map(EventParser().feed, chunks))


def test_a_stream_of_small_events_may_be_longer_than_one_event():
    parser, stream = EventParser(), b": a comment\n" * 10 + b"data: " + b"x" * 10_000 + b"\n\n"
    found = [event for _ in range(2 * MOST_CHARACTERS // len(stream)) for event in parser.feed(stream)]
    assert len(found) * 10_000 > 1.9 * MOST_CHARACTERS
    comment = b": only comments\n" * 4096
    assert all(parser.feed(comment) == [] for _ in range(2 * MOST_CHARACTERS // len(comment)))
