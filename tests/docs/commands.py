"""The commands of a page, as a reader would type them: in order, in one folder, with what the page leaves running."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_S = 60.0

_BLOCK = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LISTENS = ("Ctrl-C stops it.", "Application startup complete")
_DONE = "this block is done"


@dataclass(frozen=True)
class Block:
    """One block of a page: its language, the word after that (`serving`, `elsewhere` or none), and its text."""

    language: str
    word: str
    text: str


def blocks(page: Path) -> list[Block]:
    """All blocks of a page that name a language, in order."""
    return [Block(*found) for found in _BLOCK.findall(page.read_text("utf-8"))]


def pages() -> list[Path]:
    """Every page that has commands."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    return sorted(page for page in found if any(block.language == "sh" for block in blocks(page)))


class Reader:
    """Somebody who follows a page in a folder: types its commands, saves its files, leaves its servers running."""

    def __init__(self, folder: Path, environ: dict[str, str], addresses: dict[str, str]) -> None:
        self._folder = folder
        self._environ = {**os.environ, **environ}
        self._addresses = addresses
        self._servers: list[subprocess.Popen[bytes]] = []
        self._shell = subprocess.Popen(
            ["bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=self._environ,
            text=True,
        )
        self._tell("set -euo pipefail")

    def follow(self, page: Path) -> None:
        """Do what the page says; AssertionError with what was typed and said if a command fails."""
        for number, block in enumerate(blocks(page)):
            if block.language == "python" and block.text.startswith("# "):
                (self._folder / block.text.splitlines()[0].removeprefix("# ")).write_text(block.text)
            elif block.language == "sh" and block.word == "serving":
                self._serve(self._here(block.text), self._folder / f"server-{number}.log")
            elif block.language == "sh" and not block.word:
                self._type(self._here(block.text), self._folder / f"block-{number}.sh")

    def close(self) -> None:
        """End what is still running."""
        self._shell.communicate()
        for server in self._servers:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(START_S)

    def _here(self, text: str) -> str:
        """The text with the addresses that hold here; what the Makefile does has been done for every test."""
        for told, real in self._addresses.items():
            text = text.replace(told, real)
        return re.sub(r"^make .*$", "", text, flags=re.MULTILINE)

    def _type(self, text: str, file: Path) -> None:
        file.write_text(text)
        # From a file, so that no command takes the next ones for its input.
        self._tell(f"source {file.name} </dev/null; echo; echo {_DONE}")
        assert self._shell.stdout is not None
        said = []
        for line in self._shell.stdout:
            if line.strip() == _DONE:
                return
            said.append(line)
        raise AssertionError(f"a command failed:\n{text}\nIt said:\n{''.join(said)}")

    def _tell(self, line: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(line + "\n")
        self._shell.stdin.flush()

    def _serve(self, command: str, log: Path) -> None:
        with log.open("wb") as file:
            server = subprocess.Popen(
                ["bash", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=self._folder,
                env=self._environ,
                process_group=0,
            )
        self._servers.append(server)
        deadline_s = time.monotonic() + START_S
        while not any(words in log.read_text() for words in _LISTENS):
            assert server.poll() is None, f"{command}\n{log.read_text()}"
            assert time.monotonic() < deadline_s, f"{command}\n{log.read_text()}"
            time.sleep(0.02)
