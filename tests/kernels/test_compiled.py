"""The parts that all compiled code shares."""

from pathlib import Path

from mnist_pipeline.kernels.compiled import cache_directory


def test_a_change_in_any_file_of_the_kernels_compiles_anew(tmp_path: Path) -> None:
    kernels, cache = tmp_path / "kernels", tmp_path / "cache"
    kernels.mkdir()
    (kernels / "search.py").write_text("from tiles import LANES")
    (kernels / "tiles.py").write_text("LANES = 32")
    before = cache_directory(kernels, cache)
    assert before == cache_directory(kernels, cache)
    assert before.parent == cache
    (kernels / "tiles.py").write_text("LANES = 16")
    assert cache_directory(kernels, cache) != before
