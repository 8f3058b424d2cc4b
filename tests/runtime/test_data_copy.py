"""The copy of images under an address, on this machine."""

from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.runtime.data_copy import local_copy


@pytest.fixture
def address(tmp_path, monkeypatch) -> str:
    """Of three pictures."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    address = f"memory://{tmp_path.name}/photos"
    write(address, "old", "cat/1", "cat/2", "dog/1")
    return address


def write(address: str, content: str, *names: str) -> None:
    for name in names:
        fsspec.filesystem("memory").pipe(f"{address}/{name}", content.encode())


def touch(target: str) -> None:
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(target).touch()


def contents(copy: Path) -> dict[str, str]:
    files = [path for path in copy.rglob("*") if path.is_file()]
    return {path.relative_to(copy).as_posix(): path.read_text() for path in files}


@pytest.fixture
def fetched(monkeypatch) -> list[str]:
    """The names of the files that are fetched."""
    names, get_file = list[str](), MemoryFileSystem.get_file

    def get(self: MemoryFileSystem, source: str, target: str, **options: object) -> None:
        names.append(source.partition("photos/")[2])
        get_file(self, source, target, **options)

    monkeypatch.setattr(MemoryFileSystem, "get_file", get)
    return names


def test_only_files_that_are_new_or_have_changed_are_copied_again(address, fetched):
    copy = local_copy(address)
    assert contents(copy) == {"cat/1": "old", "cat/2": "old", "dog/1": "old"}
    fetched.clear()
    assert local_copy(address) == copy
    assert fetched == []
    fsspec.filesystem("memory").rm(f"{address}/dog/1")
    write(address, "new", "cat/2", "cow/1")
    assert local_copy(address) == copy
    assert sorted(fetched) == ["cat/2", "cow/1"]
    assert contents(copy) == {"cat/1": "old", "cat/2": "new", "cow/1": "new"}
    assert not (copy / "dog").exists()


def test_a_file_of_the_copy_that_has_changed_is_copied_again(address, fetched):
    copy = local_copy(address)
    (copy / "cat" / "2").write_text("of a person")
    fetched.clear()
    assert contents(local_copy(address))["cat/2"] == "old"
    assert fetched == ["cat/2"]


def test_a_copy_that_fails_leaves_the_former_one_whole_and_the_next_one_succeeds(
    address, fetched, monkeypatch
):
    copy = local_copy(address)
    former = contents(copy)
    write(address, "new", "cat/1", "cat/2")
    fsspec.filesystem("memory").rm(f"{address}/dog/1")
    get_file = MemoryFileSystem.get_file

    def fail_at_second(self: MemoryFileSystem, source: str, target: str, **options: object) -> None:
        if source.endswith("cat/2"):
            Path(target).write_text("a part")
            raise OSError("the connection broke")
        get_file(self, source, target, **options)

    monkeypatch.setattr(MemoryFileSystem, "get_file", fail_at_second)
    with pytest.raises(DatasetError, match=rf"{address}.*the connection broke"):
        local_copy(address)
    assert contents(copy) == former
    monkeypatch.setattr(MemoryFileSystem, "get_file", get_file)
    assert contents(local_copy(address)) == {"cat/1": "new", "cat/2": "new"}


def test_a_step_that_has_opened_a_file_reads_it_to_its_end(address):
    copy = local_copy(address)
    with (copy / "cat" / "1").open() as file:
        write(address, "new", "cat/1")
        local_copy(address)
        assert file.read() == "old"


def test_a_folder_may_become_a_file_and_a_file_a_folder(address):
    local_copy(address)
    bucket = fsspec.filesystem("memory")
    bucket.rm(f"{address}/cat", recursive=True)
    bucket.rm(f"{address}/dog/1")
    write(address, "new", "cat", "dog/1/2")
    assert contents(local_copy(address)) == {"cat": "new", "dog/1/2": "new"}


def test_a_name_in_a_bucket_can_not_lead_out_of_the_copy(address, monkeypatch, tmp_path):
    found = {f"{address}/../../evil": {"size": 1}}
    monkeypatch.setattr(MemoryFileSystem, "find", lambda *_, **__: found)
    monkeypatch.setattr(MemoryFileSystem, "get_file", lambda _, __, target, **___: touch(target))
    with pytest.raises(DatasetError, match=r"\.\./evil"):
        local_copy(address)
    assert not [*tmp_path.rglob("evil")]


def test_a_name_that_stands_for_a_folder_is_not_fetched(address, fetched, monkeypatch):
    find = MemoryFileSystem.find

    def with_marker(self: MemoryFileSystem, root: str, **options: Any) -> dict[str, Any]:
        return {f"{root}/cat/": {"size": 0}, **find(self, root, **options)}

    monkeypatch.setattr(MemoryFileSystem, "find", with_marker)
    local_copy(address)
    assert sorted(fetched) == ["cat/1", "cat/2", "dog/1"]


def test_an_address_without_files_is_named(address):
    with pytest.raises(DatasetError, match=f"{address}/cow.*no files"):
        local_copy(f"{address}/cow")


def test_a_name_may_contain_two_dots(address):
    write(address, "new", "cat..1/..2")
    assert contents(local_copy(address))["cat..1/..2"] == "new"
