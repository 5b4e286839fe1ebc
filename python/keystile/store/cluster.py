"""The cluster in DATA/postgres: whose it is, how it is made, how it is configured."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

from keystile.errors import StoreError
from keystile.store import roles

_MAP = "keystile"
_BUILTIN_LOCALE_SINCE = 17
_ROOT = 0

_SETTINGS = {
    "cluster_name": "keystile",
    "listen_addresses": "",
    # The server's working folder is its data folder, which only its user and root can enter.
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
    "port": "5432",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "fsync": "on",
    "TimeZone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_checkpoints": "off",
    # Nothing that came with a statement may reach the log: not its text, its parameters or the rows it met. Even
    # an error's own message may quote its input, so errors go to whoever made them, and only there.
    "log_min_messages": "log",
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}


class Cluster:
    """The folder `postgres` inside a data folder."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "postgres"
        self.draft = data / "postgres.new"

    def exists(self) -> bool:
        """Whether it has been made."""
        return self.folder.is_dir()

    def major(self) -> int | None:
        """The major version of PostgreSQL that made it; None before it exists."""
        try:
            return int((self.folder / "PG_VERSION").read_text("ascii"))
        except FileNotFoundError:
            if self.exists():
                raise StoreError(f"{self.folder} is not a PostgreSQL data folder; move it away") from None
            return None
        except (OSError, ValueError):
            raise StoreError(f"{self.folder / 'PG_VERSION'} cannot be read") from None

    def check_owner(self) -> None:
        """StoreError if this user cannot run the cluster."""
        _user_name()
        if not self.exists():
            return
        owner = self.folder.lstat().st_uid
        if (owner == _ROOT) if os.geteuid() == _ROOT else (owner != os.geteuid()):
            raise StoreError(f"{self.folder} belongs to {_name_of(owner)}, who cannot be the server's user here")

    def server_user(self) -> tuple[int, int] | None:
        """The uid and gid that the server runs as; None: this process's own.

        PostgreSQL refuses to run as root. There it runs as the cluster's owner, at first `postgres` or `nobody`.
        """
        if os.geteuid() != _ROOT:
            return None
        if self.exists():
            owner = self.folder.stat()
            return owner.st_uid, owner.st_gid
        for name in ("postgres", "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return entry.pw_uid, entry.pw_gid
        raise StoreError("PostgreSQL refuses to run as root, and there is no user 'postgres' or 'nobody' here")

    def make_draft(self) -> Path:
        """An empty folder of the server's user, beside the final place."""
        if self.draft.exists():
            shutil.rmtree(self.draft)
        self.draft.mkdir(mode=0o700)
        user = self.server_user()
        if user is not None:
            os.chown(self.draft, *user)
        return self.draft

    def adopt_draft(self) -> None:
        """Move the draft to its place, for good: a power cut must not bring back a folder without it."""
        self.draft.rename(self.folder)
        handle = os.open(self.folder.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def init_arguments(self, major: int) -> list[str]:
        """For initdb: checksums, and a character order that no update of the operating system can change."""
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return [
            f"--username={roles.ADMIN}",
            "--auth-local=peer",
            "--auth-host=reject",
            "--data-checksums",
            "--encoding=UTF8",
            "--no-locale",
            *(builtin if major >= _BUILTIN_LOCALE_SINCE else []),
            "--no-instructions",
        ]

    def settings(self) -> list[str]:
        """For postgres: on the command line, where no file in the cluster can override them."""
        return [part for name, text in _SETTINGS.items() for part in ("-c", f"{name}={text}")]

    def access_files(self) -> dict[str, str]:
        """Who may connect: over the socket only, and as this operating-system user only."""
        user = _user_name()
        return {
            "pg_hba.conf": f"local all all peer map={_MAP}\n",
            "pg_ident.conf": "".join(f'{_MAP} "{user}" {role}\n' for role in (roles.ADMIN, roles.ROLE)),
        }


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise StoreError(
            f"user {os.geteuid()} has no name on this machine, which PostgreSQL needs; name a database with"
            " --database instead"
        ) from None


def _name_of(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"
