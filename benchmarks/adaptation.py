"""Training that adapts, on other images than MNIST: mean test accuracy over seeds, and what the choice costs.

`python -m benchmarks.adaptation NAME=PATH …` measures MNIST, and data sets that `mnist-pipeline inspect` can read. Two
sets are made here if no path is given: `digits`, scikit-learn's 8×8 digits, and `letters`, of `generators.letters`.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from torch import nn

from benchmarks.timing import timed
from generators.letters import families, write_letters
from mnist_pipeline import networks, softmax, training
from mnist_pipeline.data.datasets import DigitSet, load_digits
from mnist_pipeline.data.held_out import SHARE
from mnist_pipeline.runtime.threads import share_processors
from mnist_pipeline.training import adaptation

MNIST = Path(__file__).resolve().parent.parent / "data"
NETWORKS = {"cnn": networks.CNN, "mlp": lambda count: networks.MLP(num_classes=count)}


def _made(name: str, directory: Path) -> Path:
    """A data set that is made here."""
    if name == "letters":
        return write_letters(directory / name, families())
    from sklearn.datasets import load_digits as small_digits

    small = small_digits()
    path = directory / "digits.npz"
    np.savez(path, images=np.rint(small.images * 255 / 16).astype(np.uint8), labels=small.target)
    return path


def _accuracy(probabilities: np.ndarray, test: DigitSet) -> float:
    return 100 * float(np.mean(probabilities.argmax(axis=1) == test.labels))


def _train(name: str, train: DigitSet, seed: int, adapts: bool = True) -> tuple[nn.Module, float, str]:
    """A trained network, the seconds that the training took, and what was chosen."""
    network = training.build(NETWORKS[name], train.num_classes, seed=seed)
    recipe, held_out = training.RECIPES[name]["default"], round(SHARE * len(train.images))
    digits = (train.images, train.labels)
    seconds, record = timed(
        lambda: adaptation.fit(network, *digits, recipe, validation_size=held_out, seed=seed, adapts=adapts)
    )
    best = record.best
    return network, seconds, f"{best.deformations:g}/{best.label_smoothing:g}/{record.recipe.epochs}" if best else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_sets", nargs="*", default=["digits", "letters"], metavar="NAME=PATH, digits or letters")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    share_processors()
    with tempfile.TemporaryDirectory() as directory:
        given = [each.partition("=")[::2] for each in arguments.data_sets]
        paths = {name: Path(path) if path else _made(name, Path(directory)) for name, path in given}
        for name, path in {"mnist": MNIST, **paths}.items():
            _measure(name, load_digits(path, "train"), load_digits(path, "test"), arguments.seeds)


def _measure(name: str, train: DigitSet, test: DigitSet, seeds: int) -> None:
    print(f"{name}: {len(train.images):,} + {len(test.images):,} images, {train.num_classes} classes", flush=True)
    W, b = softmax.sgd(train.images, train.labels, num_classes=train.num_classes)
    print(f"  softmax regression {_accuracy(softmax.predict_probabilities(W, b, test.images), test):.2f}%")
    for model in NETWORKS:
        found, seconds, ratios = [], [], []
        for seed in range(seeds):
            network, adapted, chosen = _train(model, train, seed)
            plain = _train(model, train, seed, adapts=False)[1]
            found.append(_accuracy(training.predict_probabilities(network, test.images), test))
            seconds.append(adapted)
            ratios.append(adapted / plain)
            print(f"    {model} {seed}: {found[-1]:.2f}% in {adapted:.1f} s; deformations/smoothing/passes {chosen}")
        print(
            f"  {model} {np.mean(found):.2f}% ({min(found):.2f}–{max(found):.2f}), median {np.median(seconds):.1f} s, "
            f"{np.median(ratios):.2f}× the recipe as it stands",
            flush=True,
        )


if __name__ == "__main__":
    main()
