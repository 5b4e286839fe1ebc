"""What a machine remembers of revocations is there again after any end, and nothing else is."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from keystile import new_key_id
from keystile.agent.tombstones import Tombstones, tombstones_path
from keystile.settings import Settings
from keystile.store.receipts import Position

AT = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "tombstones"


def remembered(path: Path, *key_ids: str, mark: Position | None = None) -> None:
    stones = Tombstones(path)
    for key_id in key_ids:
        stones.add(key_id, AT)
    stones.sync(mark)
    stones.close()


def test_what_was_synced_is_there_again(path: Path) -> None:
    first, second, third = new_key_id(), new_key_id(), new_key_id()
    mark = Position(uuid4(), 3, 812, AT)
    stones = Tombstones(path)
    assert (len(stones), stones.mark) == (0, Position())
    stones.add(first, AT)
    stones.sync(Position(mark.epoch, 3, 811, None))
    stones.add(second, AT)
    stones.add(first, datetime(2030, 1, 1, tzinfo=UTC))
    stones.sync(mark)
    again = Tombstones(path)
    assert (again.get(first), again.get(second), again.get(third)) == (AT, AT, None)
    assert again.mark == mark
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    stones.close()


def test_what_was_not_synced_is_not_in_the_file(path: Path) -> None:
    remembered(path)
    stones = Tombstones(path)
    stones.sync(None)
    stones.add(new_key_id(), AT)
    assert len(Tombstones(path)) == 0
    stones.sync(None)
    assert len(Tombstones(path)) == 1
    stones.close()


@pytest.mark.parametrize("cut", range(2, 75, 7))
def test_a_torn_last_line_is_ignored_and_nothing_after_it_is_lost(path: Path, cut: int) -> None:
    kept, torn, later = new_key_id(), new_key_id(), new_key_id()
    remembered(path, kept, torn)
    os.truncate(path, path.stat().st_size - cut)
    stones = Tombstones(path)
    assert (stones.get(kept), stones.get(torn)) == (AT, None)
    remembered(path, later)
    again = Tombstones(path)
    assert (again.get(kept), again.get(torn), again.get(later)) == (AT, None, AT)


def test_a_line_that_was_changed_is_not_believed(path: Path) -> None:
    key_ids = [new_key_id() for _ in range(20)]
    mark = Position(uuid4(), 1, 5, AT)
    remembered(path, *key_ids, mark=mark)
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        stones = Tombstones(path)
        found = [key_id for key_id in key_ids if stones.get(key_id) is not None]
        assert len(stones) == len(found) >= len(key_ids) - 2
        assert stones.mark in {mark, Position()}
        assert len(found) < len(key_ids) or stones.mark == Position()


def test_a_write_that_fails_half_way_is_made_good_by_the_next(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stones, key_ids = Tombstones(path), [new_key_id() for _ in range(3)]
    stones.sync(None)
    for key_id in key_ids:
        stones.add(key_id, AT)
    write = os.write

    def full(handle: int, data: bytes) -> int:
        write(handle, data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        stones.sync(None)
    monkeypatch.undo()
    stones.sync(None)
    stones.close()
    again = Tombstones(path)
    assert [again.get(key_id) for key_id in key_ids] == [AT] * 3


def test_a_place_that_cannot_be_written_is_an_error_each_time(path: Path) -> None:
    path.mkdir(parents=True)
    stones = Tombstones(path)
    stones.add(new_key_id(), AT)
    for _ in range(2):
        with pytest.raises(OSError, match="directory"):
            stones.sync(None)
    path.rmdir()
    stones.sync(None)
    assert len(Tombstones(path)) == 1


def test_agents_of_one_data_folder_have_files_of_their_own(tmp_path: Path) -> None:
    paths = {tombstones_path(Settings(data=tmp_path, segment=segment)) for segment in (None, Path("/a"), Path("/b"))}
    assert len(paths) == 3
    assert tmp_path / "tombstones" in paths
