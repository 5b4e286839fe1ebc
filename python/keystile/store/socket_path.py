"""The way to the embedded server's socket. The system allows 107 bytes for it; data folders may be longer."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from urllib.parse import quote

from keystile.errors import StoreError

_MAX_BYTES = 107
_SOCKET = ".s.PGSQL.5432"
_MEMORY = Path("/dev/shm")  # noqa: S108  a folder of our own in it, checked before use


class SocketPath:
    """The socket's folder, by its own name or, if that is too long, by a link with a short one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._link: Path | None = None
        if len(os.fsencode(folder / _SOCKET)) > _MAX_BYTES:
            name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
            self._link = _MEMORY / f"keystile-{os.geteuid()}" / f"{name}.postgres"

    def url(self, role: str, database: str) -> str:
        """A database URL that leads through the socket."""
        return f"postgresql://{role}@/{database}?host={quote(str(self._link or self._folder), safe='')}&port=5432"

    def prepare(self) -> None:
        """Make the link if one is needed. StoreError if somebody else could change where it leads."""
        if self._link is None:
            return
        private = self._link.parent
        try:
            private.mkdir(mode=0o700, exist_ok=True)
            state = private.lstat()
            if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid() or state.st_mode & 0o022:
                raise StoreError(f"{private} is not a folder of this user alone; remove it")
            self.remove()
            self._link.symlink_to(self._folder)
        except OSError as error:
            raise StoreError(
                f"the path {self._folder} is too long for a socket, and no shorter one can be made in {private}"
                f" ({error.strerror}); choose a shorter data folder"
            ) from None

    def remove(self) -> None:
        """Remove the link, if there is one."""
        if self._link is not None:
            self._link.unlink(missing_ok=True)
