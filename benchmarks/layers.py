"""The compiled layers of the CNN, compared with torch's: trainings on 12,000 digits, 3 rounds.

The networks, the default recipe and the batches are the same. bfloat16 is torch's fastest precision
where the processor multiplies it natively.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from torch import nn

from benchmarks.bench import Bench
from benchmarks.table import seconds, times, with_range
from benchmarks.timing import take_turns
from mnist_pipeline.methods.networks import modules, training
from mnist_pipeline.methods.networks.training import RECIPES

NUM_IMAGES = 12_000
COMPILED = "compiled layers, float32"


def rows(bench: Bench) -> list[tuple[str, ...]]:
    """Name, passes, test accuracy, time, and how much faster the compiled layers are."""
    images, labels = bench.train.images[:NUM_IMAGES], bench.train.labels[:NUM_IMAGES]

    def train(
        construct: Callable[[], nn.Module], precision: Literal["float32", "bfloat16"]
    ) -> nn.Module:
        model = training.build(construct)
        recipe = replace(RECIPES["cnn"]["default"], precision=precision)
        training.train(model, images, labels, recipe)
        return model

    def plain() -> nn.Module:
        return nn.Sequential(modules.CNN())  # hides the compiled form

    contestants = {
        COMPILED: lambda: train(modules.CNN, "float32"),
        "torch, float32": lambda: train(plain, "float32"),
        "torch, bfloat16": lambda: train(plain, "bfloat16"),
    }
    contestants[COMPILED]()  # load the compiled code
    rounds = take_turns(contestants, 3, bench.say)
    table = []
    for name, model in rounds.results.items():
        predicted = training.predict_probabilities(model, bench.test.images).argmax(axis=1)
        faster = "" if name == COMPILED else with_range(rounds.ratios(name, COMPILED), times)
        accuracy = f"{np.mean(predicted == bench.test.labels):.2%}"
        title = f"CNN, {NUM_IMAGES:,} digits, {name}"
        table.append((title, "", accuracy, seconds(rounds.median(name)), faster))
    return table
