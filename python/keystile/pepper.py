"""The pepper: 32 random bytes outside the database, without which a stolen database tells nothing."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from keystile.errors import SettingsError

if TYPE_CHECKING:
    from keystile.settings import Settings

PEPPER_FILE = "pepper"
MAX_RETIRED = 3

_HEX = re.compile(r"[0-9A-Fa-f]{64}")


def pepper_bytes(settings: Settings, *, create: bool = False) -> list[bytes]:
    """The current pepper, then the retired ones; 32 bytes each.

    From the setting, else from the file `pepper` in the data folder, which is made with `create`.
    SettingsError when there is none or it is malformed.
    """
    retired = [pepper_from_hex("retired_peppers", text) for text in settings.retired_peppers]
    if settings.pepper is not None:
        return [pepper_from_hex("pepper", settings.pepper), *retired]
    path = settings.data / PEPPER_FILE
    if create and not path.exists():
        _create(path)
    try:
        text = path.read_text("ascii").strip()
    except FileNotFoundError:
        raise SettingsError(f"there is no pepper: {path} is missing and the setting is not given") from None
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"the pepper file {path} cannot be read") from None
    return [pepper_from_hex(str(path), text), *retired]


def pepper_from_hex(what: str, text: str) -> bytes:
    """Decode 64 hex digits; the error names `what` and never shows the text."""
    if not _HEX.fullmatch(text):
        raise SettingsError(f"{what}: a pepper is 64 hex digits (32 bytes)")
    return bytes.fromhex(text)


def _create(path: Path) -> None:
    """Write a whole new file of mode 0600 and link it into place: of two starters at once, one wins."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".pepper-")
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(os.urandom(32).hex() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        path.hardlink_to(draft)
        _sync_folder(path.parent)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the new name durable: a pepper lost to a power cut would lose every key with it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
