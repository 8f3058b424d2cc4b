"""What a run configuration may say is checked before the first asset runs."""

import dagster as dg
import pytest
import yaml

from assets.definitions import defs
from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.cli.run_config import check_config
from mnist_pipeline.cli.selection import select_assets


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ("ops: {softmax_modle: {config: {epochs: 3}}}", "softmax_model"),
        ("ops: {knn_model: {config: {num_neighbors: 3}}}", "knn_model"),  # it is not selected
        ("ops: {softmax_model: {config: {epoch: 3}}}", "epoch"),
        ("ops: {softmax_model: {config: {epochs: true}}}", "epochs"),
        ("ops: {softmax_model: {config: {epochs: {env: NOT_SET}}}}", "NOT_SET"),
        ("ops: 3", "ops"),
        ("resources: {mnist_sead: {config: {value: 1}}}", "mnist_seed"),
        ("resources: {mnist_data: {config: {data: photos}}}", "MNIST_PIPELINE_DATA"),
    ],
)
def test_what_nothing_reads_is_refused_in_one_line(config, named):
    with pytest.raises(CommandError) as raised:
        check_config(yaml.safe_load(config), defs, select_assets(defs, "+key:softmax_model"))
    (line,) = raised.value.message.splitlines()
    assert named in line
    assert len(line) < 400


def test_an_asset_with_a_prefix_is_configured_by_the_name_of_its_step():
    @dg.asset(key_prefix="own", config_schema={"k": int})
    def asset(context: dg.AssetExecutionContext) -> None:
        pass

    config = {"ops": {"own__asset": {"config": {"k": 1}}}}
    check_config(config, dg.Definitions([asset]), {asset.key})


def test_values_and_variables_are_accepted(monkeypatch):
    monkeypatch.setenv("FIVE", "5")
    config = """
        ops:
          softmax_model: {config: {epochs: {env: FIVE}, learning_rate: 1}}
          cnn_model: {config: {recipe: NOTEBOOK, epochs: null}}
        resources: {mnist_seed: {config: {value: {env: FIVE}}}}
        execution: {config: {retries: {disabled: {}}}}
    """
    check_config(yaml.safe_load(config), defs, select_assets(defs, "*"))
