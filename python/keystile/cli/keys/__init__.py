"""`keystile keys`: the commands register themselves with the group when they are imported."""

from __future__ import annotations

from keystile.cli.imports import command
from keystile.cli.keys import change, create, read
from keystile.cli.keys.group import keys

__all__ = ["change", "command", "create", "keys", "read"]
