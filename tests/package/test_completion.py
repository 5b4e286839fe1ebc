"""`keystile completion`, in the shells that there are: what is typed is a person's, Tab included."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SHELLS = {
    "bash": (["--norc", "--noprofile", "-i"], "source <(keystile completion bash)"),
    "zsh": (["-f", "-i"], "autoload -Uz compinit; compinit -u; source <(keystile completion zsh)"),
    "fish": (["--no-config", "--interactive"], "keystile completion fish | source"),
}
PATIENCE_S = 30.0

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A shell that believes that a person sits before it."""

    def __init__(self, shell: str, home: Path) -> None:
        flags, load = SHELLS[shell]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._pid, self._screen = pty.fork()
        if self._pid == 0:
            environment = {"PATH": path, "HOME": str(home), "TERM": "xterm", "PS1": "$ "}
            os.execve(shutil.which(shell) or shell, [shell, *flags], environment)
        self._seen = ""
        self.type(f"{load}; echo loa''ded\n")
        self.shown("loaded")

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._screen, text.encode())

    def shown(self, pattern: str) -> str:
        """Wait until the screen shows it, and give that; what was shown until then is forgotten."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not (found := re.search(pattern, self._seen)):
            left_s = deadline_s - time.monotonic()
            assert left_s > 0, f"{pattern} is not in {self._seen!r}"
            if select.select([self._screen], [], [], left_s)[0]:
                self._seen = _COLOURS.sub("", self._seen + os.read(self._screen, 10_000).decode(errors="replace"))
        self._seen = self._seen[found.end() :]
        return found[0]

    def close(self) -> None:
        """Hang up."""
        os.close(self._screen)
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


@pytest.fixture(params=[shell for shell in SHELLS if shutil.which(shell)])
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    """A shell of each kind that is installed, which has loaded the completion. bash is always: `.ci/run` needs it."""
    opened = Terminal(request.param, tmp_path)
    yield opened
    opened.close()


def test_tab_completes_commands_and_options(terminal: Terminal) -> None:
    terminal.type("keystile ke\t")
    terminal.shown(r"ke.*ys ")
    terminal.type("create --no\t")
    terminal.shown(r"--no.*te ")


def test_bash_is_there() -> None:
    assert shutil.which("bash")
