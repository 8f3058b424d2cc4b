"""Checks of the judge: it accepts digits, and refuses other ink."""

import pandas as pd

from mnist_pipeline.handwriting.judge.fitting import accepted_shares
from mnist_pipeline.runtime.graph.checks import check_of
from mnist_pipeline.utils.measured import Measured, at_least, at_most


@check_of("judge_evaluation")
def digits_accepted(value: pd.DataFrame) -> Measured:
    """A digit that the judge refuses is not read. Share of the digits that are accepted."""
    return at_least(accepted_shares(value)[0], 0.9)


@check_of("judge_evaluation")
def others_refused(value: pd.DataFrame) -> Measured:
    """Other ink that the judge accepts is read as a digit. Share of it that is accepted."""
    return at_most(accepted_shares(value)[1], 0.15)
