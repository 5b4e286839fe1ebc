"""Secrets that were made elsewhere: which are taken, what is kept of them, and what a gate says to them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystile import Gate, KeyRecord, imported, mint, new_key_id
from keystile._core import Writer, boottime, digest_of_sha256

PEPPER = b"p" * 32
PREFIX = "tos_"


@pytest.mark.parametrize(
    "secret",
    [
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        str(uuid.UUID("550e8400-e29b-41d4-a716-446655440000")),
        "d41d8cd98f00b204",
        "82739164501938274650",
        "aB3dE5gH7jK9mN1p",
        "tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kp",
        "tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph0",
        "sk__4fG7hJ2kLmN9pQrStUvWxY1F2Kph",
        "k" + "".join(chr(33 + number % 94) for number in range(511)),
    ],
)
def test_what_is_taken(secret: str) -> None:
    assert imported.refusal(secret, PREFIX) is None


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "aB3dE5gH7jK9mN1",
        "x" * 64,
        "abcabcabcabcabcabcabcabc",
        "password-password-password",
        "1234567890123456789",
        "11111111-2222-2222-1111-111111111111",
        "aB3dE5gH7jK9mN1p ",
        "aB3dE5gH7jK9mN1p\n",
        "aB3dE5gH7jK9mN1pé",
        "tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph",
        "tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kpi",
        "tos_4fG7-J2kLmN9pQrStUvWxY1F2Kph",
        "k" + "".join(chr(33 + number % 94) for number in range(512)),
    ],
)
def test_what_is_refused_without_being_repeated(secret: str) -> None:
    reason = imported.refusal(secret, PREFIX)
    assert reason is not None
    assert not secret or secret.strip() not in reason


def test_what_was_made_here_is_refused() -> None:
    assert imported.refusal(mint(), PREFIX) is not None
    assert imported.refusal(mint("acme_"), "acme_") is not None


def test_what_was_made_with_chance_is_taken() -> None:
    for _ in range(500):
        made = (secrets.token_hex(16), secrets.token_urlsafe(16), str(uuid.uuid4()), mint("other_"))
        assert [imported.refusal(secret, PREFIX) for secret in made] == [None] * 4


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=64))
def test_at_least_16_characters_are_never_shown(secret: str) -> None:
    start, last4 = imported.ends(secret)
    assert len(start) + len(last4) <= len(secret) - 16
    assert (len(start) <= 8, len(last4) in {0, 4}) == (True, True)
    assert secret.startswith(start)
    assert secret.endswith(last4)


@given(st.binary(min_size=32, max_size=32))
def test_every_form_of_a_digest_is_read(digest: bytes) -> None:
    forms = [digest.hex(), digest.hex().upper()]
    for encoded in (base64.b64encode(digest).decode(), base64.urlsafe_b64encode(digest).decode()):
        forms += [encoded, encoded.rstrip("=")]
    assert [imported.parse_sha256(form) for form in forms] == [digest] * 6
    assert [imported.parse_sha256(form[1:]) for form in forms] == [None] * 6
    assert digest_of_sha256(digest, PEPPER) == hmac.digest(PEPPER, digest, "sha256")


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    imported.refusal(text, PREFIX)
    assert imported.parse_sha256(text) is None or len(text) >= 43


# What a gate says


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gate, Gate]]:
    """Two that know the same key; the second looks for imported ones too."""
    writers = [_writer(tmp_path_factory.mktemp("gate") / "gate") for _ in range(2)]
    writers[1].expect_imported()
    yield writers[0].gate(), writers[1].gate()
    for writer in writers:
        writer.close()


KNOWN = mint()


def _writer(path: Path) -> Writer:
    writer = Writer.open(
        path, capacity=100, prefix="tos_", peppers=[PEPPER], failure_rate=60, failure_burst=100, allow_stale=False
    )
    writer.set_catalogue(["PSA"], [("Plenty", 1_000_000_000, 1_000_000_000)])
    writer.refresh(bytes(16), 1, boottime() + 3_600 * 10**9)
    _put(writer, KNOWN)
    return writer


def _put(writer: Writer, secret: str) -> None:
    digest = digest_of_sha256(hashlib.sha256(secret.encode()).digest(), PEPPER)
    writer.put(KeyRecord(new_key_id(), digest, scopes=["PSA"], tier="Plenty"))


PRESENTED = st.one_of(
    st.text(),
    st.binary(),
    st.from_regex(r"[!-~]{14,18}", fullmatch=True),
    st.from_regex(r"tos_[0-9A-Za-z]{28}", fullmatch=True),
    st.sampled_from([KNOWN, KNOWN + "x", KNOWN[:-1], KNOWN.upper(), "x" * 512, "x" * 513, "x" * 32_768]),
)


@given(PRESENTED)
def test_without_an_imported_key_nothing_is_answered_differently(gates: tuple[Gate, Gate], token: str | bytes) -> None:
    plain, expecting = (gate.check(token) for gate in gates)
    assert (plain.code, plain.status, plain.key_id is None) == (
        expecting.code,
        expecting.status,
        expecting.key_id is None,
    )


def test_the_bounds_are_those_of_the_gate(tmp_path: Path) -> None:
    writer = _writer(tmp_path / "gate")
    writer.expect_imported()
    alphabet = "".join(chr(code) for code in range(0x21, 0x7F))
    for length in (imported.SHORTEST - 1, imported.SHORTEST, imported.LONGEST, imported.LONGEST + 1):
        secret = (alphabet * 6)[:length]
        _put(writer, secret)
        taken = imported.refusal(secret, PREFIX) is None
        assert writer.gate().check(secret).code == ("ok" if taken else "malformed_key"), length
    writer.close()
