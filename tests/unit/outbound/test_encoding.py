"""What servers compress on the way is unpacked whole, within bounds, or said to be compressed."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from chalicelib.domain.errors import PermanentError
from chalicelib.domain.response import AnswerTooLarge
from chalicelib.outbound.encoding import PIECE, coding_of, unpacked
from tests.receiver import receiving, response
from tests.unit.outbound.calls import client, get

TEXT = bytes(range(256)) * 5_000
FORMS = {"gzip": gzip.compress(TEXT), "x-gzip": gzip.compress(TEXT), "deflate": zlib.compress(TEXT)}


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("size", [1, 1_000, 10**6])
def test_content_is_unpacked_however_it_arrives(data: bytes, size: int) -> None:
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    pieces = list(unpacked(chunks))
    assert b"".join(pieces) == TEXT
    assert all(pieces)  # an empty one would be the end of a source


def test_members_in_a_row_are_one_content() -> None:
    data = b"".join(gzip.compress(one) for one in (b"one,", b"", b"two,", b"three"))
    for size in (1, 7, 1_000):
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        assert b"".join(unpacked(chunks)) == b"one,two,three"


def test_empty_content_is_empty() -> None:
    assert list(unpacked([])) == list(unpacked([b""])) == []


@pytest.mark.parametrize(
    "data",
    [
        FORMS["gzip"][: len(FORMS["gzip"]) // 2],
        FORMS["gzip"][:-1],
        FORMS["gzip"] + b"garbage",
        FORMS["gzip"] + FORMS["gzip"][:20],
        FORMS["gzip"][:-8] + b"\0" * 8,
        b"k,n\na,1\n",
    ],
    ids=["half", "cut", "garbage", "second-cut", "checksum", "plain"],
)
def test_incomplete_content_is_never_taken_for_whole(data: bytes) -> None:
    with pytest.raises(OSError, match="compress"):
        list(unpacked([data]))


def test_a_bomb_is_unpacked_in_pieces() -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    tracemalloc.start()
    try:
        pieces = [len(piece) for piece in unpacked([bomb])]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(pieces) == 64 * 1024 * 1024
    assert max(pieces) <= PIECE
    assert peak < 16 * PIECE


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", ""),
        ("identity", ""),
        ("GZIP", "gzip"),
        ("gzip, identity", "gzip"),
        ("gzip,br", "gzip, br"),
    ],
)
def test_the_coding_is_what_the_header_names(header: str, coding: str) -> None:
    assert coding_of(header) == coding


# ── of answers ────────────────────────────────────────────────────────────────────────────


def sent(body: bytes, coding: str) -> bytes:
    return response(200, body, "Content-Type: text/plain", f"Content-Encoding: {coding}")


@pytest.mark.parametrize("coding", FORMS)
def test_an_answer_is_given_as_it_was_before_it_was_compressed(coding: str) -> None:
    with receiving(sent(FORMS[coding], coding)) as receiver:
        answer = get(receiver.url, max_bytes=len(TEXT))
    assert answer.body == TEXT
    assert answer.headers == {"content-type": "text/plain"}


@pytest.mark.parametrize(
    ("body", "coding"),
    [(b"\x0b\x02\x80hello\x03", "br"), (b"plain", "gzip"), (FORMS["gzip"][:-4], "gzip")],
)
def test_an_answer_that_cannot_be_unpacked_says_that_it_is_compressed(
    body: bytes, coding: str
) -> None:
    with receiving(sent(body, coding)) as receiver:
        answer = get(receiver.url, max_bytes=10**7)
    assert answer.body == body
    assert answer.headers["content-encoding"] == coding


def test_the_limit_on_an_answer_holds_for_what_it_unpacks_to() -> None:
    bomb = sent(gzip.compress(bytes(10**6)), "gzip")
    with receiving(bomb) as receiver, pytest.raises(AnswerTooLarge) as caught:
        get(receiver.url, max_bytes=2_000)
    assert caught.value.response.body == bytes(2_000)


# ── of sources ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("coding", FORMS)
def test_a_source_is_read_as_it_was_before_it_was_compressed(coding: str) -> None:
    compressed = sent(FORMS[coding], coding)
    with receiving(compressed) as receiver, client().open(receiver.url, 0) as source:
        assert source.size is None
        assert source.readall() == TEXT


def test_a_source_whose_compression_breaks_off_is_not_taken_for_whole() -> None:
    cut = sent(FORMS["gzip"][:-4], "gzip")
    with receiving(cut) as receiver, pytest.raises(OSError, match="ends early"):
        client().open(receiver.url, 0).readall()


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip"])
def test_a_source_that_nothing_here_unpacks_is_refused_by_name(coding: str) -> None:
    with receiving(sent(b"?", coding)) as receiver, pytest.raises(PermanentError, match=coding):
        client().open(receiver.url, 0)
