"""What others train on MNIST, and ours to the same accuracy: accuracy, seconds and peak memory of fresh processes.

Ours are the softmax regression, the perceptron and PCA, compared with scikit-learn's with its default settings, and the
recipes of the convolutional network, compared with the networks of Dagster's tutorial and of PyTorch's example (see
`one_peer`). One seed each. It takes 40 minutes. Quick: one pass of the two examples, whose seconds to the end are
extrapolated.
"""

import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import pipeline
from benchmarks.bench import Bench
from benchmarks.table import Bound, Row, Section, at_least, at_most, seconds


@dataclass(frozen=True)
class Peer:
    """A method of others."""

    title: str
    gives: str  # besides predictions
    passes: int = 0  # at most; 0 where it decides itself
    usual_passes: int = 0  # made until it stops; the seconds of a shorter run are extrapolated to them


@dataclass(frozen=True)
class Ours:
    """A method of ours, with the method of others whose score it must reach."""

    title: str
    gives: str
    peer: str
    passes: int = 0  # at most, to reach the score of the peer; 0 for the passes of the recipe


PEERS = {
    "dagster": Peer("Dagster's tutorial", "a Dagster graph, a pickled model", 30, 22),
    "pytorch": Peer("PyTorch's example", "a script of 150 lines", 14, 14),
    "logistic regression": Peer("scikit-learn LogisticRegression", "regularization"),
    "sklearn mlp": Peer("scikit-learn MLPClassifier, 100 hidden units", "any number of layers"),
    "sklearn pca": Peer("scikit-learn PCA, covariance_eigh", "other solvers, whitening"),
}
OURS = {
    "softmax": Ours("softmax regression", "loss per pass", "logistic regression", 20),
    "mlp": Ours("MLP “default”", "record of each pass", "sklearn mlp", 3),
    "pca": Ours("PCA", "centred data and covariance, each stored", "sklearn pca"),
    "fast": Ours("CNN “fast”", "record of each pass", "pytorch"),
    "default": Ours("CNN “default”", "reads other pens, papers and light", "pytorch"),
    "thorough": Ours("CNN “thorough”", "record of each pass", "dagster"),
}


def measure(bench: Bench) -> Section:
    section = Section("What others train on MNIST")
    taken = {
        name: _run(bench, name, "--passes", str(bench.pick(peer.passes, min(peer.passes, 1))))
        for name, peer in PEERS.items()
    }
    section.rows = [_peer_row(name, taken[name]) for name in PEERS]
    for name, ours in OURS.items():
        theirs = taken[ours.peer]
        goal = ("--passes", str(ours.passes), "--at-least", str(theirs["score"])) if ours.passes else ()
        taken[name] = _run(bench, name, *goal)
        section.rows.append(_our_row(name, taken[name], theirs))
    section.rows.append(_whole_run(bench))
    section.notes = [
        "accuracy of the whole test set, one seed; seconds of fitting; peak memory of the process with its libraries",
        "trained on 60,000 images; Dagster's tutorial holds out a fifth of them, and the whole run a twelfth",
        "passes of the softmax regression and of the MLP: the fewest that reach the accuracy of the other side",
    ]
    section.details = taken
    return section


def _run(bench: Bench, name: str, *options: str) -> dict[str, Any]:
    """Measure a method in a fresh process."""
    with tempfile.TemporaryDirectory(dir=bench.scratch.name) as directory:
        file = Path(directory, "measured.json")
        command = (sys.executable, "-m", "benchmarks.one_peer", name, str(file), *options)
        pipeline.wait(command, dict(os.environ), Path(directory))
        measured: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    bench.say(f"  {name}: {measured}")
    return measured


def _peer_row(name: str, taken: dict[str, Any]) -> Row:
    peer = PEERS[name]
    gives = f"gives {peer.gives}"
    if _is_cut_short(name, taken):
        gives += f"; EXTRAPOLATED: {peer.usual_passes} passes take {seconds(_seconds_to_the_end(name, taken))}"
    return Row(_title(peer.title, taken), taken["score"], _unit(name), theirs=_cost(taken), agreement=gives)


def _our_row(name: str, taken: dict[str, Any], theirs: dict[str, Any]) -> Row:
    """Ours, which must reach the score of theirs, unless theirs was cut short."""
    ours = OURS[name]
    times = _seconds_to_the_end(ours.peer, theirs) / taken["seconds"]
    bound: Bound | None = at_least(theirs["score"]) if _unit(name) == "%" else at_most(theirs["score"])
    if _is_cut_short(ours.peer, theirs):
        bound = None
    faster = f"{times:.3g}× as fast as {PEERS[ours.peer].title}{'' if bound else ' (EXTRAPOLATED)'}"
    if bound and not bound.holds(taken["score"]):
        faster = f"does not reach {PEERS[ours.peer].title}"
    gives = f"{faster}; gives {ours.gives}"
    return Row(_title(ours.title, taken), taken["score"], _unit(name), bound, ours=_cost(taken), agreement=gives)


def _is_cut_short(name: str, taken: dict[str, Any]) -> bool:
    return bool(PEERS[name].passes) and taken["passes"] == 1


def _seconds_to_the_end(name: str, taken: dict[str, Any]) -> float:
    passes = PEERS[name].usual_passes if _is_cut_short(name, taken) else 1
    return float(passes * taken["seconds"])


def _title(title: str, taken: dict[str, Any]) -> str:
    made = taken.get("passes")
    return f"{title}, {made} pass{'es' if made > 1 else ''}" if made else title


def _whole_run(bench: Bench) -> Row:
    """All methods, their evaluation and the report, with the accuracy of its convolutional network."""
    run = pipeline.run_cold(bench, "cold run")
    report = json.loads((bench.storage / "report" / "report.json").read_text(encoding="utf-8"))
    cost = _cost({"seconds": run.wall, "peak": run.peak})
    return Row(
        "mnist-pipeline run: CNN “default”", 100 * report["models"]["cnn"]["accuracy"], "%", ours=cost,
        agreement="gives four models, PCA, corners, checks, calibration, robustness, a report",
    )  # fmt: skip


def _unit(name: str) -> str:
    return " of the largest" if "pca" in name else "%"


def _cost(taken: dict[str, Any]) -> str:
    return f"{seconds(taken['seconds'])}, {taken['peak'] / 1e6:,.0f} MB"
