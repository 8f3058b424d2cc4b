"""The judge, which tells digits on a page from other ink: its pages, network, evaluation.

Computed on request only: its weights come with the project.
"""

import dagster as dg
from pydantic import Field

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.handwriting.judge import fitting
from mnist_pipeline.handwriting.judge.candidates import Candidates, on_pages
from mnist_pipeline.handwriting.judge.network import Judge, shipped
from mnist_pipeline.handwriting.reading import DIGIT
from mnist_pipeline.runtime.graph.configs import Config
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.runtime.graph.results import STORAGE, progress, result, stopwatch

GROUP = "judge"


class Pages(Config):
    """How many pages are drawn."""

    num_pages: int = Field(24_000, ge=1)


class Training(Config):
    """How long the judge learns."""

    epochs: int = Field(fitting.EPOCHS, ge=1)


class Evaluation(Config):
    """How many pages the judge is evaluated on."""

    num_pages: int = Field(1_000, ge=1)


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numpy"})
def judge_pages(config: Pages, train_digits: DigitSet, mnist_seed: Seed):
    """What the finder proposes on drawn pages with digits among other ink, and what it is.

    The pages have training digits that are not held out, digits and letters from strokes, and
    print. Held-out digits are for `judge_evaluation`.
    """
    kept, _ = train_digits.divided()
    digits = DigitSet(train_digits.images[kept], train_digits.labels[kept])
    log = dg.get_dagster_logger()

    def report(done: int) -> None:
        if done % 1_000 == 0:
            log.info(f"{done:,} of {config.num_pages:,} pages")

    with stopwatch():
        found = on_pages(digits, config.num_pages, mnist_seed.number, report)
    return result(
        found,
        f"{len(found.labels):,} candidates on {config.num_pages:,} pages",
        config=config,
        seed=mnist_seed,
    )


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"torch"})
def judge_model(config: Training, judge_pages: Candidates, mnist_seed: Seed):
    """A small convolutional network that sees a candidate among its surroundings, and tells digits
    from other ink and from parts.
    """
    with stopwatch():
        judge, accuracy = fitting.fit(
            judge_pages,
            mnist_seed.number,
            config.epochs,
            lambda epoch: progress(
                epoch.epoch,
                epoch.num_epochs,
                held_out_accuracy=epoch.validation_accuracy,
                accuracy=epoch.accuracy,
            ),
        )
    return result(
        judge,
        f"held-out accuracy {accuracy:.2%}",
        numbers={"held_out_accuracy": accuracy},
        config=config,
        seed=mnist_seed,
    )


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numpy"})
def judge_evaluation(
    config: Evaluation, judge_model: Judge, train_digits: DigitSet, mnist_seed: Seed
):
    """What the judge accepts on other pages than those that it learned from, with held-out digits;
    and what the judge accepts that comes with the project.
    """
    _, held_out = train_digits.divided()
    digits = DigitSet(train_digits.images[held_out], train_digits.labels[held_out])
    with stopwatch():
        found = on_pages(digits, config.num_pages, mnist_seed.number + 1)
        table = fitting.accepted(judge_model, found, DIGIT)
        of_project = fitting.accepted(shipped(), found, DIGIT)
    shares, shares_of_project = fitting.accepted_shares(table), fitting.accepted_shares(of_project)
    return result(
        table,
        f"{shares[0]:.1%} of the digits accepted, and {shares[1]:.1%} of other ink",
        numbers={
            "accepted_digits": shares[0],
            "accepted_others": shares[1],
            "accepted_digits_of_project": shares_of_project[0],
            "accepted_others_of_project": shares_of_project[1],
        },
        tables={"accepted": table},
        config=config,
        seed=mnist_seed,
    )
