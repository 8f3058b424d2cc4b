"""The environment variables of this process and its workers: how many threads each library uses, and which settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mnist_pipeline.runtime import settings
from mnist_pipeline.utils.machine import num_cores

if TYPE_CHECKING:
    from mnist_pipeline.runtime.environment import Settings

SPIN_COUNT = "5000"
# Libraries read these variables when they are imported: the number of threads that each may use.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
NOT_FOR_WORKERS = "MNIST_PIPELINE_CLUSTER"


def for_workers(configured: Settings) -> dict[str, str]:
    """The variables that give a worker process the same settings, except that it works in its own process."""
    own = {name: value for name, value in os.environ.items() if name.startswith("MNIST_PIPELINE_")}
    return {
        **{name: value for name, value in own.items() if value and name != NOT_FOR_WORKERS},
        "MNIST_PIPELINE_DATA": str(configured.data),
        "MNIST_PIPELINE_STORAGE": configured.storage,
        "MNIST_PIPELINE_INBOX": str(configured.inbox),
        "MNIST_PIPELINE_EXECUTOR": "in_process",
        "MNIST_PIPELINE_THREADS": str(configured.threads),
        "DAGSTER_HOME": str(configured.dagster_home),
        **({"MNIST_PIPELINE_DATABASE": configured.database} if configured.database else {}),
        **({"MNIST_PIPELINE_MLFLOW": configured.mlflow} if configured.mlflow else {}),
        **({"MNIST_PIPELINE_EXPERIMENTS": str(configured.experiments)} if configured.experiments else {}),
        **thread_limits(configured),
    }


def thread_limits(configured: Settings) -> dict[str, str]:
    """The number of threads for each library: its own variable counts unless `MNIST_PIPELINE_THREADS` is set."""
    is_set = configured.threads != num_cores() or bool(os.environ.get("MNIST_PIPELINE_THREADS"))
    number = str(configured.threads)
    return {name: number if is_set else os.environ.get(name) or number for name in THREAD_VARIABLES}


def adopt(variables: dict[str, str]) -> None:
    """Give this process the settings in `variables`, and no others."""
    for name in [name for name in os.environ if name.startswith("MNIST_PIPELINE_") and name not in variables]:
        del os.environ[name]
    os.environ.update(variables)


def share_processors() -> None:
    """Limit the threads of the libraries, and make waiting threads sleep soon; call it before a library is imported.

    The number of threads that share a sum determines the order of its terms, and so the last bits of a trained model:
    every process that makes results has the same number.

    By default, torch's threads spin for a long time while they wait. If another program uses the processors too, a
    training takes many times as long. A short spin costs nothing on idle processors.
    """
    os.environ.update(thread_limits(settings.load()))
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
