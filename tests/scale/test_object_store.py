"""A bucket as storage works like a directory: same values, complete after every fault, verified, one run at a time.

The store is moto's S3 server on loopback, in this process, so that a test can change the server's own records.
"""

import datetime
import hashlib
import json
import logging
import os
import pickle
import re
import shutil
import subprocess
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
from support import servers
from support.graph_fixtures import Outcome, invoke
from support.servers import without_times
from support.values import ARRAYS, EVERY_KIND, REPORT, assert_same_values, data_version

boto3 = pytest.importorskip("boto3", reason="pip install 'mnist-dagster[test-scale]'")
moto_server = pytest.importorskip("moto.server", reason="pip install 'mnist-dagster[test-scale]'")

from moto.s3.models import s3_backends  # noqa: E402

from mnist_pipeline.cli import selection  # noqa: E402
from mnist_pipeline.data.datasets import DigitSet  # noqa: E402
from mnist_pipeline.runtime.storage import contents, lease, objects  # noqa: E402
from mnist_pipeline.runtime.storage.directory import forget_verified  # noqa: E402
from mnist_pipeline.runtime.storage.storage import Prepared, Storage, StorageError  # noqa: E402
from mnist_pipeline.runtime.web import draw  # noqa: E402

BUCKET = "results"
ACCOUNT = "123456789012"
KEYS = sorted(key.to_user_string() for key in selection.select_assets("*"))
PICTURES = {"matrix": b"\x89PNG a picture", "curve": b"\x89PNG another picture"}
SECRET = "wJalrXUtnFEMI-not-a-real-secret"

Elsewhere = Callable[[object], Storage]


@dataclass(frozen=True)
class Store:
    """The server, as its administrator sees it."""

    client: Any

    def objects(self, address: str) -> dict[str, bytes]:
        """Everything under an address, by name."""
        prefix = _prefix(address)
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        keys = [listed["Key"] for page in pages for listed in page.get("Contents", ())]
        return {key.removeprefix(prefix): self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def put(self, address: str, name: str, content: bytes | None) -> None:
        """Replace an object; None deletes it."""
        place = {"Bucket": BUCKET, "Key": _prefix(address) + name}
        self.client.delete_object(**place) if content is None else self.client.put_object(**place, Body=content)

    def record(self, address: str, name: str) -> Any:
        """The server's own record of an object."""
        return s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys[_prefix(address) + name]

    def expire_lease(self, address: str) -> None:
        """Make the lease an hour older than it is."""
        self.record(address, ".lock").last_modified -= datetime.timedelta(hours=1)


def _prefix(address: str) -> str:
    return address.removeprefix(f"s3://{BUCKET}/") + "/"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A server with an empty bucket; AWS's own variables name it."""
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
    """A prefix of the bucket with nothing under it."""
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    """Open a storage as a process on another machine does, which has verified nothing and has an empty cache."""

    def opened(root: object) -> Storage:
        forget_verified()
        monkeypatch.setenv("MNIST_PIPELINE_CACHE", str(tmp_path / uuid.uuid4().hex))
        return Storage(str(root))

    return opened


# Values


def test_every_kind_of_value_comes_back_and_a_copied_bucket_is_a_storage(
    address: str, store: Store, tmp_path: Path, elsewhere: Elsewhere
) -> None:
    bucket = Storage(address)
    values = {re.sub("[^a-zA-Z0-9]", "_", name): value for name, value in EVERY_KIND.items()}
    for key, value in values.items():
        bucket.write(key, value, PICTURES)
    for reader in (bucket, elsewhere(address)):
        for key, value in values.items():
            found = reader.read(key)
            assert isinstance(found, np.memmap) == isinstance(value, np.ndarray)
            assert_same_values(found, value)
    for name, content in store.objects(address).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    directory = Storage(tmp_path)
    assert directory.published.keys() == sorted(values)
    for key, value in values.items():
        assert_same_values(directory.read(key), value)
        fault = directory.fault(key, data_version(value))
        # No model can answer from random arrays, and nothing else may be wrong with them.
        assert fault is None or (hasattr(value, "check_usable") and fault.startswith("unusable: "))


def test_a_former_value_is_kept_and_published_again(address: str, store: Store, elsewhere: Elsewhere) -> None:
    bucket = Storage(address)
    for number in (1, 2, 1):  # the third value is kept already
        bucket.write("value", np.full(5, number))
        manifest = bucket.published.manifest("value")
        assert manifest is not None
        time = float(len(bucket.former.of("value")))
        origin = {"time": time, "run": f"run {number}", "code_version": None, "inputs": {}, "metadata": {}}
        bucket.former.keep(manifest, time, origin)
    other = elsewhere(address)
    first, second, again = other.former.of("value").values()
    assert [int(other.read_former(each)[0]) for each in (first, second, again)] == [1, 2, 1]
    other.publish(Prepared("value", second.data_version, other.former.contents(second)))
    assert int(other.read("value")[0]) == 2
    other.former.remove("value", list(other.former.of("value")))
    assert not [name for name in store.objects(address) if name.startswith("versions/")]


@pytest.mark.parametrize("place", ["directory", "bucket"])
def test_readers_see_one_complete_value_while_it_is_replaced(
    place: str, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_CACHE_GB", "0")
    stored = Storage(address if place == "bucket" else tmp_path / "storage")
    done, reads = threading.Event(), []
    stored.write("value", np.full(5_000, 0), {"matrix": b"picture of 0"})

    def read() -> None:
        while not done.is_set():
            array = np.asarray(stored.read("value"))
            assert (array == array[0]).all()
            stored.published.read_consistently("value", stored.published.verify)
            reads.append(int(array[0]))

    with ThreadPoolExecutor(3) as pool:
        readers = pool.map(lambda _: read(), range(3))
        try:
            for number in range(1, 31):
                stored.write("value", np.full(5_000, number), {"matrix": b"picture of %d" % number})
        finally:
            done.set()
        list(readers)
    assert len(reads) > 3
    assert int(stored.read("value")[0]) == 30


@pytest.mark.parametrize("damage", ["flipped", "cut short", "emptied", "longer", "of another", "a pickle", "deleted"])
@pytest.mark.parametrize(
    "name", ["assets/covariance.npy", "figures/covariance/matrix.png", "manifests/covariance.json"]
)
def test_a_damaged_object_is_reported_and_not_read(
    name: str, damage: str, address: str, store: Store, elsewhere: Elsewhere
) -> None:
    stored = Storage(address)
    stored.write("covariance", ARRAYS["float64"], PICTURES)
    stored.write("data_mean", ARRAYS["float32"], {"matrix": b"\x89PNG of the mean"})
    content = store.objects(address)[name]
    damaged = {
        "flipped": bytes([content[0] ^ 1]) + content[1:],
        "cut short": content[:-1],
        "emptied": b"",
        "longer": content + b"\n",
        "of another": store.objects(address)[name.replace("covariance", "data_mean")],
        "a pickle": pickle.dumps([]),
        "deleted": None,
    }
    store.put(address, name, damaged[damage])
    version = data_version(ARRAYS["float64"])
    for thorough in (False, True):
        assert (stored.fault("covariance", version, thorough=thorough) or "").startswith("damaged: ")
    if not name.endswith(".png"):
        with pytest.raises(StorageError, match="covariance is damaged"):
            elsewhere(address).read("covariance")
    stored.write("covariance", ARRAYS["float64"], PICTURES)
    assert stored.fault("covariance", version, thorough=True) is None


def test_bits_that_rot_without_the_stores_notice_are_found(address: str, store: Store, elsewhere: Elsewhere) -> None:
    stored = Storage(address)
    stored.write("covariance", ARRAYS["float64"])
    record = store.record(address, "assets/covariance.npy")
    content, checksum = bytearray(record.value), record.checksum_value
    content[200] ^= 1
    record.value = bytes(content)
    record.checksum_value = checksum
    version = data_version(ARRAYS["float64"])
    assert stored.fault("covariance", version) is None  # the checksum that the store keeps is the right one
    assert (stored.fault("covariance", version, thorough=True) or "").startswith("damaged: ")
    with pytest.raises(StorageError, match="covariance is damaged"):
        elsewhere(address).read("covariance")


def test_a_value_is_downloaded_only_if_the_cache_has_no_intact_copy(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = Storage(address)
    stored.write("covariance", ARRAYS["float64"])
    with monkeypatch.context() as patch:
        patch.setattr(objects.ObjectStore, "download", lambda *_: pytest.fail("it was downloaded"))
        np.testing.assert_array_equal(stored.read("covariance"), ARRAYS["float64"])
    copy = Path(os.environ["MNIST_PIPELINE_CACHE"]) / data_version(ARRAYS["float64"])
    copy.write_bytes(b"\0" * copy.stat().st_size)
    forget_verified()
    np.testing.assert_array_equal(stored.read("covariance"), ARRAYS["float64"])


# Faults of a publication


class Killed(BaseException):
    """The process is dead: none of its further requests reaches the store."""


class Fault:
    """Before or after the n-th change of the bucket is carried out, the process is killed or gets no answer."""

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
        def request(*arguments: Any, **named: Any) -> Any:
            if self.dead:
                raise Killed
            self.left -= name in self.CHANGES
            if self.left == 0 and name in self.CHANGES:
                if self.when == "after":
                    real(*arguments, **named)
                self.dead = self.how == "killed"
                raise Killed if self.dead else contents.UnavailableError("no answer")
            return real(*arguments, **named)

        return request


@pytest.mark.parametrize("how", ["killed", "failed"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["array", "report"])
def test_a_fault_at_any_request_leaves_the_complete_old_or_new_value(
    kind: str, when: str, how: str, store: Store, elsewhere: Elsewhere
) -> None:
    """There is one round per change of the bucket in a publication, and a last round without a fault."""
    key = "evaluation_report" if kind == "report" else "covariance"
    values: dict[str, Any] = {"old": REPORT if kind == "report" else ARRAYS["float64"]}
    values["new"] = REPORT._replace(html="<html>another</html>") if kind == "report" else np.zeros(784)
    pictures = {"new": {"matrix": b"\x89PNG new", "added": b"\x89PNG added"}, "old": PICTURES}

    def stored_value(address: str) -> str:
        """Which value is stored; never a part of one with a part of the other."""
        reader = elsewhere(address)
        version = reader.data_version(key)
        (which,) = (name for name, value in values.items() if data_version(value) == version)
        assert_same_values(reader.read(key), values[which])
        assert reader.fault(key, version, thorough=True) is None
        return which

    outcomes: list[str] = []
    happened = True
    while happened:
        address = f"s3://{BUCKET}/{uuid.uuid4().hex}"
        stored = Storage(address)
        stored.write(key, values["old"], pictures["old"])
        fault = Fault(len(outcomes) + 1, when, how)
        with pytest.MonkeyPatch.context() as monkeypatch:
            fault.install(monkeypatch)
            try:
                stored.write(key, values["new"], pictures["new"])
            except (Killed, contents.UnavailableError):
                assert fault.happened
        happened = fault.happened
        outcomes.append(stored_value(address))
        with Storage(address).lock(pytest.fail) as taken:
            assert taken
            Storage(address).recover()
        assert stored_value(address) == outcomes[-1]
        assert stored.published.unfinished_files() == []
        # A figure that only the old value had may not be removed yet.
        assert set(stored.published.unknown_files()) <= {f"figures/{key}/curve.png"}
        stored.write(key, values["new"], pictures["new"])
        assert stored_value(address) == "new"
    assert outcomes == sorted(outcomes, reverse=True)  # the old value until the commit, then the new one
    assert {"old", "new"} == set(outcomes)
    print(f"\n{len(outcomes) - 1} faults in a publication ({kind}, {how} {when} the request): 0 values lost")


# The lease


@pytest.fixture
def held(address: str, monkeypatch: pytest.MonkeyPatch) -> lease.Lease:
    """A lease of another run; runs that wait for it look often whether it is free."""
    monkeypatch.setattr(lease, "WAIT_SECONDS", 0.02)
    held = lease.Lease(objects.ObjectStore(address))
    held.acquire(pytest.fail)
    return held


def test_a_second_run_waits_and_reports_for_whom(held: lease.Lease, address: str) -> None:
    holders: list[str] = []
    stored = Storage(address)
    with stored.lock(lambda holder: (holders.append(holder), held.release())) as taken:
        assert taken
        assert stored.lock_holder() is not None
        with stored.lock(pytest.fail) as again:
            assert not again
    (holder,) = holders
    assert re.fullmatch(rf"process {os.getpid()} on \S+, since \d\d:\d\d:\d\d", holder)
    assert stored.lock_holder() is None


def test_at_most_one_of_many_has_the_lease(held: lease.Lease, address: str) -> None:
    held.release()
    exclusive, acquired = threading.Lock(), []

    def take() -> None:
        for _ in range(4):
            own = lease.Lease(objects.ObjectStore(address))
            own.acquire(lambda _: None)
            assert exclusive.acquire(blocking=False)
            own.require_held()
            acquired.append(own)
            exclusive.release()
            own.release()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: take(), range(4)))
    assert len(acquired) == 16


def test_the_lease_of_a_dead_process_expires(held: lease.Lease, address: str, store: Store) -> None:
    held._released.set()  # it is not renewed any more
    holders: list[str] = []
    with Storage(address).lock(lambda holder: (holders.append(holder), store.expire_lease(address))):
        assert len(holders) == 1


def test_a_lease_is_renewed_before_it_expires(address: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    renewed = threading.Event()
    write = lease.Lease._write

    def write_and_count(self: lease.Lease, condition: str) -> None:
        write(self, condition)
        if self._num_renewals == 3:
            renewed.set()

    monkeypatch.setattr(lease.Lease, "_write", write_and_count)
    monkeypatch.setattr(lease, "RENEWALS", 1_000)
    with Storage(address).lock(pytest.fail):
        store.expire_lease(address)
        assert renewed.wait(30)
        assert Storage(address).lock_holder() is not None


def test_a_run_that_has_lost_the_lease_writes_nothing(
    address: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEWALS", 1_000)
    stored = Storage(address)
    stored.write("data_mean", np.zeros(784))
    before = store.objects(address)
    other = {"holder": "process 7 on another", "token": "another", "renewal": 1}
    with stored.lock(pytest.fail):
        store.put(address, ".lock", json.dumps(other).encode())
        lease._leases[os.getpid(), address]._thread.join(30)  # it ends when it finds another holder
        with pytest.raises(contents.UnavailableError, match=rf"{address}.*process 7 on another"):
            stored.write("data_mean", np.ones(784))
    after = store.objects(address)
    assert json.loads(after.pop(".lock")) == other  # the lease of the other is not released
    assert after == before


def test_a_run_that_could_not_renew_in_time_writes_nothing(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = Storage(address)
    with stored.lock(pytest.fail):
        now = lease._clock()
        monkeypatch.setattr(lease, "_clock", lambda: now + lease.SECONDS)
        with pytest.raises(contents.UnavailableError, match="45 seconds"):
            stored.write("data_mean", np.ones(784))


# The command line


@pytest.fixture(scope="module")
def bucket_run(store: Store, slice_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a run into a bucket, whose results are not to be changed."""
    variables = _variables(slice_directory, f"s3://{BUCKET}/finished", tmp_path_factory.mktemp("home"))
    invoke("run", env=variables)
    return variables


@pytest.fixture
def finished(bucket_run: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Storage:
    """The storage of the run into a bucket; the environment names it."""
    for name, value in bucket_run.items():
        monkeypatch.setenv(name, value)
    return Storage(bucket_run["MNIST_PIPELINE_STORAGE"])


@pytest.fixture
def own(bucket_run: dict[str, str], store: Store, address: str, tmp_path: Path) -> dict[str, str]:
    """The variables of a copy of the run into a bucket, which a test may change."""
    for name, content in store.objects(bucket_run["MNIST_PIPELINE_STORAGE"]).items():
        store.put(address, name, content)
    home = shutil.copytree(bucket_run["DAGSTER_HOME"], tmp_path / "home")
    return _variables(Path(bucket_run["MNIST_PIPELINE_DATA"]), address, home)


def _variables(data: Path, stored: str, home: Path) -> dict[str, str]:
    return {"MNIST_PIPELINE_DATA": str(data), "MNIST_PIPELINE_STORAGE": stored, "DAGSTER_HOME": str(home)}


def _start(variables: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return servers.started(*arguments, environ={**os.environ, **variables, "OMP_WAIT_POLICY": "PASSIVE"})


def _manifests(stored: Storage) -> dict[str, Any]:
    """The manifests of all assets whose bytes do not depend on the time of a run."""
    return {key: stored.published.manifest(key) for key in KEYS if key != "evaluation_report"}


def test_a_run_into_a_bucket_gives_the_bytes_of_a_run_into_a_directory(
    finished_run: tuple[Outcome, Path], finished: Storage
) -> None:
    directory = Storage(finished_run[1])
    assert directory.published.keys() == finished.published.keys() == KEYS
    others = _manifests(directory)
    assert others == _manifests(finished)
    assert without_times(directory.read("evaluation_report").document) == without_times(
        finished.read("evaluation_report").document
    )
    print(f"\n{len(others)} of {len(KEYS)} assets identical in bucket and directory, and the numbers of the report")


def test_a_second_run_does_nothing_and_commands_and_browsers_read_the_bucket(finished: Storage, store: Store) -> None:
    changed = invoke("run", "--changed")
    assert "Materializing" not in changed
    assert f"Report: {finished.root}/report/index.html" in changed.splitlines()
    verified = invoke("verify")
    assert verified.count(" ok\n") == len(KEYS)
    assert finished.root in verified.splitlines()[-1]
    lineage = invoke("lineage", "cnn_evaluation")
    assert all(checksum in lineage for checksum in finished.read("raw_mnist")["sha256"])
    assert finished.lock_holder() is None
    page = store.client.get_object(Bucket=BUCKET, Key="finished/report/index.html")
    assert page["ContentType"] == "text/html"
    document = store.objects(finished.root)["report/report.json"]
    assert hashlib.sha256(document).hexdigest() in page["Body"].read().decode().splitlines()[-1]


def test_a_picture_is_read_by_the_recognizer_in_the_bucket(
    finished: Storage, small_train: DigitSet, tmp_path: Path, elsewhere: Elsewhere
) -> None:
    elsewhere(finished.root)
    digit = np.kron(np.pad(small_train.images[5], 20), np.ones((4, 4), np.uint8))
    PIL.Image.fromarray(255 - digit).save(tmp_path / "digit.png")
    (predicted,) = json.loads(invoke("predict", "--json", str(tmp_path / "digit.png")))[0]["digits"]
    (drawn,) = draw.Reader("recognizer").read((tmp_path / "digit.png").read_bytes())["digits"]
    assert predicted["digit"] == drawn["digit"] == int(small_train.labels[5])


def test_damaged_assets_are_reported_and_rebuilt_and_pruning_keeps_them(own: dict[str, str], store: Store) -> None:
    address = own["MNIST_PIPELINE_STORAGE"]
    before, kept = _manifests(Storage(address)), store.objects(address)
    unfinished, unknown = "assets/.covariance.npy.0123456789abcdef.staged", "assets/unknown.pkl"
    damaged = {
        "digit_images": ("assets/digit_images.npy", b"\0" + kept["assets/digit_images.npy"][1:]),
        "covariance": ("figures/covariance/covariance.png", kept["figures/covariance/covariance.png"][:-1]),
        "cnn_kernels": ("assets/cnn_kernels.npy", kept["assets/data_mean.npy"]),
        "evaluation_report": ("report/report.json", b"{}"),
        "champion": ("manifests/champion.json", b""),
        "knn_index": ("manifests/knn_index.json", None),
        "projections": ("assets/projections.npy", None),
    }
    for name, content in [*damaged.values(), (unfinished, b"never committed"), (unknown, pickle.dumps([]))]:
        store.put(address, name, content)
    verified = invoke("verify", code=1, env=own)
    rows = [line.split(maxsplit=1) for line in verified.splitlines()]
    assert {row[0] for row in rows if len(row) == 2 and row[1].startswith("damaged: ")} == set(damaged)
    assert f"{unfinished}: " in verified
    assert f"{unknown}: " in verified
    invoke("run", "--changed", env=own)
    assert _manifests(Storage(address)) == before
    assert unfinished not in store.objects(address)
    invoke("prune", "--keep", "0", env=own)
    invoke("verify", env=own)
    shutil.rmtree(own["DAGSTER_HOME"])
    assert f"records of {len(KEYS)} stored results" in invoke("repair", env=own)
    assert "Materializing" not in invoke("run", "--changed", env=own)


def test_a_killed_run_leaves_complete_values_and_the_next_run_completes(
    bucket_run: dict[str, str], store: Store, address: str, tmp_path: Path
) -> None:
    variables = _variables(Path(bucket_run["MNIST_PIPELINE_DATA"]), address, tmp_path / "home")
    process = _start(variables, "run")
    assert process.stdout is not None
    assert any(line.split()[:1] == ["covariance"] for line in iter(process.stdout.readline, ""))
    process.kill()
    process.communicate()
    stored = Storage(address)
    keys = stored.published.keys()
    assert 0 < len(keys) < len(KEYS)
    assert all((stored.fault(key, None, thorough=True) or "").startswith("not recorded: ") for key in keys)
    assert stored.lock_holder() is not None
    store.expire_lease(address)
    invoke("run", "--changed", env=variables)
    assert stored.published.unfinished_files() == stored.published.unknown_files() == []
    assert _manifests(stored) == _manifests(Storage(bucket_run["MNIST_PIPELINE_STORAGE"]))
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        assert {run.status.value for run in instance.get_runs()} <= {"SUCCESS", "FAILURE"}


# Storages that can't be used are refused before any step


Refusal = Callable[[dict[str, str]], str]


@pytest.fixture
def refusal(store: Store, slice_directory: Path, tmp_path: Path) -> Iterator[Refusal]:
    """The line in which a run with changed variables is refused."""

    def refuse(changes: dict[str, str]) -> str:
        variables = _variables(slice_directory, f"s3://{BUCKET}/refused", tmp_path / "home")
        (line,) = invoke("run", code=1, env=variables | changes).splitlines()
        assert line.startswith("Error: MNIST_PIPELINE_STORAGE")
        assert SECRET not in line
        assert not (tmp_path / "home").exists()
        return line

    clear = objects._client.cache_clear
    clear()
    yield refuse
    clear()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"AWS_ENDPOINT_URL": f"http://user:{SECRET}@127.0.0.1:9"}, "127.0.0.1:9"),
        ({"AWS_ENDPOINT_URL": "nonsense"}, "AWS_ENDPOINT_URL"),
        ({"MNIST_PIPELINE_STORAGE": "s3://no-such-bucket/results"}, "no-such-bucket"),
        ({"MNIST_PIPELINE_STORAGE": "gs://results/x"}, "gs://results/x"),
        ({"MNIST_PIPELINE_STORAGE": f"s3://id:{SECRET}@results/x"}, "AWS_SECRET_ACCESS_KEY"),
        ({"AWS_PROFILE": "no-such-profile"}, "AWS_PROFILE"),
    ],
)
def test_a_storage_that_cannot_be_used_is_refused_in_a_line(
    changes: dict[str, str], named: str, refusal: Refusal
) -> None:
    assert named in refusal(changes)


def test_refused_credentials_are_not_shown(refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError

    def refuse(*_: Any) -> Any:
        raise ClientError({"Error": {"Code": "SignatureDoesNotMatch", "Message": SECRET}}, "PutObject")

    monkeypatch.setattr(objects, "_client", refuse)
    line = refusal({})
    assert "SignatureDoesNotMatch" in line
    assert "AWS_ACCESS_KEY_ID" in line


def test_a_missing_extra_is_named(refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects.importlib.util, "find_spec", lambda name: None)
    assert "mnist-dagster[s3]" in refusal({})


def test_a_store_that_ignores_conditions_is_refused(
    refusal: Refusal, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = objects.ObjectStore.put
    monkeypatch.setattr(
        objects.ObjectStore, "put", lambda self, name, body, condition=None, **named: put(self, name, body)
    )
    assert "If-None-Match" in refusal({})
    assert store.objects(f"s3://{BUCKET}/refused") == {}


def test_a_store_that_stops_answering_during_a_run_is_not_taken_for_damage(
    finished: Storage, monkeypatch: pytest.MonkeyPatch, elsewhere: Elsewhere
) -> None:
    def unavailable(*_: Any, **__: Any) -> Any:
        raise contents.UnavailableError(f"{finished.root} does not answer")

    monkeypatch.setattr(objects.ObjectStore, "head", unavailable)
    monkeypatch.setattr(objects.ObjectStore, "download", unavailable)
    assert invoke("run", "--changed", code=1) == f"Error: {finished.root} does not answer\n"
    assert finished.lock_holder() is None
