"""Whose reports are believed: those signed with a key that the list at a known address names."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Mapping

import httpx
import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from keystile.hub.errors import BadSignature, SigningKeysUnavailable

logger = logging.getLogger(__name__)

PAUSE_S = 60.0
"""The list is fetched no more often than this, whatever strangers send."""
KEPT_S = 86_400.0
"""A list of this age has to be fetched again: a key that was withdrawn must not be believed for ever."""
_TIMEOUT_S = 5.0
_MOST_BYTES = 262_144
_MOST_IDENTIFIER = 200


class _Key(msgspec.Struct, frozen=True):
    key_identifier: str
    key: str


class _List(msgspec.Struct, frozen=True):
    public_keys: list[_Key]


class Signers:
    """The keys of the list, fetched when one is asked for that is not known."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: Mapping[str, EllipticCurvePublicKey] = {}
        self._fetched_s = -KEPT_S
        self._tried_s = -PAUSE_S
        self._fetching = asyncio.Lock()

    async def key(self, identifier: str) -> EllipticCurvePublicKey:
        """The key of that identifier. BadSignature if there is none; SigningKeysUnavailable if there is no list."""
        identifier = identifier[:_MOST_IDENTIFIER]
        if identifier not in self._keys or not self._is_fresh():
            async with self._fetching:
                if identifier not in self._keys or not self._is_fresh():
                    await self._fetch()
        if not self._is_fresh():
            raise SigningKeysUnavailable
        key = self._keys.get(identifier)
        if key is None:
            raise BadSignature
        return key

    def _is_fresh(self) -> bool:
        return time.monotonic() - self._fetched_s < KEPT_S

    async def _fetch(self) -> None:
        if time.monotonic() - self._tried_s < PAUSE_S:
            return
        self._tried_s = time.monotonic()
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                self._keys = _parsed(await self._download())
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            logger.warning("the keys that sign reports of leaks cannot be had: %s", type(error).__name__)
            return
        self._fetched_s = time.monotonic()

    async def _download(self) -> bytes:
        content = b""
        # A proxy from the environment must not see what is meant for this machine.
        remote = self._url.startswith("https://")
        async with (
            httpx.AsyncClient(trust_env=remote) as client,
            client.stream("GET", self._url, headers={"Accept": "application/json"}) as answer,
        ):
            answer.raise_for_status()
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > _MOST_BYTES:
                    raise ValueError("the list is too long")
        return content


def verify(key: EllipticCurvePublicKey, signature: str, body: bytes) -> None:
    """Return if the body is signed with that key (ECDSA P-256, SHA-256, DER in Base64). BadSignature if it is not."""
    try:
        key.verify(base64.b64decode(signature, validate=True), body, ECDSA(SHA256()))
    except (ValueError, InvalidSignature):
        raise BadSignature from None


def _parsed(content: bytes) -> dict[str, EllipticCurvePublicKey]:
    """The keys by identifier; one that cannot be used is passed over. ValueError if it is no such list, or all are."""
    found: dict[str, EllipticCurvePublicKey] = {}
    entries = msgspec.json.decode(content, type=_List).public_keys
    for entry in entries:
        try:
            key = load_pem_public_key(entry.key.encode())
        except (ValueError, UnsupportedAlgorithm):
            continue
        if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
            found[entry.key_identifier] = key
    if entries and not found:
        raise ValueError("no key of the list can be used")
    return found
