"""Which assets `run --select` means, and the selections that messages recommend."""

import re

import dagster as dg
import pytest

from assets.definitions import defs
from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.cli.selection import select_assets


def recommended(message: str) -> list[str]:
    """The selections that a message tells people to write."""
    problem, _, examples = message.partition("Examples")
    similar = problem.partition("did you mean ")[2].partition("?")[0]
    return [*re.findall("'([^']+)'", examples), *similar.split(", ")]


@pytest.mark.parametrize(
    ("selection", "hint"),
    [
        ("digits", "group:digits"),
        ("covariance,projections", "key:covariance or key:projections"),
        ("covarience", "covariance"),
        ("group:pcas", "group:pca"),
        ("not *", "group:pca"),
        ("", "group:pca"),
    ],
)
def test_a_selection_that_matches_nothing_leads_to_selections_that_do(selection, hint):
    with pytest.raises(CommandError) as raised:
        select_assets(defs, selection)
    message = raised.value.message
    hints = recommended(message)
    assert hint in hints
    assert all(select_assets(defs, found) for found in hints)
    assert "\n" not in message


def test_an_asset_that_is_only_observed_is_not_selected():
    covariance = dg.AssetKey("covariance")
    found = select_assets(defs, "key:data_directory or key:covariance")
    assert found == {covariance}
    with pytest.raises(CommandError):
        select_assets(defs, "key:data_directory")
