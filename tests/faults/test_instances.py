"""Whatever happens to the files of the Dagster instance, `repair` restores it, and nothing is computed again."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.damage import DAMAGE, HIDDEN_DAMAGE, MAIN, checksums, databases

from faults import commands

from .test_faults import Trial, Trials, trials  # noqa: F401  # a fixture

KINDS = {**DAMAGE, **HIDDEN_DAMAGE, "deleted": Path.unlink}
NUM_DATABASES = 3  # damaged at a time, at most


def cases(kind: str) -> Sequence[tuple[str, int]]:
    """Damage of this kind, to a random number of databases, each main database at least once."""
    chance = random.Random(kind)
    return [(kind, chance.randrange(1_000) * len(MAIN) + first) for first in range(len(MAIN))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_instance_is_restored_without_computing_anything(kind: str, trials: Trials) -> None:  # noqa: F811
    trials.each(cases(kind), _try_out)


def _try_out(trial: Trial, case: tuple[str, int]) -> None:
    kind, seed = case
    trial.end()
    shutil.copytree(trial.undisturbed[1], trial.storage)
    before, files = checksums(trial.storage), databases(trial.storage / "dagster")
    chance = random.Random(seed)
    damaged = {files[seed % len(MAIN)], *chance.sample(files, chance.randrange(NUM_DATABASES))}
    for file in damaged:
        KINDS[kind](file)
    if kind != "deleted":  # Dagster creates a file that is missing
        ended = _run(trial, "verify", code=1)
        assert len(ended.splitlines()) == 1, ended
        assert all(str(file) in ended for file in damaged), ended
    _run(trial, "repair")
    assert "intact" in _run(trial, "verify")
    assert "Materializing" not in _run(trial, "run", "--changed")
    assert checksums(trial.storage) == before
    trial.count("damaged instances")


def _run(trial: Trial, *arguments: str, code: int = 0) -> str:
    ended = commands.start(trial.storage, trial.slices[1], *arguments).wait()
    assert ended.code == code, (arguments, ended)
    assert "Traceback" not in ended.output, (arguments, ended)
    return ended.output
