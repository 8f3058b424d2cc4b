"""A bucket as storage is what a directory is: the same values, whole through every fault, verified, one run at a time.

The store is moto's S3 server on loopback, in this process, so that a test may change what it holds behind its back.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import logging
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner, Result
from support.idx import write_idx
from support.values import ARRAYS, EVERY_KIND, NAMED, PLAIN, REPORT, TABLE, assert_same_arrays

boto3 = pytest.importorskip("boto3", reason="pip install 'mnist-pipeline[test-scale]'")
moto_server = pytest.importorskip("moto.server", reason="pip install 'mnist-pipeline[test-scale]'")

from moto.s3.models import s3_backends  # noqa: E402

from mnist_pipeline.cli import main as cli  # noqa: E402
from mnist_pipeline.cli import selection  # noqa: E402
from mnist_pipeline.data.datasets import DigitSet  # noqa: E402
from mnist_pipeline.runtime.graph import run_lock  # noqa: E402
from mnist_pipeline.runtime.settings import PROJECT  # noqa: E402
from mnist_pipeline.runtime.storage import contents, lease, objects, storage  # noqa: E402
from mnist_pipeline.runtime.storage.directory import forget_verified  # noqa: E402
from mnist_pipeline.runtime.storage.storage import Storage, StorageError  # noqa: E402
from mnist_pipeline.runtime.ui import draw  # noqa: E402

BUCKET = "results"
ACCOUNT = "123456789012"
KEYS = sorted(key.to_user_string() for key in selection.select_assets("*"))
PICTURES = {"matrix": b"\x89PNG a picture", "curve": b"\x89PNG another picture"}
SECRET = "wJalrXUtnFEMI-not-a-real-secret"
# What tells two runs over the same data apart: when and how fast they ran, and under which names.
OF_A_RUN = {"run", "run_id", "seconds"}


@dataclass(frozen=True)
class Store:
    """The server, as its own administrator sees it."""

    client: Any

    def objects(self, address: str) -> dict[str, bytes]:
        """Everything under an address, by name."""
        prefix = _prefix(address)
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        keys = [listed["Key"] for page in pages for listed in page.get("Contents", ())]
        return {key.removeprefix(prefix): self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def read(self, path: str) -> bytes:
        """The content of an object."""
        key = path.removeprefix(f"s3://{BUCKET}/")
        return bytes(self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def put(self, address: str, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=_prefix(address) + name, Body=content)

    def delete(self, address: str, name: str) -> None:
        self.client.delete_object(Bucket=BUCKET, Key=_prefix(address) + name)

    def behind(self, address: str, name: str) -> Any:
        """The server's own record of an object."""
        return s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys[_prefix(address) + name]

    def age(self, address: str, name: str) -> None:
        """Make an object an hour older than it is."""
        self.behind(address, name).last_modified -= datetime.timedelta(hours=1)


def _prefix(address: str) -> str:
    return address.removeprefix(f"s3://{BUCKET}/") + "/"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A server with an empty bucket, which AWS's own variables name."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto_server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("MNIST_PIPELINE_CACHE", str(tmp_path_factory.mktemp("cache")))
        objects._client.cache_clear()
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        try:
            yield Store(client)
        finally:
            objects._client.cache_clear()
            server.stop()


@pytest.fixture
def address(store: Store) -> str:
    """A prefix of the bucket that nothing lies under."""
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture(params=["directory", "bucket"])
def stored(request: pytest.FixtureRequest, address: str, tmp_path: Path) -> Storage:
    """A storage in each kind of place."""
    return Storage(address if request.param == "bucket" else tmp_path / "storage")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[object], Storage]:
    """A storage as a process on another machine sees it, which has verified nothing, and whose cache is empty."""

    def opened(root: object) -> Storage:
        forget_verified()
        monkeypatch.setenv("MNIST_PIPELINE_CACHE", str(tmp_path / uuid.uuid4().hex))
        return Storage(str(root))

    return opened


# ---- the same in a directory and in a bucket


@pytest.mark.parametrize("name", EVERY_KIND)
def test_every_kind_of_value_comes_back_as_it_was(
    name: str, stored: Storage, store: Store, elsewhere: Callable[[object], Storage]
) -> None:
    path = stored.write("value", EVERY_KIND[name])
    content = store.read(path) if path.startswith("s3://") else Path(path).read_bytes()
    assert hashlib.sha256(content).hexdigest() == storage.digest("value", EVERY_KIND[name])
    for seen in (stored, elsewhere(stored.root)):
        found = seen.read("value")
        if name in ARRAYS or name in NAMED:
            assert_same_arrays(np.asarray(found) if name in ARRAYS else found, EVERY_KIND[name])
        elif name in PLAIN:
            assert found == PLAIN[name]
        else:
            assert found.equals(TABLE)


def test_an_array_is_mapped_into_memory_and_cannot_be_changed_by_its_reader(
    stored: Storage, elsewhere: Callable[[object], Storage]
) -> None:
    stored.write("centered_data", ARRAYS["float32"])
    found = elsewhere(stored.root).read("centered_data")
    assert isinstance(found, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 1
    stored.write("centered_data", np.zeros(3))
    np.testing.assert_array_equal(found, ARRAYS["float32"])  # what is mapped stays


def test_a_report_and_figures_come_back_and_what_is_missing_is_told(stored: Storage) -> None:
    stored.write("evaluation_report", REPORT, PICTURES)
    assert stored.read("evaluation_report") == REPORT
    assert stored.read_figure("evaluation_report", "matrix") == PICTURES["matrix"]
    with pytest.raises(StorageError, match=r"figure none of evaluation_report .*mnist-pipeline run"):
        stored.read_figure("evaluation_report", "none")
    with pytest.raises(StorageError, match=rf"covariance .*{stored.root}.*mnist-pipeline run"):
        stored.read("covariance")


def test_a_value_of_another_kind_replaces_the_old_files_and_leaves_nothing_over(stored: Storage) -> None:
    stored.write("cnn_kernels", ARRAYS["float32"], PICTURES)
    stored.write("cnn_kernels", NAMED["a dict"], {"matrix": b"\x89PNG"})
    listed = sorted(stored.published.store.list_names(("assets", "figures/*", "manifests")))
    assert listed == ["assets/cnn_kernels.safetensors", "figures/cnn_kernels/matrix.png", "manifests/cnn_kernels.json"]
    assert stored.published.unfinished_files() == stored.published.unknown_files() == []


def test_readers_always_see_one_whole_value_while_it_is_replaced(
    stored: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_CACHE_GB", "0")
    done, reads = threading.Event(), []
    stored = Storage(str(stored.root))
    stored.write("value", np.full(5_000, 0), {"matrix": b"picture of 0"})

    def read() -> None:
        while not done.is_set():
            array = np.asarray(stored.read("value"))
            assert (array == array[0]).all()
            assert stored.read_figure("value", "matrix").startswith(b"picture of ")
            reads.append(int(array[0]))

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        try:
            for number in range(1, 31):
                stored.write("value", np.full(5_000, number), {"matrix": b"picture of %d" % number})
        finally:
            done.set()
        for reader in readers:
            reader.result()
    assert len(reads) > 3
    assert int(stored.read("value")[0]) == 30


@pytest.mark.parametrize("damage", ["flipped", "cut short", "emptied", "longer", "of another", "a pickle", "deleted"])
@pytest.mark.parametrize(
    "name", ["assets/covariance.npy", "figures/covariance/matrix.png", "manifests/covariance.json"]
)
def test_damage_is_told_and_never_computed_with(
    name: str, damage: str, address: str, store: Store, elsewhere: Callable[[object], Storage]
) -> None:
    stored = Storage(address)
    stored.write("covariance", ARRAYS["float64"], PICTURES)
    stored.write("data_mean", ARRAYS["float32"], PICTURES)
    content = store.objects(address)[name]
    damaged = {
        "flipped": bytes([content[0] ^ 1]) + content[1:],
        "cut short": content[:-1],
        "emptied": b"",
        "longer": content + b"\n",
        "of another": store.objects(address)[name.replace("covariance", "data_mean")] + b"",
        "a pickle": pickle.dumps([]),
    }
    if damage == "deleted":
        store.delete(address, name)
    elif damaged[damage] == content:
        pytest.skip("the other picture is the same")
    else:
        store.put(address, name, damaged[damage])
    version = storage.digest("covariance", ARRAYS["float64"])
    for thorough in (False, True):
        fault = stored.fault("covariance", version, thorough=thorough)
        assert fault is not None
        assert fault.startswith("damaged: ")
    reader = elsewhere(address)
    with pytest.raises(StorageError, match=r"covariance is damaged: .*; rebuild it with mnist-pipeline run --select"):
        _ = reader.read_figure("covariance", "matrix") if name.endswith(".png") else reader.read("covariance")
    stored.write("covariance", ARRAYS["float64"], PICTURES)
    assert stored.fault("covariance", version, thorough=True) is None


def test_what_rots_in_the_store_without_its_notice_is_found_by_verifying_and_by_reading(
    address: str, store: Store, elsewhere: Callable[[object], Storage]
) -> None:
    stored = Storage(address)
    stored.write("covariance", ARRAYS["float64"])
    kept = store.behind(address, "assets/covariance.npy")
    content, checksum = bytearray(kept.value), kept.checksum_value
    content[200] ^= 1
    kept.value = bytes(content)
    kept.checksum_value = checksum
    version = storage.digest("covariance", ARRAYS["float64"])
    assert stored.fault("covariance", version) is None  # the store vouches for it
    assert (stored.fault("covariance", version, thorough=True) or "").startswith("damaged: ")
    with pytest.raises(StorageError, match="covariance is damaged"):
        elsewhere(address).read("covariance")


def test_a_copy_in_the_cache_that_was_changed_is_downloaded_again(address: str, tmp_path: Path) -> None:
    stored = Storage(address)
    stored.write("covariance", ARRAYS["float64"])
    (copy,) = (Path(os.environ["MNIST_PIPELINE_CACHE"]) / storage.digest("x", ARRAYS["float64"]),)
    copy.write_bytes(b"\0" * copy.stat().st_size)
    forget_verified()
    np.testing.assert_array_equal(stored.read("covariance"), ARRAYS["float64"])


def test_what_this_machine_wrote_or_read_is_not_downloaded(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = Storage(address)
    stored.write("covariance", ARRAYS["float64"])
    monkeypatch.setattr(objects.ObjectStore, "download", lambda *_: pytest.fail("it was downloaded"))
    np.testing.assert_array_equal(stored.read("covariance"), ARRAYS["float64"])


def test_what_is_copied_from_a_bucket_into_a_directory_is_a_storage(address: str, store: Store, tmp_path: Path) -> None:
    bucket = Storage(address)
    for name, value in EVERY_KIND.items():
        bucket.write(re.sub("[^a-zA-Z0-9]", "_", name), value, PICTURES)
    for name, content in store.objects(address).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    directory = Storage(tmp_path)
    assert directory.published.keys() == bucket.published.keys()
    assert len(directory.published.keys()) == len(EVERY_KIND)
    for key in directory.published.keys():  # noqa: SIM118  # not a mapping
        assert directory.fault(key, bucket.data_version(key)) is None


# ---- faults of a publication


class Killed(BaseException):
    """The process is dead: whatever it asks of the store does not reach it any more."""


class Fault:
    """At the n-th change of the bucket, before or after it is carried out, the process dies, or hears of no answer."""

    CHANGES = ("put", "copy", "remove")

    def __init__(self, left: int, when: str, how: str) -> None:
        self.left, self.when, self.how = left, when, how
        self.dead = False

    @property
    def happened(self) -> bool:
        return self.left <= 0

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in (*self.CHANGES, "get", "head", "list_names", "download"):
            monkeypatch.setattr(objects.ObjectStore, name, self._wrapped(name, getattr(objects.ObjectStore, name)))

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*arguments: Any, **named: Any) -> Any:
            if self.dead:
                raise Killed
            self.left -= name in self.CHANGES
            if self.left == 0 and name in self.CHANGES:
                if self.when == "after":
                    real(*arguments, **named)
                self.dead = self.how == "killed"
                raise Killed if self.dead else contents.UnavailableError("no answer")
            return real(*arguments, **named)

        return asked


@pytest.mark.parametrize("how", ["killed", "failed"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["array", "report"])
def test_a_fault_at_any_request_leaves_the_whole_old_or_the_whole_new_value(
    kind: str, when: str, how: str, store: Store, elsewhere: Callable[[object], Storage]
) -> None:
    """As many faults as a publication changes the bucket, and a last round without one."""
    key = "evaluation_report" if kind == "report" else "covariance"
    old: Any = REPORT if kind == "report" else ARRAYS["float64"]
    new: Any = REPORT._replace(html="<html>another</html>") if kind == "report" else np.zeros(784)
    pictures = {"new": {"matrix": b"\x89PNG new", "added": b"\x89PNG added"}, "old": PICTURES}
    outcomes: list[str] = []
    happened = True
    while happened:
        address = f"s3://{BUCKET}/{uuid.uuid4().hex}"
        stored = Storage(address)
        stored.write(key, old, pictures["old"])
        fault = Fault(len(outcomes) + 1, when, how)
        with pytest.MonkeyPatch.context() as monkeypatch:
            fault.install(monkeypatch)
            try:
                stored.write(key, new, pictures["new"])
            except (Killed, contents.UnavailableError):
                assert fault.happened
        happened = fault.happened
        outcomes.append(_whole(address, key, {"old": old, "new": new}, pictures, elsewhere))
        with Storage(address).lock(pytest.fail) as taken:
            assert taken
            Storage(address).recover()
        assert _whole(address, key, {"old": old, "new": new}, pictures, elsewhere) == outcomes[-1]
        assert stored.published.unfinished_files() == []
        assert set(stored.published.unknown_files()) <= {
            f"figures/{key}/curve.png"
        }  # of the old value, and not removed yet
        stored.write(key, new, pictures["new"])
        assert _whole(address, key, {"old": old, "new": new}, pictures, elsewhere) == "new"
    assert outcomes == sorted(outcomes, reverse=True)  # from one of them on it is the new one
    assert {"old", "new"} == set(outcomes)
    print(f"\n{len(outcomes) - 1} faults in a publication ({kind}, {how} {when} the request): 0 values lost")


def _whole(
    address: str,
    key: str,
    values: dict[str, Any],
    pictures: dict[str, dict[str, bytes]],
    elsewhere: Callable[[object], Storage],
) -> str:
    """Which of two values is stored; not a part of one with a part of the other."""
    stored = elsewhere(address)
    version = stored.data_version(key)
    (which,) = (name for name, value in values.items() if storage.digest(key, value) == version)
    found = stored.read(key)
    assert found == values[which] if isinstance(found, tuple) else np.array_equal(found, values[which])
    manifest = stored.published.manifest(key)
    assert manifest is not None
    drawn = {Path(name).stem for name in manifest.files if name.startswith("figures/")}
    assert {name: stored.read_figure(key, name) for name in drawn} == pictures[which]
    assert stored.fault(key, version, thorough=True) is None
    return which


# ---- one run at a time


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease that is looked at often."""
    monkeypatch.setattr(lease, "WAIT_SECONDS", 0.02)


@pytest.mark.usefixtures("quick")
def test_who_comes_second_waits_and_says_for_whom(address: str) -> None:
    told: list[str] = []
    first = lease.Lease(objects.ObjectStore(address))
    first.acquire(pytest.fail)

    def tell(holder: str) -> None:
        told.append(holder)
        first.release()

    stored = Storage(address)
    with stored.lock(tell) as taken:
        assert taken
        assert stored.lock_holder() == told[0].replace(
            told[0].rpartition(", since ")[2], (stored.lock_holder() or "")[-8:]
        )
        with stored.lock(pytest.fail) as again:
            assert not again
    assert re.fullmatch(rf"process {os.getpid()} on \S+, since \d\d:\d\d:\d\d", told[0])
    assert len(told) == 1
    assert stored.lock_holder() is None


@pytest.mark.usefixtures("quick")
def test_at_most_one_of_many_holds_the_lease(address: str) -> None:
    inside, most, turns = [0], [0], [0]

    def take() -> None:
        for _ in range(4):
            held = lease.Lease(objects.ObjectStore(address))
            held.acquire(lambda _: None)
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            turns[0] += 1
            held.require_held()
            inside[0] -= 1
            held.release()

    with ThreadPoolExecutor(4) as pool:
        for taken in [pool.submit(take) for _ in range(4)]:
            taken.result()
    assert (most, turns) == ([1], [16])


@pytest.mark.usefixtures("quick")
def test_the_lease_of_a_dead_process_runs_out(address: str, store: Store) -> None:
    dead = lease.Lease(objects.ObjectStore(address))
    dead.acquire(pytest.fail)
    dead._released.set()
    told: list[str] = []

    def tell(holder: str) -> None:
        told.append(holder)
        store.age(address, ".lock")

    with Storage(address).lock(tell):
        assert len(told) == 1


def test_a_lease_that_is_renewed_does_not_run_out(address: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    renewed = threading.Event()
    sign = lease.Lease._write

    def signing(self: lease.Lease, condition: str) -> None:
        sign(self, condition)
        if self._num_renewals == 3:
            renewed.set()

    monkeypatch.setattr(lease.Lease, "_write", signing)
    monkeypatch.setattr(lease, "RENEWALS", 1_000)
    with Storage(address).lock(pytest.fail):
        store.age(address, ".lock")
        assert renewed.wait(30)
        assert Storage(address).lock_holder() is not None


def test_who_has_lost_the_lease_writes_nothing_any_more(
    address: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEWALS", 1_000)
    stored = Storage(address)
    stored.write("data_mean", np.zeros(784))
    before = store.objects(address)
    other = {"holder": "process 7 on another", "since": 0.0, "seconds": 90.0, "token": "another", "renewal": 1}
    with stored.lock(pytest.fail):
        store.put(address, ".lock", json.dumps(other).encode())
        lease._leases[os.getpid(), address]._thread.join(30)  # which ends as it finds another holder
        with pytest.raises(contents.UnavailableError, match=rf"{address}.*process 7 on another"):
            stored.write("data_mean", np.ones(784))
    after = store.objects(address)
    assert json.loads(after.pop(".lock")) == other  # nor is another one's lease released
    assert after == before


def test_who_could_not_renew_in_time_writes_nothing_any_more(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = Storage(address)
    with stored.lock(pytest.fail):
        now = lease._clock()
        monkeypatch.setattr(lease, "_clock", lambda: now + lease.SECONDS)
        with pytest.raises(contents.UnavailableError, match="45 seconds"):
            stored.write("data_mean", np.ones(784))


def test_a_run_that_waits_for_another_ends_on_ctrl_c(address: str, own: dict[str, str]) -> None:
    first = lease.Lease(objects.ObjectStore(address))
    first.acquire(pytest.fail)
    process = _start(own | {"MNIST_PIPELINE_STORAGE": address}, "run", "--select", "raw_mnist")
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(f"Another run (process {os.getpid()} on "), line
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    finally:
        process.kill()
        process.communicate()
        first.release()


# ---- the command line


@pytest.fixture(scope="module")
def data(small_train: DigitSet, small_test: DigitSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 2,000 training and 500 test digits as a data directory."""
    return write_idx(tmp_path_factory.mktemp("slice"), small_train, small_test)


@dataclass(frozen=True)
class Run:
    """What `mnist-pipeline run` printed, and where it stored."""

    result: Result
    variables: dict[str, str]

    @property
    def stored(self) -> Storage:
        return Storage(self.variables["MNIST_PIPELINE_STORAGE"])


def _run(variables: dict[str, str], *arguments: str) -> Result:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(cli.main, list(arguments))


def _variables(data: Path, stored: str, home: Path) -> dict[str, str]:
    return {"MNIST_PIPELINE_DATA": str(data), "MNIST_PIPELINE_STORAGE": stored, "DAGSTER_HOME": str(home)}


@pytest.fixture(scope="module")
def runs(store: Store, data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """A run over the slice into a directory, and one into a bucket; not to be written to."""
    places = (str(tmp_path_factory.mktemp("directory")), f"s3://{BUCKET}/finished")
    done = []
    for place in places:
        variables = _variables(data, place, tmp_path_factory.mktemp("home"))
        done.append(Run(_run(variables, "run"), variables))
        assert done[-1].result.exit_code == 0, done[-1].result.output
    return done[0], done[1]


@pytest.fixture
def finished(runs: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The run into the bucket, which the environment names."""
    for name, value in runs[1].variables.items():
        monkeypatch.setenv(name, value)
    return runs[1]


@pytest.fixture
def own(runs: tuple[Run, Run], store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A copy of what the run into the bucket stored and recorded, which the environment names, to be damaged."""
    address = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    for name in store.objects(finished_address := runs[1].variables["MNIST_PIPELINE_STORAGE"]):
        source = {"Bucket": BUCKET, "Key": _prefix(finished_address) + name}
        store.client.copy_object(Bucket=BUCKET, Key=_prefix(address) + name, CopySource=source)
    shutil.copytree(runs[1].variables["DAGSTER_HOME"], tmp_path / "home")
    variables = _variables(Path(runs[1].variables["MNIST_PIPELINE_DATA"]), address, tmp_path / "home")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def _start(variables: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mnist_pipeline.cli", *arguments],
        cwd=PROJECT,
        env={**os.environ, **variables, "PYTHONPATH": str(PROJECT), "OMP_WAIT_POLICY": "PASSIVE"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_run_into_a_bucket_gives_the_bytes_of_a_run_into_a_directory(runs: tuple[Run, Run]) -> None:
    directory, bucket = (run.stored for run in runs)
    assert directory.published.keys() == bucket.published.keys() == KEYS
    found = {key: (directory.published.manifest(key), bucket.published.manifest(key)) for key in KEYS}
    identical = [key for key, (one, other) in found.items() if one == other]
    assert set(KEYS) - set(identical) <= {"evaluation_report"}
    reports = [_of_any_run(stored.read("evaluation_report").document) for stored in (directory, bucket)]
    assert reports[0] == reports[1]
    files = sum(len(one.files) for one, other in found.values() if one and one == other)
    print(
        f"\n{len(KEYS)} assets compared, bucket and directory: {len(identical)} identical to the byte ({files} files); "
        "the numbers of evaluation_report too, but for times and names of runs"
    )


def _of_any_run(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: _of_any_run(value) for key, value in document.items() if key not in OF_A_RUN}
    return [_of_any_run(each) for each in document] if isinstance(document, list) else document


def test_a_second_run_does_nothing_and_everything_is_whole(finished: Run) -> None:
    changed = CliRunner().invoke(cli.main, ["run", "--changed"])
    assert changed.exit_code == 0, changed.output
    assert "Materializing" not in changed.output
    assert "Everything is in sync." in changed.output
    assert "Report: s3://results/finished/report/index.html" in changed.output.splitlines()
    verified = CliRunner().invoke(cli.main, ["verify"])
    assert verified.exit_code == 0, verified.output
    assert verified.output.count(" ok\n") == len(KEYS)
    assert "s3://results/finished" in verified.output.splitlines()[-1]
    assert finished.stored.lock_holder() is None


def test_the_page_of_the_report_can_be_downloaded_and_needs_nothing_else(finished: Run, store: Store) -> None:
    answer = store.client.get_object(Bucket=BUCKET, Key="finished/report/index.html")
    assert answer["ContentType"] == "text/html"
    page = answer["Body"].read().decode()
    outside = re.findall(r"""<(?:img|script|link|source|iframe)\b[^>]*?\b(?:src|href)=["']?(?!["']|data:|#)""", page)
    assert outside == []
    document = store.objects("s3://results/finished")["report/report.json"]
    assert page.endswith(f"\n<!-- report.json: SHA-256 {hashlib.sha256(document).hexdigest()} -->\n")


def test_a_picture_is_read_by_the_recognizer_in_the_bucket(
    finished: Run, small_train: DigitSet, tmp_path: Path, elsewhere: Callable[[object], Storage]
) -> None:
    elsewhere(finished.stored.root)
    encoded = io.BytesIO()
    digit = np.kron(np.pad(small_train.images[5], 20), np.ones((4, 4), np.uint8))
    PIL.Image.fromarray(255 - digit).save(encoded, "PNG")
    (tmp_path / "digit.png").write_bytes(encoded.getvalue())
    told = CliRunner().invoke(cli.main, ["predict", "--json", str(tmp_path / "digit.png")])
    assert told.exit_code == 0, told.output
    ((one,), (other,)) = (
        json.loads(told.stdout)[0]["digits"],
        draw.Reader("recognizer").read(encoded.getvalue())["digits"],
    )
    assert one["digit"] == other["digit"] == int(small_train.labels[5])


def test_lineage_goes_up_to_the_raw_files(finished: Run) -> None:
    result = CliRunner().invoke(cli.main, ["lineage", "cnn_evaluation"])
    assert result.exit_code == 0, result.output
    for checksum in storage.read("raw_mnist")["sha256"]:
        assert checksum in result.output


def test_damage_is_verified_and_just_what_is_damaged_is_rebuilt(own: dict[str, str], store: Store) -> None:
    address = own["MNIST_PIPELINE_STORAGE"]
    before = {key: Storage(address).published.manifest(key) for key in KEYS}
    held = store.objects(address)
    store.put(address, "assets/digit_images.npy", b"\0" + held["assets/digit_images.npy"][1:])
    store.put(address, "figures/covariance/covariance.png", held["figures/covariance/covariance.png"][:-1])
    store.put(address, "assets/cnn_kernels.npy", held["assets/data_mean.npy"])
    store.put(address, "report/report.json", b"{}")
    store.put(address, "manifests/champion.json", b"")
    store.delete(address, "manifests/knn_index.json")
    store.delete(address, "assets/projections.npy")
    store.put(address, "assets/.covariance.npy.0123456789abcdef.staged", b"never committed")
    store.put(address, "assets/unknown.pkl", pickle.dumps([]))
    damaged = {
        *("digit_images", "covariance", "cnn_kernels", "evaluation_report", "champion", "knn_index", "projections"),
    }
    verified = CliRunner().invoke(cli.main, ["verify"])
    assert verified.exit_code == 1
    rows = [line.split(maxsplit=1) for line in verified.output.splitlines()]
    assert {row[0] for row in rows if len(row) == 2 and row[1].startswith("damaged: ")} == damaged
    assert "assets/.covariance.npy.0123456789abcdef.staged: " in verified.output
    assert "assets/unknown.pkl: " in verified.output
    changed = CliRunner().invoke(cli.main, ["run", "--changed"])
    assert changed.exit_code == 0, changed.output
    rows = [line.split() for line in changed.output.splitlines()]
    assert {row[0] for row in rows if len(row) > 2 and row[2] == "s"} - {"not_in_training"} >= damaged
    after = {key: Storage(address).published.manifest(key) for key in KEYS}
    assert {k: m for k, m in after.items() if k != "evaluation_report"} == {
        k: m for k, m in before.items() if k != "evaluation_report"
    }
    assert "assets/.covariance.npy.0123456789abcdef.staged" not in store.objects(address)
    assert CliRunner().invoke(cli.main, ["verify"]).exit_code == 0


def test_pruning_leaves_what_is_stored(own: dict[str, str]) -> None:
    assert CliRunner().invoke(cli.main, ["run", "--select", "key:data_mean"]).exit_code == 0
    assert CliRunner().invoke(cli.main, ["run", "--select", "key:data_mean"]).exit_code == 0
    assert CliRunner().invoke(cli.main, ["prune", "--keep", "1"]).output == "1 runs deleted\n"
    assert CliRunner().invoke(cli.main, ["verify"]).exit_code == 0


def test_a_run_that_is_killed_leaves_whole_values_and_the_next_one_completes(
    runs: tuple[Run, Run], store: Store, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = _variables(Path(runs[1].variables["MNIST_PIPELINE_DATA"]), address, tmp_path / "home")
    process = _start(variables, "run")
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    assert any(line.split()[:1] == ["covariance"] for line in lines)
    process.kill()
    process.communicate()
    stored = Storage(address)
    assert 0 < len(stored.published.keys()) < len(KEYS)
    for key in stored.published.keys():  # noqa: SIM118  # not a mapping
        assert (stored.fault(key, None, thorough=True) or "").startswith("not recorded: ")
    assert stored.lock_holder() is not None
    store.age(address, ".lock")  # rather than wait for its lease to run out
    completed = _run(variables, "run", "--changed")
    assert completed.exit_code == 0, completed.output
    assert stored.published.unfinished_files() == stored.published.unknown_files() == []
    others = [key for key in KEYS if key != "evaluation_report"]
    assert [stored.published.manifest(key) for key in others] == [
        runs[0].stored.published.manifest(key) for key in others
    ]
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        assert {run.status.value for run in instance.get_runs()} <= {"SUCCESS", "FAILURE"}


# ---- what can't be used is refused before any step


REFUSED = {
    "an endpoint where nobody answers": ({"AWS_ENDPOINT_URL": f"http://user:{SECRET}@127.0.0.1:9"}, "127.0.0.1:9"),
    "an endpoint that is no address": ({"AWS_ENDPOINT_URL": "nonsense"}, "AWS_ENDPOINT_URL"),
    "no such bucket": ({"MNIST_PIPELINE_STORAGE": "s3://no-such-bucket/results"}, "no-such-bucket"),
    "another scheme": ({"MNIST_PIPELINE_STORAGE": "gs://results/x"}, "gs://results/x"),
    "no bucket": ({"MNIST_PIPELINE_STORAGE": "s3:///x"}, "s3:///x"),
    "a query": ({"MNIST_PIPELINE_STORAGE": "s3://results/x?versionId=1"}, "versionId=1"),
    "credentials in it": ({"MNIST_PIPELINE_STORAGE": f"s3://id:{SECRET}@results/x"}, "AWS_SECRET_ACCESS_KEY"),
    "no profile": ({"AWS_PROFILE": "no-such-profile"}, "AWS_PROFILE"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_storage_that_cannot_be_used_is_refused_in_a_line_before_any_step(
    name: str, store: Store, data: Path, tmp_path: Path
) -> None:
    changes, told = REFUSED[name]
    variables = _variables(data, f"s3://{BUCKET}/refused", tmp_path / "home") | changes
    objects._client.cache_clear()
    try:
        result = _run(variables, "run")
    finally:
        objects._client.cache_clear()
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith("Error: MNIST_PIPELINE_STORAGE")
    assert told in line
    assert SECRET not in line
    assert not (tmp_path / "home").exists()


def test_refused_credentials_are_told_without_them(
    store: Store, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ClientError

    def refuse(*_: Any) -> Any:
        raise ClientError({"Error": {"Code": "SignatureDoesNotMatch", "Message": SECRET}}, "PutObject")

    monkeypatch.setattr(objects, "_client", refuse)
    result = _run(_variables(data, f"s3://{BUCKET}/refused", tmp_path / "home"), "run")
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert "refuses the credentials (SignatureDoesNotMatch); set AWS_ACCESS_KEY_ID" in line
    assert SECRET not in line


def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    store: Store, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects.importlib.util, "find_spec", lambda name: None)
    result = _run(_variables(data, f"s3://{BUCKET}/x", tmp_path / "home"), "run")
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith("Error: MNIST_PIPELINE_STORAGE")
    assert "pip install 'mnist-pipeline[s3]'" in line


def test_a_store_that_ignores_conditions_is_refused(
    store: Store, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = objects.ObjectStore.put
    monkeypatch.setattr(
        objects.ObjectStore, "put", lambda self, name, body, condition=None, **named: put(self, name, body)
    )
    result = _run(_variables(data, f"s3://{BUCKET}/x", tmp_path / "home"), "run")
    assert result.exit_code == 1
    assert "its store ignores If-None-Match and If-Match" in result.output
    assert store.objects(f"s3://{BUCKET}/x") == {}


def test_a_store_that_goes_away_during_a_run_is_told_as_such_and_not_as_damage(
    finished: Run, monkeypatch: pytest.MonkeyPatch, elsewhere: Callable[[object], Storage]
) -> None:
    def gone(*_: Any, **__: Any) -> Any:
        raise contents.UnavailableError("s3://results/finished can't be used: the store does not answer")

    monkeypatch.setattr(objects.ObjectStore, "head", gone)
    monkeypatch.setattr(objects.ObjectStore, "download", gone)
    result = CliRunner().invoke(cli.main, ["run", "--changed"])
    assert result.exit_code == 1
    assert result.output == "Error: s3://results/finished can't be used: the store does not answer\n"
    assert run_lock.storage.current().lock_holder() is None
