"""docs/reference/cli.md: every command with its arguments and options, from the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import rich_click as click

from keystile.cli.context import HubCommand, common_options, url_option
from keystile.cli.main import PROGRAM, cli
from tools.reference.markdown import block, code, page, table

INTRODUCTION = """\
Every command. What they print, their exit codes and examples stand in
[the command line](../api.md#the-command-line)."""

_HEADS = ("option", "value", "meaning")


def commands_page() -> str:
    """The page."""
    return page("Command line reference", INTRODUCTION, _parts())


def _parts() -> Iterator[str]:
    yield "## Options of all commands"
    yield table(_HEADS, (_option(one) for one in common_options()))
    yield "Of those that talk to a Hub also:"
    yield table(_HEADS, [_option(url_option())])
    yield "Of `keystile` itself, and before any command:"
    yield table(_HEADS, (_option(one) for one in cli.params if isinstance(one, click.Option) and one.name == "version"))
    root = click.Context(cli, info_name=PROGRAM)
    for context in _walk(root):
        yield from _command(context)


def _walk(context: click.Context) -> Iterator[click.Context]:
    """Every command below a group that is no group itself, in the order of the help."""
    group = context.command
    if not isinstance(group, click.Group):
        yield context
        return
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            yield from _walk(click.Context(command, info_name=name, parent=context))


def _command(context: click.Context) -> Iterator[str]:
    command = context.command
    yield f"## {context.command_path}"
    yield block("text", " ".join([context.command_path, *command.collect_usage_pieces(context)]))
    yield inspect.cleandoc((command.help or "").replace("\b\n", ""))
    common = {one.name for one in (*common_options(), url_option())}
    own = [one for one in command.params if isinstance(one, click.Option) and one.name not in common]
    yield table(_HEADS, (_option(one) for one in own))
    if isinstance(command, HubCommand):
        yield "It talks to a Hub."


def _option(option: click.Option) -> tuple[str, str, str]:
    names = ", ".join(code(name) for name in option.opts)
    if option.secondary_opts:
        names += " / " + ", ".join(code(name) for name in option.secondary_opts)
    return names, _value(option), option.help or ""


def _value(option: click.Option) -> str:
    if option.is_flag or option.count:
        return ""
    if isinstance(option.type, click.Choice):
        value = ", ".join(code(one) for one in option.type.choices)
    else:
        value = code(option.metavar or option.type.name.upper())
    notes = (["repeatable"] if option.multiple else []) + (["required"] if option.required else [])
    return ", ".join([value, *notes])
