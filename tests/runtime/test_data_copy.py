"""The copy of images under an address, on this machine."""

from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mnist_pipeline.runtime.data_copy import local_copy


def test_only_files_that_are_new_or_have_changed_are_copied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    address, files = f"memory://{tmp_path.name}/photos", fsspec.filesystem("memory")
    read, get = [], MemoryFileSystem.get_file

    def recording(self: MemoryFileSystem, path: str, *arguments: object, **options: object) -> None:
        read.append(path.rpartition("photos/")[2])
        get(self, path, *arguments, **options)

    monkeypatch.setattr(MemoryFileSystem, "get_file", recording)

    def copied() -> dict[str, bytes]:
        read.clear()
        copy = local_copy(address)
        return {str(path.relative_to(copy)): path.read_bytes() for path in copy.rglob("*.*")}

    content = {"a/1.png": b"1", "a/2.png": b"2", "b/1.png": b"3"}
    for name, data in content.items():
        files.pipe(f"{address}/{name}", data)
    assert copied() == content
    assert sorted(read) == sorted(content)
    files.rm(f"{address}/b/1.png")
    changes = {"a/2.png": b"4", "c/1.png": b"5"}
    for name, data in changes.items():
        files.pipe(f"{address}/{name}", data)
    Path(local_copy(address), "a", "1.png").write_bytes(b"")  # a copy that was killed
    assert copied() == {"a/1.png": b"1"} | changes
    assert read == ["a/1.png"]
    assert {path.name for path in local_copy(address).iterdir()} == {"a", "c"}
    assert not copied().keys() - {"a/1.png", *changes}
    assert not read
