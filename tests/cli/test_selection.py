"""Which assets `run --select` means, and the selections that messages recommend."""

import re

import pytest

from assets.definitions import defs
from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.cli.main import run
from mnist_pipeline.cli.selection import select_assets


def recommended(message: str) -> list[str]:
    """The selections that a message tells people to write."""
    _, _, names = message.partition("did you mean ")
    return [
        *re.findall(r"(?<=[ (])'([^']+)'(?! is)", message),
        *re.findall(r"write (group:\w+)", message),
        *filter(None, names.rstrip("?").split(", ")),
    ]


@pytest.mark.parametrize(
    ("selection", "hint"),
    [
        ("digits", "group:digits"),
        ("covariance,projections", "key:covariance or key:projections"),
        ("covariance or projections", "key:covariance or key:projections"),
        ("covarience", "covariance"),
        ("", "group:pca"),
    ],
)
def test_a_selection_that_matches_nothing_leads_to_selections_that_do(
    selection: str, hint: str
) -> None:
    with pytest.raises(CommandError) as raised:
        select_assets(defs, selection)
    message = raised.value.message.removeprefix(f"--select {selection!r}")
    hints = recommended(message)
    assert hint in hints
    assert all(select_assets(defs, found) for found in hints)
    assert "\n" not in message


@pytest.mark.parametrize(("selection", "hint"), [("group:pcas", "pca"), ("not *", "no asset")])
def test_a_group_that_does_not_exist_and_nothing_are_refused(selection: str, hint: str) -> None:
    with pytest.raises(CommandError, match=hint):
        select_assets(defs, selection)


def test_the_selections_in_the_help_match_assets() -> None:
    (option,) = (parameter for parameter in run.params if parameter.name == "select")
    examples = recommended(str(option.help))  # type: ignore[attr-defined]
    assert len(examples) > 1
    assert all(select_assets(defs, example) for example in examples)
