"""The judge in NumPy computes what torch computes, and what was stored."""

import numpy as np
import pytest
import torch

from mnist_pipeline.handwriting.finder.surroundings import OWN
from mnist_pipeline.handwriting.judge.classes import CLASSES
from mnist_pipeline.handwriting.judge.network import BATCH, Judge, shipped
from mnist_pipeline.methods.networks import training
from mnist_pipeline.methods.networks.judge import JudgeNetwork

SURROUNDINGS = np.random.default_rng(0).integers(0, 256, (BATCH + 2, 48, 48), np.uint8)


@pytest.fixture(scope="module")
def network() -> JudgeNetwork:
    """A network whose weights have eight bits, so that rounding leaves them."""
    network = training.build(JudgeNetwork, len(CLASSES), OWN, seed=0).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randint(-127, 128, parameter.shape) / 1270)
            parameter.flatten()[0] = 0.1
            if parameter.dim() > 1:
                parameter[:, 0] = 0.1
    return network


def test_the_judge_answers_as_its_network_in_torch(network):
    judge = Judge.of(training.weights(network))
    with torch.inference_mode():
        expected = torch.softmax(network(torch.from_numpy(SURROUNDINGS) / 255), 1).numpy()
    np.testing.assert_allclose(judge.probabilities(SURROUNDINGS), expected, atol=2e-5)


def test_an_output_whose_largest_weight_is_negative_keeps_its_signs(network):
    weights = training.weights(network)
    negative = Judge.of({name: -weight for name, weight in weights.items()})
    for layer, levels in Judge.of(weights).weights.items():
        np.testing.assert_array_equal(negative.weights[layer], -levels)


def test_a_judge_is_stored_as_it_is(network, tmp_path):
    judge = Judge.of(training.weights(network))
    judge.save(tmp_path / "judge.npz")
    again = Judge.load(tmp_path / "judge.npz")
    for own, other in zip(judge, again, strict=True):
        for layer, array in own.items():
            np.testing.assert_array_equal(array, other[layer], strict=True)


@pytest.mark.parametrize("count", [0, 1, BATCH, BATCH + 1])
def test_each_candidate_has_an_answer_of_its_own(count):
    probabilities = shipped().probabilities(SURROUNDINGS[:count])
    assert probabilities.shape == (count, len(CLASSES))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    alone = [shipped().probabilities(own[np.newaxis])[0] for own in SURROUNDINGS[:count]]
    np.testing.assert_allclose(probabilities, np.reshape(alone, probabilities.shape), atol=1e-5)
