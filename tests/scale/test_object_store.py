"""A bucket is a storage like a directory: moto's S3 server on this machine, and commands in
processes of their own.
"""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.graph_fixtures import networks_config
from support.servers import command, variables

from mnist_pipeline.runtime.storage.storage import Storage

boto3 = pytest.importorskip("boto3", reason="pip install 'mnist-dagster[test-scale]'")
moto_server = pytest.importorskip("moto.server", reason="pip install 'mnist-dagster[test-scale]'")

BUCKET = "results"
STORAGE, LONGER_NAME = f"s3://{BUCKET}/digits", f"s3://{BUCKET}/digits-2"

Run = Callable[..., str]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of a server with an empty bucket, which AWS's own variables name."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it logs each request
    server = moto_server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client
    server.stop()


@pytest.fixture(scope="module")
def run(bucket: Any, slice_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a command on a storage in the bucket, on which the whole graph has run over the
    slice.
    """
    homes = {storage: str(tmp_path_factory.mktemp("dagster")) for storage in (STORAGE, LONGER_NAME)}

    def run_command(*arguments: str, storage: str = STORAGE, code: int = 0) -> str:
        environ = variables(slice_directory, storage, DAGSTER_HOME=homes[storage])
        done = command(*arguments, environ=environ)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    config = networks_config(tmp_path_factory.mktemp("run") / "run.yaml", recipe="NOTEBOOK")
    assert "Report:" in run_command("run", "--config", config)
    return run_command


def test_values_are_read_and_intact(run: Run) -> None:
    assert Storage(STORAGE).read("data_mean").shape == (784,)
    assert "Materializing" not in run("run", "--changed")
    run("verify")


def test_storages_whose_names_begin_alike_do_not_meet(run: Run, bucket: Any) -> None:
    before = Storage(STORAGE).keys()
    run("run", "--select", "+key:data_mean", storage=LONGER_NAME)
    assert Storage(LONGER_NAME).keys() == ["data_mean", "raw_mnist", "train_digits"]
    assert Storage(STORAGE).keys() == before
