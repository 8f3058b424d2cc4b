"""A bucket is a storage like a directory: moto's S3 server on this machine, and the lines of
`docs/deploy.md`, in processes of their own.
"""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from support.servers import example, machine, shell

boto3 = pytest.importorskip("boto3", reason="pip install 'mnist-dagster[test-scale]'")
moto_server = pytest.importorskip("moto.server", reason="pip install 'mnist-dagster[test-scale]'")

RUN = "mnist-pipeline run\n"


@pytest.fixture
def bucket() -> Iterator[Any]:
    """An empty bucket on a server of this machine."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it logs each request
    server = moto_server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    address = f"http://{host}:{port}"
    yield boto3.resource("s3", "us-east-1", endpoint_url=address, **keys).create_bucket(
        Bucket="digits"
    )
    server.stop()


def test_a_run_in_a_bucket_is_intact_and_nothing_runs_again(bucket, tmp_path):
    # The lines of the page, with the bucket in place of the names there.
    lines, address = example("A bucket"), bucket.meta.client.meta.endpoint_url
    names = {"…": "testing", "https://s3.example.org": address, "BUCKET/PREFIX": "digits/p"}
    for name, value in names.items():
        assert name in lines
        lines = lines.replace(name, value)
    assert lines.endswith(RUN)
    environ = machine(tmp_path)
    assert "Report:" in shell(lines, environ)
    assert "Materializing" not in shell(lines.replace(RUN, f"{RUN.strip()} --changed"), environ)
    shell(lines.replace(RUN, "mnist-pipeline verify"), environ)
