"""Which assets `run --select` means, and the selections that messages recommend."""

import pytest

from assets.definitions import defs
from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.cli.selection import select_assets


@pytest.mark.parametrize(
    ("selection", "hint"),
    [
        ("digits", "group:digits"),
        ("covariance,projections", "key:covariance or key:projections"),
        ("covarience", "covariance"),
        ("not *", "group:pca"),
        ("", "+key:cnn_model"),
    ],
)
def test_a_selection_that_matches_nothing_leads_to_selections_that_do(
    selection: str, hint: str
) -> None:
    with pytest.raises(CommandError) as raised:
        select_assets(defs, selection)
    message = raised.value.message
    assert hint in message
    assert select_assets(defs, hint)
    assert "\n" not in message
