"""Whatever fails while a run writes, no stored value is lost, and the next run completes the storage."""

import ctypes
import os
import random
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import pytest
from support.servers import without_times

from faults import commands
from faults.commands import COUNTED, Ended
from mnist_pipeline.cli.selection import select_assets
from mnist_pipeline.runtime.storage.directory import forget_verified
from mnist_pipeline.runtime.storage.publication import Manifest
from mnist_pipeline.runtime.storage.storage import Storage

KEYS = sorted(key.to_user_string() for key in select_assets("*"))
REPORT = "evaluation_report"
# One asset of every kind of stored value; all but those in SINGLE_FILE have several files.
KINDS = {
    "cnn_kernels": "array",
    "harris_corners": "named arrays",
    "cnn_errors": "table",
    "softmax_evaluation": "evaluation",
    "model_comparison": "comparison",
    "champion": "champion",
    "model_card": "text",
    REPORT: "report",
}
SINGLE_FILE = {"champion", "model_card"}
MOMENTS = [
    *(
        f"{what} {moment}"
        for what in ("file", "manifest")
        for moment in ("created", "half written", "written", "staged")
    ),
    "in place",
    "stored",
    "recorded",
    "record half written",
]
# By kind: the action, and the moments at which it happens.
FAULTS = {
    "exceptions": ("error", ["file half written", "manifest half written", "in place"]),
    "interrupts": ("interrupt", ["file half written", "file staged", "manifest written", "stored"]),
    "file size limits": ("full", ["start", "file created"]),
}
SECOND_FILES = [(moment, 2) for moment in ("file half written", "file staged", "in place")]
NUM_SEEDS, NUM_RANDOM = 7, 3
T = TypeVar("T")
FINISHED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


class Trial:
    """A storage in which one asset has the value of the first slice, and all others have those of the second."""

    def __init__(self, storage: Path, slices: tuple[Path, Path], undisturbed: tuple[Path, Path]) -> None:
        self.storage, self.slices, self.undisturbed = storage, slices, undisturbed
        self.old, self.new = (manifests(directory) for directory in undisturbed)

    def begin(self, key: str) -> None:
        """Reset the asset to its old value, stored and recorded as by an earlier run."""
        self.end()
        first, second = self.undisturbed
        _copy(second, self.storage)
        old = Storage(first)
        figures = {Path(name).stem for name in self.old[key].files if name.startswith("figures/")}
        pictures = {name: Path(old.figure_path(key, name)).read_bytes() for name in sorted(figures)}
        Storage(self.storage).write(key, old.read(key), pictures)
        assert manifests(self.storage)[key] == self.old[key]
        with _instance(self.storage) as instance:
            tags = {"dagster/data_version": str(self.old[key].data_version), "dagster/code_version": "another"}
            instance.report_runless_asset_event(dg.AssetMaterialization(key, tags=tags))

    def suffer(self, key: str, kind: str, **fault: Any) -> Ended:
        ended = commands.run(self.storage, self.slices[1], "--select", f"key:{key}", fault=fault)
        assert "fault: " in ended.output, ended.output
        assert ended.code != 0, ended.output
        self.count(kind)
        return ended

    def count(self, kind: str) -> None:
        COUNTED[kind] += 1

    def require_nothing_lost(self, *changing: str) -> None:
        """Every value is the old or the new one, bit for bit; only the assets that were changing may differ."""
        forget_verified()
        found = manifests(self.storage)
        assert sorted(found) == KEYS
        for key, manifest in found.items():
            assert manifest in ((self.old[key], self.new[key]) if key in changing else (self.new[key],)) or (
                key == REPORT and key in changing
            ), key
            stored = Storage(self.storage)
            stored.published.read_consistently(key, stored.published.verify)
            stored.read(key)
            assert Path(stored.path(key)).suffix in (".npy", ".safetensors", ".csv", ".json", ".md", ".html")

    def require_recovery(self) -> None:
        """`run --changed` completes, and the storage equals that of an undisturbed run."""
        ended = commands.run(self.storage, self.slices[1], "--changed")
        assert ended.code == 0, ended.output
        assert "Everything is in sync." in ended.output
        forget_verified()
        found = manifests(self.storage)
        assert {k: m for k, m in found.items() if k != REPORT} == {k: m for k, m in self.new.items() if k != REPORT}
        stored = Storage(self.storage)
        for key, manifest in found.items():
            assert all((self.storage / name).is_file() for name in manifest.files), key
            stored.published.verify(manifest)
        assert stored.published.unfinished_files() == []
        assert stored.published.unknown_files() == []
        assert _comparable_report(self.storage) == _comparable_report(self.undisturbed[1])
        with _instance(self.storage) as instance:
            assert {run.status for run in instance.get_runs()} <= FINISHED

    def end(self) -> None:
        if self.storage.exists():
            for directory, _, _ in os.walk(self.storage):
                Path(directory).chmod(0o755)
            shutil.rmtree(self.storage)


class Trials:
    """Faults that are tried in a trial, one after another."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial

    def each(self, faults: Sequence[T], try_out: Callable[[Trial, T], None]) -> None:
        for fault in faults:
            try:
                try_out(self.trial, fault)
            except AssertionError as error:
                raise AssertionError(f"with {fault}: {error}") from error


@pytest.fixture
def trials(slices: tuple[Path, Path], undisturbed: tuple[Path, Path], place: Path) -> Iterator[Trials]:
    trial = Trial(place / "trial", slices, undisturbed)
    yield Trials(trial)
    trial.end()


def test_the_two_slices_give_different_values_of_every_kind(trials: Trials) -> None:
    for key in KINDS:
        assert trials.trial.old[key] != trials.trial.new[key], key


@pytest.mark.parametrize("key", KINDS)
def test_a_process_killed_during_a_write_leaves_the_old_value_or_the_new_one(key: str, trials: Trials) -> None:
    def try_out(trial: Trial, fault: tuple[str, int]) -> None:
        moment, occurrence = fault
        trial.begin(key)
        ended = trial.suffer(key, "kills at a moment", moment=moment, occurrence=occurrence, action="kill")
        assert ended.code == -signal.SIGKILL
        trial.require_nothing_lost(key)
        committed = MOMENTS.index(moment) >= MOMENTS.index("manifest staged")
        if key != REPORT:
            assert manifests(trial.storage)[key] == (trial.new if committed else trial.old)[key]
        trial.require_recovery()

    trials.each([*((moment, 1) for moment in MOMENTS), *([] if key in SINGLE_FILE else SECOND_FILES)], try_out)


@pytest.mark.parametrize("key", KINDS)
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_during_a_write_leaves_the_old_value_or_the_new_one(kind: str, key: str, trials: Trials) -> None:
    action, moments = FAULTS[kind]

    def try_out(trial: Trial, moment: str) -> None:
        trial.begin(key)
        ended = trial.suffer(key, kind, moment=moment, action=action, limit=1_000)
        if action == "interrupt":
            assert ended.code == 130
        if action == "error":
            assert f"{key} failed: " in ended.output
            assert "a fault was injected" in ended.output
        trial.require_nothing_lost(key)
        trial.require_recovery()

    trials.each(moments, try_out)


@pytest.mark.skipif(
    os.geteuid() == 0 and not hasattr(ctypes.CDLL(None), "capset"),
    reason="root can't give up its override of permissions here",
)
def test_a_storage_that_becomes_read_only_leaves_the_old_value(trials: Trials) -> None:
    def try_out(trial: Trial, key: str) -> None:
        trial.begin(key)
        trial.suffer(key, "read-only storages", moment="file written", action="read-only")
        for directory, _, _ in os.walk(trial.storage):
            Path(directory).chmod(0o755)
        trial.require_nothing_lost(key)
        trial.require_recovery()

    trials.each([*KINDS], try_out)


def test_a_full_disk_leaves_the_old_value(trials: Trials, place: Path) -> None:
    (place / "mount").mkdir()
    if _mount("-t", "tmpfs", "tmpfs", str(place / "mount")):
        pytest.skip("a small file system can't be mounted here")
    subprocess.run(["umount", str(place / "mount")], check=True)
    trials.each([*KINDS], _fill_the_disk)


def _fill_the_disk(trial: Trial, key: str) -> None:
    trial.begin(key)
    kept = trial.storage.with_name(f"kept-{trial.storage.name}")
    trial.storage.rename(kept)
    trial.storage.mkdir()
    room = sum(-(-path.stat().st_size // 4096) * 4096 for path in kept.rglob("*") if path.is_file()) + 600_000
    assert not _mount("-t", "tmpfs", "-o", f"size={room}", "tmpfs", str(trial.storage))
    try:
        shutil.copytree(kept, trial.storage, dirs_exist_ok=True)
        (trial.storage / "filler").write_bytes(bytes(max(0, shutil.disk_usage(trial.storage).free - 20_480)))
        ended = commands.run(trial.storage, trial.slices[1], "--select", f"key:{key}")
        assert ended.code != 0, ended.output
        assert re.search("full|No space left|disk I/O error", ended.output), ended.output
        trial.count("full disks")
        trial.require_nothing_lost(key)
        (trial.storage / "filler").unlink()
        assert not _mount("-o", f"remount,size={4 * room}", str(trial.storage))
        trial.require_recovery()
    finally:
        subprocess.run(["umount", str(trial.storage)], check=True)
        shutil.rmtree(kept)


@pytest.mark.parametrize("seed", range(NUM_SEEDS))
def test_a_whole_run_killed_at_any_moment_loses_nothing(seed: int, trials: Trials, whole_run_seconds: float) -> None:
    moments = random.Random(seed)

    def killed(trial: Trial, seconds: float) -> bool:
        trial.end()
        _copy(trial.undisturbed[0], trial.storage)
        return commands.start(trial.storage, trial.slices[1], "run").wait(seconds, signal.SIGKILL).lag is not None

    def try_out(trial: Trial, seconds: float) -> None:
        while not killed(trial, seconds):  # the run ended before the signal
            seconds /= 2
        trial.count("kills at random")
        trial.require_nothing_lost(*KEYS)
        trial.require_recovery()

    trials.each([moments.uniform(0, whole_run_seconds) for _ in range(NUM_RANDOM)], try_out)


@pytest.fixture(scope="module")
def whole_run_seconds(slices: tuple[Path, Path], undisturbed: tuple[Path, Path], place: Path) -> float:
    """How long a run of everything takes when values are replaced."""
    storage = place / "timed"
    _copy(undisturbed[0], storage)
    whole = commands.run(storage, slices[1])
    assert whole.code == 0, whole.output
    shutil.rmtree(storage)
    return whole.seconds


def _copy(source: Path, target: Path) -> None:
    """Copy a storage; values are hard links, because a stored file is never changed."""
    values = shutil.ignore_patterns("assets", "figures", "report")
    shutil.copytree(source, target, ignore=lambda at, names: values(at, names) if Path(at) == source else [])
    for name in ("assets", "figures", "report"):
        shutil.copytree(source / name, target / name, copy_function=os.link)


def manifests(directory: Path) -> dict[str, Manifest]:
    published = Storage(directory).published
    found = {key: published.manifest(key) for key in published.keys()}  # noqa: SIM118  # not a mapping
    return {key: manifest for key, manifest in found.items() if manifest}


def _comparable_report(directory: Path) -> dict[str, Any]:
    """The report's document without what differs between any two runs: run ids, seconds, and the run before."""
    document: dict[str, Any] = without_times(Storage(directory).read(REPORT).document)
    del document["since_last_run"]
    for origin in document["assets"].values():
        origin["code_version"] = origin["config"] = None
    return document


def _instance(directory: Path) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(str(directory / "dagster"))


def _mount(*arguments: str) -> int:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode
