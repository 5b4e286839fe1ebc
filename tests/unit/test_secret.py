"""Key text, by the known answers that the Rust tests use too, and against Python's own CRC and HMAC."""

from __future__ import annotations

import hashlib
import hmac
import string
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystile import checksum_ok, digest, mint, new_key_id

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
VECTORS = [
    "tos_0000000000000000000000105PGE",
    "tos_ABCDEFGHIJKLMNOPQRSTUV34pbHN",
    "tos_zzzzzzzzzzzzzzzzzzzzzz29o4q7",
    "tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph",
    "tos_Rcmn0iSHkpEby6vK111fY00Ggbrp",
]


def checksum(signed: str) -> str:
    rest, digits = zlib.crc32(signed.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        digits = ALPHABET[digit] + digits
    return digits


@pytest.mark.parametrize("text", VECTORS)
def test_known_answers(text: str) -> None:
    assert checksum_ok(text)
    assert checksum_ok(text.encode())
    assert checksum(text[:-6]) == text[-6:]


def test_minted_keys_have_the_published_form() -> None:
    keys = {mint() for _ in range(1_000)}
    assert len(keys) == 1_000
    for key in keys:
        assert len(key) == 32
        assert key.startswith("tos_")
        assert key[-6:] == checksum(key[:-6])
    # All 62 digits turn up among 22 000; each is missing with a chance below 10^-150.
    assert set("".join(key[4:26] for key in keys)) == set(ALPHABET)


@pytest.mark.parametrize("prefix", ["", "Tos_", "9a", "a" * 17, "a-b", "é"])
def test_a_malformed_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        mint(prefix)


@given(st.one_of(st.text(), st.binary()))
def test_no_text_makes_the_parser_fail(text: str | bytes) -> None:
    assert checksum_ok(text) is False


@given(st.binary(min_size=32, max_size=32))
def test_the_digest_is_the_published_one(pepper: bytes) -> None:
    secret = mint()
    expected = hmac.digest(pepper, hashlib.sha256(secret.encode()).digest(), "sha256")
    assert digest(secret, pepper) == expected


def test_key_ids_sort_by_time_of_issue() -> None:
    ids = [new_key_id() for _ in range(3)]
    assert all(len(key_id) == 30 and key_id.startswith("key_") for key_id in ids)
    assert len(set(ids)) == 3
    assert [key_id[4:12] for key_id in ids] == sorted(key_id[4:12] for key_id in ids)
