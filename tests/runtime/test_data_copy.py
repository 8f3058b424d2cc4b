"""The copy of images under an address, on this machine."""

import shutil

import fsspec

from mnist_pipeline.runtime.data_copy import local_copy


def test_an_address_is_copied_again_only_after_a_change_or_a_copy_that_was_killed(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    address, bucket = f"memory://{tmp_path.name}/photos", fsspec.filesystem("memory")
    for name in ("cat/1", "dog/1"):
        bucket.pipe(f"{address}/{name}", b"old")
    first = local_copy(address)
    first.joinpath("cat", "1").write_bytes(b"of the copy")
    assert local_copy(address).joinpath("cat", "1").read_bytes() == b"of the copy"
    bucket.rm(f"{address}/dog/1")
    bucket.pipe(f"{address}/cow/1", b"new")
    shutil.move(first.parent, first.parent.with_name("unfinished"))
    copy = local_copy(address)
    files = {path.relative_to(copy).as_posix() for path in copy.rglob("*")}
    assert files == {"cat", "cat/1", "cow", "cow/1"}
    assert copy.joinpath("cat", "1").read_bytes() == b"old"
    assert not first.exists()
