"""What a run configuration may say is checked before the first asset runs."""

import pytest
import yaml

from assets.definitions import defs
from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.cli.run_config import check_config
from mnist_pipeline.cli.selection import select_assets

# The asset or resource, the setting, the value, and the words in the message if these differ.
REFUSED = """
softmax_model epochs 0 0 1
softmax_model epochs 10001 10001 10000
softmax_model epochs true True
softmax_model epochs 2.5
softmax_model epochs {env:NEGATIVE} -3
softmax_model learning_rate .nan nan
softmax_model learning_rate '3'
mlp_model epochs 1000000000000000000000000000000
cnn_model recipe SLOW
reconstructions num_components []
reconstructions num_components [2,0] 0
harris_corners kappa 0.25
robustness num_images 10001
mnist_seed value 4294967296
mnist_seed value {env:NEGATIVE} -3
mnist_data data photos MNIST_PIPELINE_DATA
mnist_storage storage results MNIST_PIPELINE_STORAGE
"""


def refusal(config: str, selection: str = "*") -> str:
    """The line that refuses a configuration."""
    with pytest.raises(CommandError) as raised:
        check_config(yaml.safe_load(config), defs, select_assets(defs, selection))
    (line,) = raised.value.message.splitlines()
    assert len(line) < 400
    assert "pydantic" not in line
    assert "<class" not in line
    return line


@pytest.mark.parametrize("row", REFUSED.strip().split("\n"))
def test_a_value_out_of_range_is_refused_by_asset_setting_and_value(
    row: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEGATIVE", "-3")
    name, setting, value, *shown = row.split(" ")
    part = "resources" if name.startswith("mnist_") else "ops"
    value = value.replace("NEGATIVE", " NEGATIVE")
    line = refusal(f"{part}: {{{name}: {{config: {{{setting}: {value}}}}}}}")
    for word in (name, setting, *(shown or [value])):
        assert word in line


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ("ops: {softmax_modle: {config: {epochs: 3}}}", "softmax_model"),
        ("ops: {knn_model: {config: {num_neighbors: 3}}}", "knn_model"),  # it is not selected
        ("ops: {raw_mnist: {config: {}}}", "raw_mnist"),
        ("ops: {softmax_model: {config: {epoch: 3}}}", "epoch"),
        ("ops: {softmax_model: {config: {epochs: {env: NOT_SET}}}}", "NOT_SET"),
        ("resources: {mnist_sead: {config: {value: 1}}}", "mnist_seed"),
        ("resources: {mnist_stored_results: {config: {path: a}}}", "path"),
        ("op: {softmax_model: {config: {epochs: 3}}}", "op is unknown"),
        ("ops: 3", "ops is 3"),
        ("ops: {1: {config: {epochs: 3}}}", "1"),
    ],
)
def test_what_nothing_reads_is_refused(config: str, named: str) -> None:
    assert named in refusal(config, "+key:softmax_model")


def test_values_in_range_of_variables_too_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
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
