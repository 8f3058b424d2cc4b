"""Which assets `run --select` means, and the selections that messages recommend."""

import re

import pytest

from assets.definitions import defs
from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.cli.selection import select_assets


@pytest.mark.parametrize("selection", ["covarience", "covariance,projections", "not *", ""])
def test_a_selection_that_matches_nothing_leads_to_selections_that_do(selection):
    with pytest.raises(CommandError) as raised:
        select_assets(defs, selection)
    examples = re.findall("'([^']+)'", raised.value.message.partition("Examples")[2])
    assert examples
    assert all(select_assets(defs, example) for example in examples)
    assert "\n" not in raised.value.message
