"""Recognise images of digits: the stored recognizer, how it is assembled, and its answers.

A `Recognizer` has all that an answer needs. It imports neither torch nor Dagster, so a command can
answer at once. `reading` asks it about the digits of a person's picture.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mnist_pipeline.data.color import grey
from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.values import DataSet
from mnist_pipeline.data.variation import vary
from mnist_pipeline.handwriting import votes
from mnist_pipeline.handwriting.doubt import EVEN, PROBABLE, VOTING, Neighbor, Recognition
from mnist_pipeline.handwriting.novelty import (
    DOUBTED,
    POINT,
    UNCERTAIN,
    Novelty,
    looks_like_digit,
)
from mnist_pipeline.methods import pca
from mnist_pipeline.methods.knn.method import NUM_NEIGHBORS_SHOWN, votes_for
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.utils.stored_types import format_version, stored_type

# Two rules are about built-in methods and name them, because no other method offers these things.
# All other code here iterates over the table of models.
INDEX = VOTING  # it has the training images, of which the nearest are shown
CNN = "cnn"  # it has learned to read digits anywhere in an image, of any size
SHAPE = (IMAGE_SIDE, IMAGE_SIDE)
NUM_COMPONENTS = 50  # of the reconstruction
# An answer of a lower probability is in doubt. With 0.98 for the CNN, 0.2% of the handwritten
# digits in pictures made for development were confidently wrong, and 0.5% with 0.9.
PROBABLE_BY_HAND = 0.98
# What answers need of the data set.
OF_DATA_SET = ("class_names", "noun", "handwritten", "whole_pictures", "color", "ground")


@format_version(10)
@stored_type
class Recognizer(NamedTuple):
    """All that an answer needs: the models, the novelty and the calibration."""

    champion: str  # the name of the model whose answer counts
    models: Mapping[str, Any]  # fitted, by name, see `table.Method.fit`
    known: DataSet  # what answers need of the data set that the models have learned
    mean: np.ndarray  # float64 (784,)
    # The leading eigenvectors of the covariance, as columns; float32 (784, 50).
    components: np.ndarray
    novelty: Novelty
    weights: Mapping[str, float]  # of the votes of each model
    tested: tuple[int, int]  # the test images, and the champion's errors on them
    # Of the champion's probabilities for pictures, see `votes`.
    calibration: tuple[float, float] = votes.NONE
    largest_claim: float = 0.999  # the share of right answers that held-out answers allow to claim

    def of(self, known: DataSet) -> "Recognizer":
        """The same recognizer with the names of this data set."""
        return self._replace(known=_needed(known))

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models that answer, in the order of the table."""
        return tuple(name for name in MODELS if name in self.models)

    def recognize(self, digits: np.ndarray) -> list[Recognition]:
        """Recognise each image on its own; uint8 (n, 28, 28), as `page_of` returns them, or in
        colour (n, 28, 28, 3).
        """
        if not len(digits):
            return []
        answers = {
            name: MODELS[name].method().answer(self.models[name], digits)
            for name in self.model_names
        }
        champion, names = self.champion, self.known.class_names
        nearest = answers[INDEX].nearest
        assert nearest is not None
        probabilities = {name: answer.probabilities for name, answer in answers.items()}
        voters = votes.voters(answers, champion)
        shares = votes.disagreement(answers, champion)
        tempered = votes.tempered(probabilities[champion], shares, self.calibration)
        counts, num_voting = votes_for(self.models[INDEX], answers[INDEX])
        levels = grey(digits)
        coordinates = pca.project(levels, self.mean, self.components)
        reconstructions = pca.reconstruct(coordinates, self.mean, self.components)
        novelty = self.novelty.percentile(levels)
        recognitions = []
        for i in range(len(digits)):
            labels = {name: int(answer.labels[i]) for name, answer in answers.items()}
            digit = labels[champion]
            others = tempered[i].copy()
            probability = float(others[digit])
            others[digit] = -1
            dissent = sum(self.weights[name] for name in voters if labels[name] != digit)
            rows = zip(*(array[i, :NUM_NEIGHBORS_SHOWN] for array in nearest))
            neighbors = [
                Neighbor(int(index), int(label), float(np.sqrt(squared_distance)))
                for index, label, squared_distance in rows
            ]
            recognition = Recognition(
                digit=digit,
                name=names[digit],
                runner_up=names[others.argmax()],
                probability=probability,
                champion=champion,
                digits=labels,
                models_disagree=bool(dissent > self.weights[champion]),
                is_certain=probability >= self._probable,
                claim=min(probability, self.largest_claim),
                probabilities={name: shares[i] for name, shares in probabilities.items()},
                votes=(int(counts[i]), num_voting),
                neighbors=neighbors,
                novelty=float(novelty[i]),
                looks_like_digit=looks_like_digit(novelty[i], tempered[i].max()),
                reconstruction=reconstructions[i].astype(np.float32).reshape(SHAPE),
            )
            recognitions.append(recognition)
        return recognitions

    def credibility(self, digits: np.ndarray) -> np.ndarray:
        """The champion's probability of its answer to each image, and 0 for what does not look
        like a digit; float64 (n,) for uint8 (n, 28, 28).
        """
        answer = MODELS[self.champion].method().answer(self.models[self.champion], digits)
        certainty = answer.probabilities.max(axis=1)
        novelty = self.novelty.percentile(grey(digits))
        looks = map(looks_like_digit, novelty, certainty)
        return np.where(list(looks), certainty, 0.0)

    @property
    def _probable(self) -> float:
        """Answers with a lower probability are in doubt.

        It is 2, so that all answers are in doubt, if the held-out answers support no claim.
        """
        if self.largest_claim < PROBABLE:
            return 2.0
        is_by_hand = self.champion == CNN and not self.known.whole_pictures
        return PROBABLE_BY_HAND if is_by_hand else PROBABLE

    def rules(self) -> dict[str, Any]:
        """How answers are doubted, as plain JSON values, for a page that computes without Python.

        `highestScores` are the largest novelty scores that still count as a digit: for a probable
        answer, and for one with a probability below `uncertain`.
        """
        scores = self.novelty.reference
        return {
            "champion": self.champion,
            "calibration": list(self.calibration),
            "probable": self._probable,
            "even": EVEN,
            "uncertain": UNCERTAIN,
            "weights": dict(self.weights),
            "largestClaim": self.largest_claim,
            "highestScores": [scores[int(len(scores) * p / 100)] for p in (POINT, DOUBTED)],
            "whole": self.known.whole_pictures,
        }

    def training_image(self, index: int) -> np.ndarray:
        """A training image, uint8 (28, 28), or in colour (28, 28, 3)."""
        return np.asarray(self.models[INDEX].images[index].reshape(self.known.shape))


def assemble(
    champion: str,
    models: Mapping[str, Any],
    known: DataSet,
    *,
    mean: np.ndarray,
    eigenvectors: np.ndarray,
    novelty: Novelty,
    held_out: np.ndarray,
    predicted: Mapping[str, np.ndarray],
    tested: tuple[int, int],
) -> Recognizer:
    """Build a recognizer from the fitted models by name, for the data set that they have learned.

    `mean` (784,) and `eigenvectors` (784, n) come from the PCA of the training images, `novelty`
    from `novelty.fit_held_out`. `held_out` are the indices of the held-out images, (n_held_out,),
    and `predicted` the labels of each model for these. `tested` counts the test images, and the
    champion's errors on them.
    """
    index = models[INDEX]
    labels = index.labels
    images = index.images.reshape(-1, *known.shape)
    sample = np.random.default_rng(0).permutation(held_out)[: votes.NUM_IMAGES]
    asked = images[sample]
    if not known.whole_pictures:
        asked = vary(asked, votes.HANDS, seed=0)
    return Recognizer(
        champion=champion,
        models=models,
        known=_needed(known),
        mean=mean,
        components=eigenvectors[:, :NUM_COMPONENTS].astype(np.float32),
        novelty=novelty,
        weights={model: votes.weight(labels[held_out], predicted[model]) for model in models},
        tested=tested,
        **_calibration(champion, models, asked, labels[sample], sample),
    )


def _needed(known: DataSet) -> DataSet:
    """What answers need of a data set."""
    return DataSet(**{field: getattr(known, field) for field in OF_DATA_SET})


def _calibration(
    champion: str,
    models: Mapping[str, Any],
    images: np.ndarray,
    labels: np.ndarray,
    sample: np.ndarray,
) -> dict[str, Any]:
    """Fit the temperature of the champion's probabilities on held-out images, and measure the
    `largest_claim`. Handwriting comes deformed at random, as other people write.

    `sample` has their indices among the training images. All answers are from models that were
    fitted without them.
    """
    answers = {
        name: MODELS[name].method().held_out_answer(models[name], images, sample)
        for name in (champion, *votes.voters(models, champion))
    }
    shares = votes.disagreement(answers, champion)
    probabilities = answers[champion].probabilities
    calibration = votes.fit(probabilities, shares, labels)
    claimed = votes.tempered(probabilities, shares, calibration).max(axis=1)
    largest = votes.largest_claim(claimed, answers[champion].labels == labels)
    return {"calibration": calibration, "largest_claim": largest}
