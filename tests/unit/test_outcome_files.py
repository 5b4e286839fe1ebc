"""A log file that is followed: begun in the middle, half written, rotated, cut off, not there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from keystile.agent.outcomes.aside import aside
from keystile.agent.outcomes.stream import Lines
from keystile.agent.outcomes.tail import Tail


class Follower:
    """Reads as a running `Tail` does, one step at a time."""

    def __init__(self, path: Path) -> None:
        self.tail = Tail(path, None)  # type: ignore[arg-type] - nothing is handed on here

    def new(self) -> list[bytes]:
        """All lines that there are by now; a few looks, as a change of files takes more than one."""
        lines: Lines = self.tail._lines
        return [line for _ in range(5) for line in lines.feed(self.tail._next())]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_bytes(b"old\n")
    return path


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_only_what_comes_from_now_on_is_read(log: Path) -> None:
    follower = Follower(log)
    assert follower.new() == []
    append(log, b"one\ntwo\n")
    assert follower.new() == [b"one", b"two"]
    assert follower.new() == []


def test_half_a_line_waits_for_the_other_half(log: Path) -> None:
    follower = Follower(log)
    follower.new()
    append(log, b"one\nha")
    assert follower.new() == [b"one"]
    append(log, b"lf\n")
    assert follower.new() == [b"half"]


def test_a_file_that_comes_later_is_read_from_its_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    follower = Follower(tmp_path / "access.log")
    assert follower.new() == []
    append(tmp_path / "access.log", b"one\n")
    assert follower.new() == [b"one"]
    assert not caplog.records


def test_rotated_nothing_is_missed(log: Path) -> None:
    follower = Follower(log)
    follower.new()
    old = log.rename(log.with_suffix(".1"))
    # Whoever writes has the old one open until it is told; an empty new one may be there already.
    append(old, b"one\n")
    assert follower.new() == [b"one"]
    log.touch()
    append(old, b"two\n")
    assert follower.new() == [b"two"]
    append(old, b"three\n")
    append(log, b"four\n")
    assert follower.new() == [b"three", b"four"]
    append(log, b"five\n")
    assert follower.new() == [b"five"]


def test_what_is_written_while_the_change_is_noticed_is_not_missed(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    follower = Follower(log)
    follower.new()
    old = log.rename(log.with_suffix(".1"))
    look = Tail._is_replaced

    def written_meanwhile(tail: Tail, file: int) -> bool:
        monkeypatch.undo()
        append(old, b"last\n")
        append(log, b"first\n")
        return look(tail, file)

    monkeypatch.setattr(Tail, "_is_replaced", written_meanwhile)
    assert follower.new() == [b"last", b"first"]


def test_rotated_in_the_middle_of_a_line_the_next_file_is_unharmed(log: Path) -> None:
    follower = Follower(log)
    follower.new()
    append(log, b"never en")
    assert follower.new() == []
    log.rename(log.with_suffix(".1"))
    append(log, b"one\n")
    assert follower.new() == [b"one"]


def test_cut_off_it_begins_anew(log: Path) -> None:
    follower = Follower(log)
    append(log, b"long enough\n" * 100 + b"ha")
    follower.new()
    os.truncate(log, 0)
    append(log, b"one\n")
    assert follower.new() == [b"one"]


def test_a_file_that_goes_away_and_comes_back(log: Path) -> None:
    follower = Follower(log)
    follower.new()
    log.unlink()
    assert follower.new() == []
    append(log, b"one\n")
    assert follower.new() == [b"one"]


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_told_once_and_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    path = tmp_path / "access.log"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    follower = Follower(path)
    assert follower.new() == []
    assert [record.message for record in caplog.records] == [f"outcomes cannot be read: {path} is not a file"]
    path.rmdir() if kind == "folder" else path.unlink()
    append(path, b"one\n")
    assert follower.new() == [b"one"]


def test_a_backlog_is_read_piece_by_piece(log: Path) -> None:
    follower = Follower(log)
    follower.new()
    append(log, b"a line of a log\n" * 10_000)
    sizes = [len(follower.tail._next()) for _ in range(11)]
    assert sizes == [16_384] * 9 + [160_000 - 9 * 16_384, 0]


def test_an_old_file_that_cannot_be_opened_at_first_is_as_old_when_it_can(
    log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = log.rename(log.with_suffix(".1"))
    log.symlink_to(log)
    follower = Follower(log)
    assert follower.new() == []
    assert len(caplog.records) == 1
    old.rename(log)
    assert follower.new() == []
    append(log, b"one\n")
    assert follower.new() == [b"one"]


_HUNG = """
import asyncio, sys, time
from pathlib import Path
from keystile.agent.outcomes.tail import Tail

class Hung(Tail):
    def _read(self):
        time.sleep(3_600)

async def main():
    tails = [asyncio.create_task(Hung(Path("x"), None).run()) for _ in range(40)]
    await asyncio.sleep(0.1)
    print(await asyncio.to_thread(lambda: "others have threads"))
    for tail in tails:
        tail.cancel()

asyncio.run(main())
"""


def test_files_on_a_disk_that_hangs_take_no_thread_from_others_and_end_with_the_agent() -> None:
    ended = subprocess.run([sys.executable, "-c", _HUNG], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, "others have threads\n"), ended.stderr


async def test_a_file_is_read_and_its_faults_are_raised() -> None:
    async def fails() -> bytes:
        def read() -> bytes:
            raise ValueError("a fault")

        return await aside(read)

    assert await aside(lambda: b"a piece") == b"a piece"
    with pytest.raises(ValueError, match="a fault"):
        await fails()
