"""Names that a command does not know, and what it prints about names that it knows."""

import re
from pathlib import Path

import pytest
from support.graph_fixtures import invoke

from mnist_pipeline.cli import main as cli
from mnist_pipeline.cli.selection import asset_names


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("run", "--select", "cnn_modle"), "cnn_model"),
        (("run", "--select", "+key:covarience"), "covariance"),
        (("run", "--select", "group:pac"), "pca"),
        (("run", "--data-set", "mnits"), "mnist"),
        (("lineage", "champoin"), "champion"),
        (("export", "cn", "--onnx", "model.onnx"), "cnn"),
        (("history", "softmaxx"), "softmax"),
        (("fetch", "kmnits"), "kmnist"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_one_that_was_meant(
    arguments: tuple[str, ...], meant: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = invoke(*arguments, code=1)
    assert repr(arguments[-1].rpartition(":")[2]) in error or repr(arguments[1]) in error
    assert re.search(rf"\b{meant}\?", error)


def test_an_unknown_group_is_answered_with_all_groups(finished: Path) -> None:
    error = invoke("run", "--select", "group:zzz", code=1)
    assert {"digits", "pca", "networks", "serving"} <= set(re.findall(r"\w+", error))


@pytest.mark.parametrize(
    ("config", "wrong", "accepted"),
    [
        ("ops: {cnn_modle: {config: {epochs: 3}}}", "cnn_modle", {"cnn_model"}),
        ("ops: {cnn_model: {config: {zzz: 3}}}", "zzz", {"recipe", "epochs", "batch_size", "learning_rate"}),
        ("resources: {seed: {config: {vlaue: 3}}}", "vlaue", {"value"}),
    ],
)
def test_an_unknown_name_in_a_configuration_is_answered_with_the_accepted_names(
    config: str, wrong: str, accepted: set[str], finished: Path, tmp_path: Path
) -> None:
    (tmp_path / "run.yaml").write_text(config)
    error = invoke("run", "--config", str(tmp_path / "run.yaml"), code=1)
    words = set(re.findall(r"\w+", error))
    assert {wrong} | accepted <= words
    assert not {"Int", "env", "Float"} & words


def test_every_asset_and_every_command_is_listed_with_a_whole_sentence(finished: Path) -> None:
    listed = invoke("list")
    assert set(asset_names()) <= set(listed.split())
    assert "data_mean" not in invoke("list", "group:networks")
    for text in (listed, invoke("--help")):
        assert "..." not in text.partition("Commands:")[2]
        assert max(map(len, text.splitlines())) <= 80
    assert set(cli.main.commands) <= set(invoke("--help").split())


def test_the_report_is_named_only_by_a_run_that_made_it(own_copy: tuple[Path, Path]) -> None:
    path = invoke("report").strip()
    assert Path(path).read_text().startswith("<!DOCTYPE html>")
    assert path not in invoke("run", "--select", "key:data_mean")
    assert path in invoke("run", "--select", "key:evaluation_report")
