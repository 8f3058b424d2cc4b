"""What the tests rely on: a kept run is that of the present code, and CI lacks nothing."""

import pytest
from support import graph_fixtures
from support.graph_fixtures import checksum_of_sources, kept
from support.servers import library


def test_a_kept_run_is_copied_until_a_source_changes(tmp_path, monkeypatch):
    made = []

    def make(storage):
        made.append(storage)
        (storage / "value").write_text("intact")
        return f"Storage: {storage}"

    def run(name):
        (storage := tmp_path / name).mkdir()
        return kept(cache, make)(storage)

    (cache := tmp_path / "cache").mkdir()
    (source := tmp_path / "method.py").write_text("1")
    monkeypatch.setattr(graph_fixtures, "PROJECT", tmp_path)
    monkeypatch.setattr(graph_fixtures, "SOURCES", [source.name])
    run("first")
    (tmp_path / "first" / "value").write_text("spoiled by a test")
    assert run("second") == f"Storage: {tmp_path / 'second'}"
    assert (tmp_path / "second" / "value").read_text() == "intact"
    assert len(made) == 1
    source.write_text("2")
    run("third")
    assert len(made) == 2
    assert len([path for path in cache.iterdir() if path.is_dir()]) == 1


def test_a_run_depends_on_the_whole_code():
    assert checksum_of_sources() == checksum_of_sources()
    assert {"mnist_pipeline", "assets"} <= set(graph_fixtures.SOURCES)


@pytest.mark.parametrize(
    ("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_a_library_that_is_missing_fails_in_ci_and_skips_elsewhere(ci, outcome, monkeypatch):
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="not_installed"):
        library("not_installed")
