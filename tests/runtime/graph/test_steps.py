"""A step in a process that Dagster started."""

import json
import os
import subprocess
import sys
from pathlib import Path

from mnist_pipeline.runtime.project import PROJECT

PROGRAM = """
import ctypes, json, threading
import dagster as dg
import numpy as np
import torch
from assets.definitions import defs
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch
from mnist_pipeline.utils.blocks import in_blocks

@dg.asset(io_manager_key=STORAGE)
def threads():
    together, names = threading.Barrier(3, timeout=60), set()

    def work(block):
        together.wait()
        names.add(threading.get_ident())

    with stopwatch():
        in_blocks(work, 30, 1)
    openblas = ctypes.CDLL(np._core._multiarray_umath.__file__)
    of_numpy = getattr(openblas, "scipy_openblas_get_num_threads64_", lambda: 3)()
    return result(np.array([len(names), torch.get_num_threads(), of_numpy]), "")

instance = dg.DagsterInstance.ephemeral()
done = dg.materialize([threads], resources=defs.resources, instance=instance)
print(json.dumps(done.asset_value("threads").tolist()))
"""


def test_a_step_in_a_plain_process_of_dagster_has_the_number_of_threads_of_the_settings(
    storage: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "MNIST_PIPELINE_THREADS": "3", "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [3, 3, 3]
