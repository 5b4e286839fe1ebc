"""Static files: read once, and served under URLs that hold the hash of their content.

The style sheet is the files of `static/css` in the order of their names, as one file: `console.css`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from types import MappingProxyType

from msgspec import Struct

PREFIX = "/console/static/"
"""Where the files are served."""

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HASH_CHARACTERS = 16


class Asset(Struct, frozen=True):
    """One static file. `url` is its path on the server; `file_name` is what follows the prefix there."""

    name: str
    file_name: str
    media_type: str
    body: bytes

    @property
    def url(self) -> str:
        """The path that the file is served at, for as long as its content stays the same."""
        return PREFIX + self.file_name


def _asset(name: str, body: bytes) -> Asset:
    stem, dot, extension = name.rpartition(".")
    digest = hashlib.sha256(body).hexdigest()[:_HASH_CHARACTERS]
    return Asset(name, f"{stem}.{digest}.{extension}", _MEDIA_TYPES[dot + extension], body)


def _read() -> Iterator[Asset]:
    folder = files(__package__) / "static"
    sheets = sorted((folder / "css").iterdir(), key=lambda sheet: sheet.name)
    yield _asset("console.css", b"\n".join(sheet.read_bytes() for sheet in sheets if sheet.name.endswith(".css")))
    for entry in folder.iterdir():
        if entry.is_file() and any(entry.name.endswith(extension) for extension in _MEDIA_TYPES):
            yield _asset(entry.name, entry.read_bytes())


ASSETS: Mapping[str, Asset] = MappingProxyType({asset.name: asset for asset in _read()})
"""All static files by their names."""

_BY_FILE_NAME = {asset.file_name: asset for asset in ASSETS.values()}


def url_of(name: str) -> str:
    """The URL of a static file, as templates write it; `KeyError` if there is none of that name."""
    return ASSETS[name].url


def served(file_name: str) -> Asset | None:
    """The file that is served under a name with its hash; an old or a guessed one gets none."""
    return _BY_FILE_NAME.get(file_name)
