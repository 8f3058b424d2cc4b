"""The pipeline's command with its main thread looked at every 5 ms: `python -m benchmarks.sampled_run FILE ARGUMENT …`.

Where the time goes is read off the stack, so nothing in the pipeline has to be changed for it; FILE gets the seconds of
each kind of work as JSON. Costs less than a percent.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType

INTERVAL = 0.005

# The innermost matching frame decides the category; these two count anywhere in the stack.
IMPORTING = "<frozen importlib"
COMPILING = "/numba/"
KINDS = (
    ("/report/figures/", "figures"),
    ("/matplotlib/", "figures"),
    ("/runtime/storage/", "storage"),
    ("/mnist_pipeline/runtime/", "assets' own code"),
    ("/mnist_pipeline/cli/", "assets' own code"),
    ("/mnist_pipeline/", "methods"),
    ("/assets/", "assets' own code"),
    ("/dagster", "orchestration"),
    ("/sqlalchemy/", "orchestration"),
    ("/alembic/", "orchestration"),
)


def kind_of(frame: FrameType | None) -> str:
    """What a stack is doing."""
    files = []
    while frame is not None:
        files.append(frame.f_code.co_filename)
        frame = frame.f_back
    if any(file.startswith(IMPORTING) for file in files):
        return "imports"
    if any(COMPILING in file for file in files):
        return "compiled code: loading or compiling"
    return next((kind for file in files for part, kind in KINDS if part in file), "other")


class Sampler(threading.Thread):
    """Adds the time since the last sample to the category of what the main thread is doing."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seconds: dict[str, float] = defaultdict(float)
        self.done = threading.Event()

    def run(self) -> None:
        """Sample until stopped."""
        main_thread = threading.main_thread().ident or 0
        last = time.perf_counter()
        while not self.done.wait(INTERVAL):
            kind = kind_of(sys._current_frames().get(main_thread))
            now = time.perf_counter()
            self.seconds[kind] += now - last
            last = now


def main() -> None:
    output, *arguments = sys.argv[1:]
    sys.argv = ["mnist-pipeline", *arguments]
    sampler = Sampler()
    sampler.start()
    try:
        from mnist_pipeline.cli.main import main as pipeline

        pipeline()
    finally:
        sampler.done.set()
        sampler.join()
        Path(output).write_text(json.dumps(sampler.seconds), encoding="utf-8")


if __name__ == "__main__":
    main()
