"""Where the numbers come from: the run, the files, the assets, the machine, and the last run."""

from mnist_pipeline.report.content import Document, Named, Part, Values
from mnist_pipeline.utils import machine

READS = ("raw_mnist",)
APPENDIX = (
    Part(80, "since", "Since the last run", "provenance/since.html.j2", needs="since_last_run"),
    Part(90, "lineage", "Provenance", "provenance/appendix.html.j2"),
)
NUM_CHANGED_SHOWN = 10  # images of each model


def numbers(values: Values) -> Named:
    """The run, the raw files, each asset with its versions, and the machine."""
    origins = values["origins"]
    seconds = sum(origin["seconds"] or 0.0 for origin in origins.values())
    return {
        "run": {**values["run"], "seconds": round(seconds, 3), "assets": len(origins)},
        "files": [file._asdict() for file in values["raw_mnist"].files],
        "since_last_run": values["since_last_run"],
        "assets": dict(origins),
        "versions": machine.library_versions(),
        "machine": machine.describe(),
    }


def sprites(document: Document) -> list[int]:
    """Images that a model answers differently than in the last run."""
    return [index for index, *_ in _changed_answers(document)]


def context(document: Document, values: Values) -> Named:
    """The answers that changed since the last run."""
    return {"changed_answers": _changed_answers(document)}


def _changed_answers(document: Document) -> list[tuple[int, str, int, int]]:
    """Some images that the two versions of a model answer differently: index, model, the answers
    before and after.
    """
    shown = []
    for pair in (document["since_last_run"] or {"models": ()})["models"]:
        changed = list(zip(pair.get("disagreements", ()), *pair.get("labels", {}).values()))
        step = max(1, -(-len(changed) // NUM_CHANGED_SHOWN))
        shown += [(index, pair["after"]["model"], old, new) for index, old, new in changed[::step]]
    return shown
