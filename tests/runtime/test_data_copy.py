"""The copy of images under an address, on this machine."""

from pathlib import Path

import fsspec
import pytest

from mnist_pipeline.runtime.data_copy import local_copy


def test_only_files_that_are_new_or_have_changed_are_copied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    address, bucket = f"memory://{tmp_path.name}/photos", fsspec.filesystem("memory")
    for name in ("cat/1", "cat/2", "dog/1"):
        bucket.pipe(f"{address}/{name}", b"old")
    (copy := local_copy(address)).joinpath("cat", "2").write_bytes(b"of a copy that was killed")
    written = (copy / "cat" / "1").stat().st_ctime_ns
    bucket.rm(f"{address}/dog/1")
    bucket.pipe(f"{address}/cow/1", b"new")
    assert local_copy(address) == copy
    files = {path.relative_to(copy).as_posix(): path for path in copy.rglob("*")}
    assert files.keys() == {"cat", "cat/1", "cat/2", "cow", "cow/1"}
    assert [files[name].read_bytes() for name in ("cat/2", "cow/1")] == [b"old", b"new"]
    assert files["cat/1"].stat().st_ctime_ns == written
