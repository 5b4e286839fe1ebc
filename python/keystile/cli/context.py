"""What was said on the command line for all commands, and the settings and the client made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from keystile.cli.client import Client
from keystile.settings import Loaded, Settings, load_with_origins


class Context:
    """The options that every command knows, given before or after its name."""

    def __init__(self) -> None:
        self.flags: dict[str, object] = {}
        self.config: Path | None = None
        self.json: bool = False

    def load(self, **flags: object) -> Loaded:
        """Settings with their origins; `flags` are those of the command itself."""
        return load_with_origins(flags={**self.flags, **flags}, file=self.config)

    def settings(self, **flags: object) -> Settings:
        """Settings alone."""
        return self.load(**flags).settings

    def client(self, *, anonymous: bool = False, key: str | None = None) -> Client:
        """A client for the Hub, with the operator's key unless `anonymous`, or with another `key`."""
        return Client(self.settings(), anonymous=anonymous, key=key)


pass_context = click.make_pass_decorator(Context, ensure=True)


def _remember(context: click.Context, param: click.Parameter, value: Any) -> Any:
    """Keep what was given; said twice, the later word, nearer to the command, wins."""
    kept = context.ensure_object(Context)
    if value is None:
        return
    if param.name == "json":
        kept.json = kept.json or bool(value)
    elif param.name == "config":
        kept.config = value
    else:
        kept.flags[str(param.name)] = value


def _option(*names: str, **attributes: Any) -> click.Option:
    return click.RichOption(
        names, expose_value=False, callback=_remember, panel="Options of all commands", **attributes
    )


def common_options() -> list[click.Option]:
    """`--data`, `--config` and `--json`."""
    folder = click.Path(file_okay=False, path_type=Path)
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    return [
        _option("--data", type=folder, metavar="DIR", help="The data folder."),
        _option("--config", type=file, metavar="FILE", help="The settings file; else ./keystile.toml."),
        _option("--json", is_flag=True, default=None, help="Print one JSON document on stdout."),
    ]


def url_option() -> click.Option:
    """`--url`, for commands that talk to a Hub."""
    return _option("--url", metavar="URL", help="The Hub's address; else the one left in the data folder.")


class LocalCommand(click.RichCommand):
    """A command of this machine: it knows the common options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(common_options())


class HubCommand(LocalCommand):
    """A command that talks to a Hub: it knows `--url` too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(url_option())


class LocalGroup(click.RichGroup):
    """A group of local commands."""

    command_class = LocalCommand

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(common_options())


class HubGroup(LocalGroup):
    """A group of commands that talk to a Hub."""

    command_class = HubCommand

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(url_option())
