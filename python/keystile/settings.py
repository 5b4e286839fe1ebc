"""Every setting of Keystile: one frozen struct, checked when it is made."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec

from keystile.address_settings import check_networks, listening_address
from keystile.catalogue_settings import (
    DEFAULT_SCOPES,
    DEFAULT_TIERS,
    ScopeSetting,
    TierSetting,
    check_quota,
    check_scopes,
    check_tiers,
)
from keystile.errors import SettingsError
from keystile.pepper import MAX_RETIRED, pepper_bytes, pepper_from_hex
from keystile.settings_sources import Value, gather

__all__ = [
    "Loaded",
    "ScopeSetting",
    "Settings",
    "TierSetting",
    "check_prefix",
    "decode",
    "default_data",
    "encode",
    "load",
    "load_with_origins",
    "pepper_bytes",
    "redacted",
    "segment_path",
]

REDACTED = "(secret)"
UNIX_PEER = "unix"

_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,15}")
_NOTHING: Mapping[str, object] = MappingProxyType({})
_RANGES = {
    "port": (0, 65_535),
    "workers": (1, 256),
    "poll_interval_ms": (10, 60_000),
    "stale_after_ms": (100, 86_400_000),
    "flush_interval_ms": (10, 3_600_000),
    "usage_hourly_days": (3, 366),
    "usage_daily_days": (31, 36_500),
    "outcome_dedupe_days": (1, 30),
    "capacity": (64, 134_217_728),
    "max_body_bytes": (1_024, 67_108_864),
}


def default_data(environ: Mapping[str, str] = os.environ) -> Path:
    """The data folder where none is given: a system-wide one for root, else one of the user's own."""
    if os.geteuid() == 0:
        return Path("/var/lib/keystile")
    home = environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local/share") / "keystile"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be configured. SettingsError when a value is out of range; the message names the setting."""

    data: Path = msgspec.field(default_factory=default_data)
    """The data folder: the pepper, the operator's key and, unless `database_url` is set, the database."""
    database_url: str | None = None
    """PostgreSQL to use (`postgresql://…`); none: Keystile runs its own in the data folder."""
    segment: Path | None = None
    """The shared-memory file of this machine's gate; none: one under /dev/shm named after the data folder."""
    host: str = "127.0.0.1"
    """The address that the Hub listens on."""
    port: int = 8080
    """The port that the Hub listens on; 0 lets the system choose a free one."""
    workers: int = 1
    """Worker processes that answer HTTP."""
    demo: bool = False
    """Add clearly marked sample data, and mount the sample product APIs."""
    url: str | None = None
    """The Hub's address for the command line; none: the one that `serve` left in the data folder."""
    key: str | None = None
    """The Hub key for the command line; none: `operator.key` in the data folder."""
    prefix: str = "tos_"
    """What every secret starts with."""
    pepper: str | None = None
    """64 hex digits: the key of the keyed hash of secrets; none: the file `pepper` in the data folder."""
    retired_peppers: tuple[str, ...] = ()
    """Former peppers, at most 3, whose secrets are still accepted."""
    poll_interval_ms: int = 200
    """How often the agent asks the database for changes."""
    stale_after_ms: int = 10_000
    """A gate that has not heard from the database for this long refuses."""
    flush_interval_ms: int = 1_000
    """How often usage counters are written to the database."""
    usage_hourly_days: int = 8
    """How many dates of usage by hour are kept; totals are kept for ever."""
    usage_daily_days: int = 400
    """How many dates of usage by day are kept."""
    outcome_dedupe_days: int = 2
    """How old a reported outcome may be, and how long its id is remembered."""
    outcomes_listen: str | None = None
    """Address and port where the agent hears from proxies how requests ended, by UDP and TCP; none: nowhere."""
    outcomes_files: tuple[Path, ...] = ()
    """Access logs that the agent follows for the same."""
    stale_policy: Literal["deny", "allow"] = "deny"
    """What a gate does when it cannot show that it is fresh."""
    capacity: int = 16_777_216
    """How many keys a segment can hold at most. Costs address space; memory comes with the keys."""
    failure_rate: int = 60
    """Failed attempts a minute that one client address may make."""
    failure_burst: int = 100
    """Failed attempts at once that one client address may make."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks whose `X-Forwarded-For` is believed; "unix" means any peer on a Unix socket."""
    webhook_networks: tuple[str, ...] = ()
    """Private networks that webhooks may reach, over plain HTTP too."""
    leaks_keys_url: str | None = None
    """Where the keys are listed that sign reports of leaked secrets; none: no such reports are taken."""
    max_body_bytes: int = 65_536
    """The largest request body that the Hub reads."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is logged."""
    log_format: Literal["text", "json"] = "text"
    """How it is logged: lines for people, or one JSON object a line."""
    scopes: tuple[ScopeSetting, ...] = DEFAULT_SCOPES
    """The scopes that a key can hold."""
    tiers: tuple[TierSetting, ...] = DEFAULT_TIERS
    """The tiers; the first one is what a key gets when none is asked for."""

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingsError(f"{name} must be {low} to {high}, not {value}")
        if self.stale_after_ms < 2 * self.poll_interval_ms:
            raise SettingsError("stale_after_ms must be at least twice poll_interval_ms")
        check_quota("failure_rate and failure_burst", self.failure_rate, self.failure_burst)
        _check_text(self)
        _check_peppers(self)
        check_scopes(self.scopes)
        check_tiers(self.tiers)

    def __repr__(self) -> str:
        """All settings, secrets redacted."""
        shown = ", ".join(f"{name}={value!r}" for name, value in redacted(self).items())
        return f"Settings({shown})"

    def __rich_repr__(self) -> Any:
        """The same for Rich, which would otherwise read the fields past `__repr__`."""
        yield from redacted(self).items()


class Loaded(msgspec.Struct, frozen=True):
    """Settings, and for each of them where it came from: flag, environment, file or default."""

    settings: Settings
    origins: dict[str, str]


def load(
    *,
    flags: Mapping[str, object] = _NOTHING,
    environ: Mapping[str, str] = os.environ,
    file: Path | None = None,
) -> Settings:
    """Settings from flags over `KEYSTILE_*` over the settings file over defaults.

    A flag whose value is None counts as not given. SettingsError for an unknown name or a bad value.
    """
    return load_with_origins(flags=flags, environ=environ, file=file).settings


def load_with_origins(
    *,
    flags: Mapping[str, object] = _NOTHING,
    environ: Mapping[str, str] = os.environ,
    file: Path | None = None,
) -> Loaded:
    """As `load`, remembering where each value came from."""
    names = Settings.__struct_fields__
    found = gather(names, flags, environ, file)
    found.setdefault("data", Value(str(default_data(environ)), "default"))
    settings = _convert(found)
    origins = {name: found[name].origin if name in found else "default" for name in names}
    return Loaded(settings, origins)


def encode(settings: Settings) -> bytes:
    """The settings as JSON, secrets included: for a pipe to a child process, never for a log."""
    return msgspec.json.encode(settings, enc_hook=str)


def decode(raw: bytes) -> Settings:
    """What `encode` wrote."""
    try:
        return msgspec.json.decode(raw, type=Settings, dec_hook=_to_path)
    except msgspec.DecodeError as error:
        raise SettingsError(f"settings: {error}") from None


def redacted(settings: Settings) -> dict[str, object]:
    """Every setting by name, with secrets replaced; for people, logs and `config show`."""
    shown = {name: getattr(settings, name) for name in settings.__struct_fields__}
    for name in ("pepper", "key"):
        shown[name] = shown[name] and REDACTED
    shown["retired_peppers"] = tuple(REDACTED for _ in settings.retired_peppers)
    shown["database_url"] = settings.database_url and redact_url(settings.database_url)
    return shown


def redact_url(url: str) -> str:
    """The same URL without a password, whether it stands before the host or among the parameters."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if ":" in user:
        user = f"{user.split(':', 1)[0]}:{REDACTED}"
    query = re.sub(r"(?i)\b((?:ssl)?password)=[^&]*", rf"\1={REDACTED}", parts.query)
    return urlunsplit(parts._replace(netloc=f"{user}{at}{host}", query=query))


def check_prefix(prefix: str) -> str:
    """The prefix as it is; SettingsError for one that no secret can have."""
    if not _PREFIX.fullmatch(prefix):
        raise SettingsError("prefix must be a small letter, then up to 15 small letters, digits or '_'")
    return prefix


def segment_path(settings: Settings) -> Path:
    """Where the shared memory of this data folder's gate lies; the folder is named after the user."""
    if settings.segment is not None:
        return settings.segment
    name = hashlib.sha256(os.fsencode(settings.data)).hexdigest()[:12]
    return Path("/dev/shm") / f"keystile-{os.geteuid()}" / f"{name}.segment"  # noqa: S108 - the folder is 0700


def _convert(found: Mapping[str, Value]) -> Settings:
    """Convert one setting at a time first, so that a message can say which one and from where."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        if field.name not in found:
            continue
        value = found[field.name]
        try:
            values[field.name] = msgspec.convert(value.raw, field.type, strict=False, dec_hook=_to_path)
        except msgspec.ValidationError as error:
            raise SettingsError(f"{field.name} from {value.origin}: {error}") from None
    return Settings(**values)


def _to_path(kind: type, value: object) -> Path:
    """Paths are made absolute once, here, so that a later change of folder cannot move them."""
    if kind is not Path or not isinstance(value, str | Path) or not str(value):
        raise ValueError("expected a path")
    return Path(os.path.abspath(Path(value).expanduser()))  # noqa: PTH100 - Path has nothing that drops ".."


def _check_text(settings: Settings) -> None:
    check_prefix(settings.prefix)
    if not settings.host or any(c.isspace() or not c.isprintable() for c in settings.host):
        raise SettingsError("host must be an address or a name to listen on")
    url = settings.database_url
    if url is not None and not url.startswith(("postgresql://", "postgres://")):
        raise SettingsError("database_url must start with postgresql://")
    if settings.outcomes_listen is not None:
        listening_address("outcomes_listen", settings.outcomes_listen)
    if settings.url is not None and not settings.url.startswith(("http://", "https://")):
        raise SettingsError("url must start with http:// or https://")
    leaks = settings.leaks_keys_url
    if leaks is not None and not leaks.startswith(("https://", "http://127.0.0.1:")):
        raise SettingsError("leaks_keys_url must start with https://")
    proxies = [proxy for proxy in settings.trusted_proxies if proxy != UNIX_PEER]
    check_networks("trusted_proxies", proxies, "networks like 10.0.0.0/8, or 'unix'")
    check_networks("webhook_networks", settings.webhook_networks, "networks like 10.0.0.0/8")


def _check_peppers(settings: Settings) -> None:
    if len(settings.retired_peppers) > MAX_RETIRED:
        raise SettingsError(f"retired_peppers: at most {MAX_RETIRED}, not {len(settings.retired_peppers)}")
    if settings.pepper is not None:
        pepper_from_hex("pepper", settings.pepper)
    for text in settings.retired_peppers:
        pepper_from_hex("retired_peppers", text)
