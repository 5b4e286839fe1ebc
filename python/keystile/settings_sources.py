"""Where settings come from: flags over environment over file over defaults, each with its origin."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from keystile.errors import SettingsError

ENV_PREFIX = "KEYSTILE_"
CONFIG_ENV = "KEYSTILE_CONFIG"
DEFAULT_FILE = "keystile.toml"
MAX_FILE_BYTES = 1_048_576

_LISTS = frozenset({"retired_peppers", "trusted_proxies", "webhook_networks", "outcomes_files", "scopes", "tiers"})
_PATHS = frozenset({"data", "segment", "outcomes_files"})


class Value(msgspec.Struct, frozen=True):
    """A raw value and the words that say where it came from."""

    raw: object
    origin: str


def gather(
    names: Collection[str], flags: Mapping[str, object], environ: Mapping[str, str], file: Path | None
) -> dict[str, Value]:
    """The value that wins for each setting given anywhere; SettingsError for a name nobody knows."""
    return {
        **_from_file(names, environ, file),
        **_from_environ(names, environ),
        **_from_flags(names, flags),
    }


def _from_flags(names: Collection[str], flags: Mapping[str, object]) -> dict[str, Value]:
    _refuse_unknown(names, flags, "flag")
    return {name: Value(raw, "flag") for name, raw in flags.items() if raw is not None}


def _from_environ(names: Collection[str], environ: Mapping[str, str]) -> dict[str, Value]:
    """Reads KEYSTILE_X and KEYSTILE_X_FILE; an empty value counts as not given, as compose files need it."""
    found: dict[str, Value] = {}
    for variable, text in environ.items():
        if not variable.startswith(ENV_PREFIX) or variable == CONFIG_ENV:
            continue
        name = variable.removeprefix(ENV_PREFIX).lower()
        from_file = name not in names and name.endswith("_file")
        name = name.removesuffix("_file") if from_file else name
        if name not in names or variable != variable.upper():
            raise SettingsError(_unknown("environment variable", variable, [_variable(n) for n in names]))
        if not text:
            continue
        if name in found:
            raise SettingsError(f"{_variable(name)} and {_variable(name)}_FILE are both set; keep one")
        content = _read(Path(text), variable).strip() if from_file else text
        found[name] = Value(_parse(name, content, variable), f"environment ({variable})")
    return found


def _from_file(names: Collection[str], environ: Mapping[str, str], file: Path | None) -> dict[str, Value]:
    """Reads the file that was asked for, which must then exist, or `keystile.toml` where one lies here."""
    given = file or (Path(environ[CONFIG_ENV]) if environ.get(CONFIG_ENV) else None)
    path = (given or Path(DEFAULT_FILE)).expanduser()
    if given is None and not path.exists():
        return {}
    try:
        table = tomllib.loads(_read(path, str(path)))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None
    _refuse_unknown(names, table, f"{path}: setting")
    return {name: Value(_beside(path, name, raw), f"file ({path})") for name, raw in table.items()}


def _beside(file: Path, name: str, raw: object) -> object:
    """A relative path in a settings file means beside that file, wherever the command is started."""
    if name in _PATHS and isinstance(raw, list):
        return [_beside(file, name, each) for each in raw]
    if name in _PATHS and isinstance(raw, str):
        return str(file.absolute().parent / Path(raw).expanduser())
    return raw


def _parse(name: str, text: str, variable: str) -> object:
    """Lists are JSON, or words between commas where the words are plain text."""
    if name not in _LISTS:
        return text
    if not text.lstrip().startswith("["):
        return [word.strip() for word in text.split(",") if word.strip()]
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise SettingsError(f"{variable}: not a valid JSON list") from None


def _read(path: Path, what: str) -> str:
    try:
        with path.expanduser().open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise SettingsError(f"{what}: {path} is larger than {MAX_FILE_BYTES} bytes")
        return content.decode()
    except OSError as error:
        raise SettingsError(f"{what}: cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{what}: {path} is not UTF-8 text") from None


def _variable(name: str) -> str:
    return ENV_PREFIX + name.upper()


def _refuse_unknown(names: Collection[str], given: Mapping[str, object], what: str) -> None:
    for name in given:
        if name not in names:
            raise SettingsError(_unknown(what, name, names))


def _unknown(what: str, name: str, names: Collection[str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"unknown {what} {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
