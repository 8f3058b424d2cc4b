"""The compiled layers of the CNN, compared with torch's: a whole training with the default recipe,
3 rounds.

The networks, the recipe and the batches are the same. bfloat16 is torch's fastest arithmetic where
the processor multiplies it natively.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from torch import nn

from benchmarks.bench import Bench
from benchmarks.networks import notebook_network
from benchmarks.table import Table, seconds, times, with_range
from benchmarks.timing import take_turns
from mnist_pipeline import networks, training
from mnist_pipeline.training import RECIPES

COMPILED = "compiled layers, float32"


def measure(bench: Bench) -> Table:
    """Compare the time and the test accuracy."""

    def train(
        construct: Callable[[], nn.Module], precision: Literal["float32", "bfloat16"]
    ) -> nn.Module:
        model = training.build(construct)
        recipe = replace(RECIPES["cnn"]["default"], precision=precision)
        training.train(model, *bench.train, recipe)
        return model

    contestants = {
        COMPILED: lambda: train(networks.CNN, "float32"),
        "torch, float32": lambda: train(lambda: notebook_network("cnn"), "float32"),
        "torch, bfloat16": lambda: train(lambda: notebook_network("cnn"), "bfloat16"),
    }
    rounds = take_turns(contestants, 3, bench.say)
    table = Table("CNN layers", ("", "training", "compiled layers are faster by", "test accuracy"))
    for name, model in rounds.results.items():
        predicted = training.predict_probabilities(model, bench.test.images).argmax(axis=1)
        faster = "" if name == COMPILED else with_range(rounds.ratios(name, COMPILED), times)
        accuracy = f"{np.mean(predicted == bench.test.labels):.2%}"
        table.rows.append((name, seconds(rounds.median(name)), faster, accuracy))
    return table
