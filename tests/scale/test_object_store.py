"""A bucket is a storage like a directory: moto's S3 server on this machine, and the lines of
`docs/deploy.md`, in processes of their own.
"""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from support.servers import example, library, machine, shell

boto3, moto_server = library("boto3"), library("moto.server")

RUN = "mnist-pipeline run\n"


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def lines(bucket) -> str:
    """The lines of the page, with the bucket instead of the names there."""
    lines, address = example("A bucket"), bucket.meta.client.meta.endpoint_url
    names = {"…": "testing", "https://s3.example.org": address, "BUCKET/PREFIX": "digits/p"}
    for name, value in names.items():
        assert name in lines
        lines = lines.replace(name, value)
    assert lines.endswith(RUN)
    return lines


@pytest.fixture(scope="module")
def environ(lines, tmp_path_factory) -> dict[str, str]:
    """A machine on which the lines have run."""
    environ = machine(tmp_path_factory.mktemp("machine"))
    assert "Report:" in shell(lines, environ)
    return environ


def files(bucket: Any, prefix: str) -> set[str]:
    """The files below a prefix."""
    start = f"{prefix}/"
    found = bucket.objects.filter(Prefix=start)
    return {item.key.removeprefix(start) for item in found}


def test_nothing_runs_again_and_values_are_intact(lines, environ):
    assert "Materializing" not in shell(lines.replace(RUN, f"{RUN.strip()} --changed"), environ)
    shell(lines.replace(RUN, "mnist-pipeline verify"), environ)


@pytest.mark.usefixtures("environ")
def test_another_machine_reads_the_results(lines, tmp_path):
    other = machine(tmp_path)
    Image.new("L", (90, 90), 255).save(tmp_path / "photo.jpg")
    assert "photo.jpg" in shell(lines.replace(RUN, "mnist-pipeline predict photo.jpg"), other)


def test_storages_whose_names_begin_alike_do_not_meet(lines, environ, bucket):
    before, longer = files(bucket, "p"), "p-2 100%25 ü#1"
    few = lines.replace(RUN, "mnist-pipeline run --select +key:data_mean")
    shell(few.replace("s3://digits/p", f"'s3://digits/{longer}'"), environ)
    keys = {file.split("/")[0] for file in files(bucket, longer)}
    assert {"data_mean", "raw_mnist", "train_digits"} <= keys
    assert files(bucket, "p") == before
