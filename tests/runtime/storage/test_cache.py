"""Local copies of files from a bucket: verified, complete, shared between processes, and limited in size."""

from __future__ import annotations

import hashlib
import mmap
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mnist_pipeline.runtime.storage import cache as cache_module
from mnist_pipeline.runtime.storage.cache import ABANDONED_SECONDS, Cache
from mnist_pipeline.runtime.storage.contents import Entry, UnavailableError

LIMIT = 1_000


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", LIMIT)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not keep copies that were opened a moment ago."""
    monkeypatch.setattr(cache_module, "RECENT_SECONDS", 0.0)


def content(number: int, size: int = 400) -> bytes:
    return bytes([number]) * size


def entry(data: bytes) -> Entry:
    return Entry(len(data), hashlib.sha256(data).hexdigest())


def fill(cache: Cache, data: bytes) -> None:
    with cache.add(entry(data)) as file:
        file.write(data)


def read(cache: Cache, data: bytes) -> bytes | None:
    file = cache.open(entry(data))
    if file is None:
        return None
    with file:
        return file.read()


def test_a_copy_is_found_by_its_content(cache: Cache) -> None:
    assert read(cache, content(1)) is None
    fill(cache, content(1))
    assert read(cache, content(1)) == content(1)
    assert read(cache, content(2)) is None
    assert [path.name for path in cache.directory.iterdir()] == [entry(content(1)).sha256]


def test_an_interrupted_copy_leaves_nothing(cache: Cache) -> None:
    def fail() -> None:
        with cache.add(entry(content(1))) as file:
            file.write(content(1)[:7])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(cache.directory.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", content(2), content(1)[:-1], None])
def test_a_damaged_copy_or_a_link_in_its_place_is_not_used(damage: bytes | None, cache: Cache, tmp_path: Path) -> None:
    fill(cache, content(1))
    (copy,) = cache.directory.iterdir()
    if damage is None:
        copy.rename(tmp_path / "elsewhere")
        copy.symlink_to(tmp_path / "elsewhere")
    else:
        copy.write_bytes(damage)
    assert read(cache, content(1)) is None
    assert damage is None or not copy.exists()


@pytest.mark.usefixtures("impatient")
def test_the_copies_that_were_opened_longest_ago_are_removed(cache: Cache) -> None:
    fill(cache, content(1))
    fill(cache, content(2))
    read(cache, content(1))
    fill(cache, content(3))
    assert {number for number in (1, 2, 3) if read(cache, content(number))} == {1, 3}


def test_copies_of_the_last_minute_stay_even_beyond_the_limit(cache: Cache) -> None:
    fill(cache, content(1))
    fill(cache, content(2))
    for path in cache.directory.iterdir():
        os.utime(path, (0, path.stat().st_mtime))
    read(cache, content(1))
    fill(cache, content(3, 10 * LIMIT))
    contents = {1: content(1), 2: content(2), 3: content(3, 10 * LIMIT)}
    assert {number for number, data in contents.items() if read(cache, data)} == {1, 3}


@pytest.mark.usefixtures("impatient")
def test_a_mapped_copy_stays_readable_after_its_removal(cache: Cache) -> None:
    fill(cache, content(1))
    file = cache.open(entry(content(1)))
    assert file is not None
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    for number in (2, 3, 4):
        fill(cache, content(number))
    assert read(cache, content(1)) is None
    assert mapped[:] == content(1)
    file.close()


def test_files_of_killed_processes_are_removed_after_a_day(cache: Cache) -> None:
    fill(cache, content(1))
    old, new = cache.directory / ".old.tmp", cache.directory / ".new.tmp"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (0, old.stat().st_mtime - ABANDONED_SECONDS - 1))
    fill(cache, content(2))
    assert not old.exists()
    assert new.exists()


def test_many_threads_write_and_read_at_once(cache: Cache) -> None:
    def use(number: int) -> None:
        data = content(number % 5)
        found = read(cache, data)
        assert found in (None, data)
        fill(cache, data)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(200)))
    assert len(list(cache.directory.iterdir())) == 5


def test_a_cache_that_cannot_be_written_is_reported_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match="MNIST_PIPELINE_CACHE"):
        fill(Cache(tmp_path / "file" / "cache", LIMIT), content(1))
