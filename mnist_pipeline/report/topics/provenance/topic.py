"""Where the numbers come from: the run, the files, the assets and the machine."""

from mnist_pipeline.report.content import Named, Part, Values
from mnist_pipeline.utils import machine

READS = ("raw_mnist",)
APPENDIX = (Part(90, "lineage", "Provenance", "provenance/appendix.html.j2"),)


def numbers(values: Values) -> Named:
    """The run, the raw files, each asset with its versions, and the machine."""
    origins = values["origins"]
    seconds = sum(origin["seconds"] or 0.0 for origin in origins.values())
    return {
        "run": {**values["run"], "seconds": round(seconds, 3), "assets": len(origins)},
        "files": [file._asdict() for file in values["raw_mnist"].files],
        "assets": dict(origins),
        "versions": machine.library_versions(),
        "machine": machine.describe(),
    }
