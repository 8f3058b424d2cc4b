"""What a run configuration may say is checked before the first asset runs."""

import dagster as dg
import pytest
import yaml

from assets.definitions import defs
from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.cli.run_config import check_config
from mnist_pipeline.cli.selection import select_assets

# The asset or resource, the setting, the value, and how it is shown if that differs.
REFUSED = """
softmax_model epochs -5
softmax_model epochs 0
softmax_model epochs 10001
softmax_model epochs true True
softmax_model epochs 2.5
softmax_model epochs {env:NEGATIVE} -3
softmax_model learning_rate .nan nan
softmax_model learning_rate .inf inf
softmax_model learning_rate 0
softmax_model learning_rate true True
softmax_model learning_rate '3'
softmax_model learning_rate 10.5
mlp_model epochs -5
mlp_model epochs 1000000000000000000000000000000
mlp_model hidden_size 0
mlp_model hidden_size 16385
cnn_model batch_size 0
cnn_model batch_size 65537
cnn_model learning_rate -.inf -inf
cnn_model recipe SLOW
knn_model num_neighbors 0
knn_model num_neighbors 1001
knn_model num_neighbors true True
projections num_components 1
projections num_components 785
reconstructions num_components []
reconstructions num_components [2,0] 0
reconstructions num_components [785] 785
reconstructions num_components [2,{env:NEGATIVE}] -3
harris_corners kappa 0
harris_corners kappa .nan nan
harris_corners relative_threshold -0.1
harris_corners relative_threshold false False
robustness num_images 0
mnist_seed value -1
mnist_seed value 4294967296
mnist_seed value true True
mnist_seed value {env:NEGATIVE} -3
"""


def refusals(config: str, selection: str = "*") -> list[str]:
    """The lines that refuse a configuration."""
    with pytest.raises(CommandError) as raised:
        check_config(yaml.safe_load(config), defs, select_assets(defs, selection))
    lines = raised.value.message.splitlines()
    for line in lines:
        assert line.startswith("--config: ")
        assert len(line) < 400
        assert "pydantic" not in line
    return lines


@pytest.mark.parametrize("row", REFUSED.strip().split("\n"))
def test_a_value_out_of_range_is_refused_by_asset_setting_and_value(row, monkeypatch):
    monkeypatch.setenv("NEGATIVE", "-3")
    name, setting, value, *shown = row.split(" ")
    part = "resources" if name == "mnist_seed" else "ops"
    value = value.replace("NEGATIVE", " NEGATIVE")
    (line,) = refusals(f"{part}: {{{name}: {{config: {{{setting}: {value}}}}}}}")
    for word in (name, setting, *(shown or [value.strip("'")])):
        assert word in line


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ("ops: {softmax_modle: {config: {epochs: 3}}}", "softmax_model"),
        ("ops: {knn_model: {config: {num_neighbors: 3}}}", "knn_model"),  # it is not selected
        ("ops: {softmax_model: {config: {epoch: 3}}}", "epoch"),
        ("ops: {softmax_model: {config: {epochs: {env: NOT_SET}}}}", "NOT_SET"),
        ("ops: {softmax_model: 3}", "softmax_model"),
        ("ops: 3", "ops"),
        ("op: {softmax_model: {config: {epochs: 3}}}", "op"),
        ("ops: {1: {config: {epochs: 3}}}", "1"),
        ("ops: {data_mean: {config: {size: 3}}}", "data_mean"),  # it has no settings
        ("ops: {experiment_trials: {config: {epochs: -5}}}", "experiment_trials"),
        ("resources: {mnist_sead: {config: {value: 1}}}", "mnist_seed"),
        ("resources: {mnist_data: {config: {data: photos}}}", "MNIST_PIPELINE_DATA"),
    ],
)
def test_what_nothing_reads_is_refused_in_one_line(config, named):
    selection = "key:softmax_model or key:data_mean or key:experiment_trials"
    (line,) = refusals(config, selection)
    assert named in line


def test_every_problem_of_a_configuration_has_a_line(monkeypatch):
    config = """
        ops:
          softmax_model: {config: {epochs: -5, learning_rate: .nan}}
          cnn_model: {config: {batch_size: 0, recipe: SLOW}}
          knn_modle: {config: {num_neighbors: 0}}
          knn_model: {config: {num_neighbors: 0}}
        resources: {mnist_seed: {config: {value: -1}}}
    """
    named = ["epochs is -5", "learning_rate is nan", "batch_size is 0", "recipe", "knn_modle"]
    named += ["num_neighbors is 0", "value is -1"]
    lines = refusals(config)
    assert len(lines) == len(named)
    for words in named:
        assert sum(words in line for line in lines) == 1


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
          reconstructions: {config: {num_components: [2, 784]}}
        resources: {mnist_seed: {config: {value: {env: FIVE}}}}
        execution: {config: {retries: {disabled: {}}}}
    """
    check_config(yaml.safe_load(config), defs, select_assets(defs, "*"))
