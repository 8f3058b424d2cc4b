"""The inbox: each picture is accepted once, other files are rejected with the reason, and nothing blocks the others."""

from __future__ import annotations

import io
import json
import os
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner, Result
from support.drawing import MIDDLE, encoded, picture

from assets import automation
from assets.automation import MAX_ATTEMPTS, MAX_RUNS, inbox_job, inbox_sensor
from assets.definitions import defs
from assets.serving import PICTURES, inbox_predictions
from mnist_pipeline.cli import execution, inspection
from mnist_pipeline.cli import main as cli
from mnist_pipeline.recognition.pictures import ImageError
from mnist_pipeline.runtime import inbox
from mnist_pipeline.runtime.graph.records import PARTITION_TAG
from mnist_pipeline.runtime.inbox import ACCEPTED, KEY, MAX_FILES, REJECTED, Inbox, InboxError, Look, make_key
from mnist_pipeline.runtime.storage import files, storage

PARTITIONS = str(PICTURES.name)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """An inbox in the directory that the environment names."""
    (tmp_path / "inbox").mkdir()
    monkeypatch.setenv("MNIST_PIPELINE_INBOX", str(tmp_path / "inbox"))
    return Inbox(tmp_path / "inbox")


def noise(seed: int = 0, form: str = "PNG") -> bytes:
    return encoded(PIL.Image.fromarray(np.random.default_rng(seed).integers(0, 256, (60, 60), np.uint8)), form)


def put(box: Inbox, name: str, content: bytes) -> Path:
    path = box.directory / name
    path.write_bytes(content)
    return path


def look_twice(box: Inbox, *known: str) -> Look:
    """The second of two looks, which accepts or rejects all that was there at the first."""
    return box.look(box.look(None, known).cursor, known)


def counts(look: Look) -> tuple[int, int, int]:
    return len(look.accepted), len(look.rejected), look.waiting


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def left(box: Inbox) -> list[str]:
    """Files that are neither accepted nor rejected."""
    return [name for name in names(box.directory) if name not in (ACCEPTED, REJECTED)]


def reason(box: Inbox, name: str) -> str:
    return (box.directory / REJECTED / f"{name}.txt").read_text().removesuffix("\n")


def test_a_picture_is_accepted_at_the_second_look(box: Inbox) -> None:
    put(box, "My seven.PNG", noise())
    first = box.look(None, ())
    assert counts(first) == (0, 0, 1)
    (key,) = box.look(first.cursor, ()).accepted
    assert key.startswith("My-seven-")
    assert KEY.fullmatch(key)
    assert left(box) == []
    assert (box.directory / ACCEPTED / f"{key}.png").read_bytes() == noise()


def test_a_file_that_is_still_being_written_waits(box: Inbox) -> None:
    content, cursor = noise(), None
    with (box.directory / "seven.png").open("wb") as file:
        for part in (content[:50], content[50:90], content[90:]):
            file.write(part)
            file.flush()
            look = box.look(cursor, ())
            assert counts(look) == (0, 0, 1)
            cursor = look.cursor
    assert len(box.look(cursor, ()).accepted) == 1


def test_a_file_that_replaces_one_of_the_same_size_and_time_waits(box: Inbox) -> None:
    path = put(box, "seven.png", noise())
    state = path.stat()
    cursor = box.look(None, ()).cursor
    path.unlink()
    put(box, "seven.png", b"x" * state.st_size)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert counts(box.look(cursor, ())) == (0, 0, 1)


def test_a_file_that_changes_before_it_is_read_is_left(box: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    put(box, "seven.png", noise())
    open_regular = files.open_regular
    monkeypatch.setattr(files, "open_regular", lambda path: open_regular(put(box, path.name, noise() + b"more")))
    assert counts(look_twice(box)) == (0, 0, 0)
    assert left(box) == ["seven.png"]


@pytest.mark.parametrize("name", [".seven.png", "seven.png.part", "seven.PNG.crdownload", "seven.tmp"])
def test_a_file_with_the_name_of_an_unfinished_one_is_left(name: str, box: Inbox) -> None:
    put(box, name, noise())
    assert counts(look_twice(box)) == (0, 0, 0)
    assert left(box) == [name]


def _bind_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def _link(path: Path) -> None:
    (path.parent.parent / "secret.txt").write_text("not to be read")
    path.symlink_to(path.parent.parent / "secret.txt")


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (Path.touch, "empty"),
    "text": (lambda path: path.write_text("Dear inbox,\n"), "PNG"),
    "truncated JPEG": (lambda path: path.write_bytes(noise(form="JPEG")[:-1_000]), "cut off"),
    "60 megapixels": (lambda path: path.write_bytes(encoded(PIL.Image.new("1", (10_000, 6_000)))), "50 megapixels"),
    "a directory": (Path.mkdir, "directory"),
    "a link out of the inbox": (_link, "link"),
    "a link that leads nowhere": (lambda path: path.symlink_to("nowhere"), "link"),
    "a pipe": (os.mkfifo, "not a file"),
    "a socket": (_bind_socket, "can't be read"),
}


@pytest.mark.parametrize(("make", "problem"), BAD.values(), ids=BAD)
def test_a_file_that_is_no_picture_is_rejected_with_the_reason_and_blocks_nothing(
    make: Callable[[Path], object], problem: str, box: Inbox
) -> None:
    make(box.directory / "bad.png")
    os.utime(box.directory / "bad.png", (0, 0), follow_symlinks=False)  # the oldest file comes first
    put(box, "good.png", noise())
    look = look_twice(box)
    assert [key.startswith("good-") for key in look.accepted] == [True]
    (line,) = look.rejected
    assert line.isprintable()
    assert line.startswith("'bad.png' ")
    assert line.endswith(reason(box, "bad.png"))
    assert problem in line
    assert left(box) == []
    assert os.path.lexists(box.directory / REJECTED / "bad.png")
    assert counts(look_twice(box)) == (0, 0, 0)


def test_a_rejected_link_is_moved_and_its_target_stays(box: Inbox) -> None:
    _link(box.directory / "bad.png")
    look_twice(box)
    assert (box.directory / REJECTED / "bad.png").is_symlink()
    assert (box.directory.parent / "secret.txt").read_text() == "not to be read"


def test_a_file_that_may_not_be_read_or_is_too_large_is_rejected(box: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    put(box, "forbidden.png", noise(0))
    put(box, "large.png", noise(1) + b"\0" * 10_000)
    put(box, "good.png", noise(2))
    open_regular = files.open_regular

    def open_if_allowed(path: Path) -> object:
        if path.name == "forbidden.png":
            raise PermissionError(13, "Permission denied", path)
        return open_regular(path)

    monkeypatch.setattr(files, "open_regular", open_if_allowed)
    monkeypatch.setattr(inbox, "MAX_BYTES", 10_000)
    assert counts(look_twice(box)) == (1, 2, 0)
    assert "Permission denied" in reason(box, "forbidden.png")
    assert "10,000 bytes" in reason(box, "large.png")


def test_a_file_that_can_not_be_moved_is_reported_once_and_left_until_it_changes(
    box: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(box, "good.png", noise(1))
    put(box, "stuck.txt", b"text")
    stuck = put(box, "stuck.png", noise())
    rename = Path.rename

    def rename_unless_stuck(self: Path, target: Path) -> Path:
        if self.name.startswith("stuck"):
            raise PermissionError(1, "Operation not permitted")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename_unless_stuck)
        look = look_twice(box)
        assert counts(look) == (1, 2, 0)
        assert all("Operation not permitted" in line for line in look.rejected)
        assert names(box.directory / REJECTED) == []
        again = box.look(look.cursor, ())
        assert counts(again) == (0, 0, 0)
    os.utime(stuck)
    assert len(box.look(box.look(again.cursor, ()).cursor, ()).accepted) == 1


@pytest.mark.parametrize(
    "name",
    [
        b"two\nlines.png",
        b"\x1b[31mred.png",
        b"not-\xff-utf8.png",
        "über – 数字.png".encode(),
        b"n" * 251 + b".png",
        "数".encode() * 85,
        b"no suffix",
        b"dots...png",
        b"-.png",
        b"key,with=signs\\ \t.png",
    ],
)
def test_pictures_and_bad_files_may_have_any_name(name: bytes, box: Inbox) -> None:
    put(box, os.fsdecode(name), noise())
    (key,) = look_twice(box).accepted
    put(box, os.fsdecode(name), b"text")
    (line,) = look_twice(box).rejected
    assert line.isprintable()
    assert left(box) == []
    assert len(names(box.directory / REJECTED)) == 2
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(PARTITIONS, [key])
    storage.prepare(storage.stored_key("inbox_predictions", key), np.zeros(1))
    assert len(key) < 64
    assert (box.read(key) < 128).any()


def test_two_bad_files_of_one_name_are_both_kept(box: Inbox) -> None:
    for content in (b"first", b"second"):
        put(box, "bad.png", content)
        look_twice(box)
    assert (box.directory / REJECTED / "bad.png").read_bytes() == b"first"
    assert (box.directory / REJECTED / "bad.png~2").read_bytes() == b"second"
    assert reason(box, "bad.png~2")


def test_the_same_content_under_other_names_is_accepted_once(box: Inbox) -> None:
    put(box, "a.png", noise())
    (key,) = look_twice(box).accepted
    put(box, "b.png", noise())
    put(box, "a.png", noise(1))  # other content under the same name
    assert counts(look_twice(box)) == (1, 1, 0)
    assert key in reason(box, "b.png")
    assert len(box.accepted()) == 2


def test_an_accepted_picture_that_was_removed_is_accepted_again_under_its_key(box: Inbox) -> None:
    put(box, "a.png", noise())
    (key,) = look_twice(box).accepted
    box.accepted()[key].unlink()
    with pytest.raises(InboxError, match=key):
        box.read(key)
    put(box, "b.png", noise())
    assert look_twice(box, key, "another partition").accepted == [key]
    box.read(key)


def test_a_picture_that_changed_after_it_was_accepted_is_not_read(box: Inbox) -> None:
    put(box, "a.png", noise())
    (key,) = look_twice(box).accepted
    path = box.accepted()[key]
    path.write_bytes(noise(1))
    with pytest.raises(InboxError, match="has changed"):
        box.read(key)
    path.unlink()
    path.symlink_to(box.directory)
    with pytest.raises(InboxError, match="link"):
        box.read(key)


def test_an_accepted_file_that_can_not_be_decoded_is_an_image_error(box: Inbox) -> None:
    (box.directory / ACCEPTED).mkdir()
    put(box, f"{ACCEPTED}/a-9ed97c950c330a5b.png", b"no picture")  # the start of its SHA-256
    with pytest.raises(ImageError):
        box.read("a-9ed97c950c330a5b")


def test_one_look_processes_a_bounded_number_of_files_oldest_first(box: Inbox) -> None:
    order = list(range(MAX_FILES + 3))
    random.Random(0).shuffle(order)
    for number in order:
        os.utime(put(box, f"{number}.txt", b"text"), (1_000 + number, 1_000 + number))
    look = look_twice(box)
    assert [line.split("'")[1] for line in look.rejected] == [f"{number}.txt" for number in range(MAX_FILES)]
    assert look.waiting == 3
    assert len(box.look(look.cursor, ()).rejected) == 3


def test_a_look_out_of_time_still_processes_a_file(box: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MAX_SECONDS", -1.0)
    for seed in range(2):
        put(box, f"{seed}.png", noise(seed))
    look = look_twice(box)
    assert counts(look) == (1, 0, 1)
    assert counts(box.look(look.cursor, ())) == (1, 0, 0)


@pytest.mark.parametrize("cursor", ["", "{", "[]", "null", '{"seen": 3}', '{"seen": [[]]}', "another sensor's"])
def test_an_unreadable_cursor_counts_as_none(cursor: str, box: Inbox) -> None:
    put(box, "a.png", noise())
    assert counts(box.look(cursor, ())) == (0, 0, 1)


def test_a_cursor_stays_small(box: Inbox) -> None:
    for number in range(inbox.MAX_WAITING + 100):
        put(box, f"{number}.txt", b"")
    cursor = box.look(None, ()).cursor
    assert len(cursor) < 20_000
    assert len(json.loads(cursor)["seen"]) == inbox.MAX_WAITING


def test_an_interrupted_rejection_is_completed_by_the_next_look(box: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    put(box, "bad.png", b"text")
    cursor = box.look(None, ()).cursor
    with monkeypatch.context() as patch:
        patch.delattr(Path, "rename")
        with pytest.raises(AttributeError):
            box.look(cursor, ())
    assert left(box) == ["bad.png"]
    assert len(box.look(cursor, ()).rejected) == 1
    assert left(box) == []


@pytest.mark.parametrize(
    ("name", "stem"), [("IMG 2026.jpeg", "IMG-2026"), ("Überraschung!.png", "Uberraschung"), ("数字.png", "picture")]
)
def test_a_key_has_only_letters_digits_and_hyphens(name: str, stem: str) -> None:
    assert make_key(name, "0" * 16) == f"{stem}-{'0' * 16}"


# The sensor


@pytest.fixture(scope="module")
def shared_instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance on disk, which sensors need to resolve partitions."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as instance:
        yield instance


@pytest.fixture
def instance(shared_instance: dg.DagsterInstance) -> Iterator[dg.DagsterInstance]:
    """The same without runs and partitions."""
    yield shared_instance
    for run_id in shared_instance.get_run_ids():
        shared_instance.delete_run(run_id)
    for key in shared_instance.get_dynamic_partitions(PARTITIONS):
        shared_instance.delete_dynamic_partition(PARTITIONS, key)


def tick(
    instance: dg.DagsterInstance, cursor: str | None = None, *, is_lost: bool = False
) -> tuple[list[str], dg.SensorExecutionData]:
    """Evaluate the sensor; return the keys that it requests. The partitions are added unless the tick is lost."""
    with dg.SensorEvaluationContext(
        instance.get_ref(), None, None, cursor, None, repository_def=defs.get_repository_def()
    ) as context:
        data = inbox_sensor.evaluate_tick(context)
    for request in [] if is_lost else data.dynamic_partitions_requests or []:
        instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
    return [str(request.partition_key) for request in data.run_requests or []], data


def tick_twice(instance: dg.DagsterInstance) -> tuple[list[str], dg.SensorExecutionData]:
    return tick(instance, tick(instance)[1].cursor)


def start(instance: dg.DagsterInstance, key: str) -> dg.DagsterRun:
    return instance.create_run_for_job(defs.resolve_job_def(inbox_job.name), tags={PARTITION_TAG: key})


def test_the_sensor_requests_a_bounded_number_of_runs_oldest_first(box: Inbox, instance: dg.DagsterInstance) -> None:
    for seed in range(MAX_RUNS + 2):
        os.utime(put(box, f"{seed}.png", noise(seed)), (1_000 + seed, 1_000 + seed))
    assert tick(instance)[0] == []
    first, data = tick_twice(instance)
    assert len(first) == MAX_RUNS
    assert sorted(first) == sorted(instance.get_dynamic_partitions(PARTITIONS))
    assert [request.run_key for request in data.run_requests or []] == [f"{key}:0" for key in first]
    for key in first:
        start(instance, key)
    second = tick(instance, data.cursor)[0]
    assert [key[0] for key in first + second] == [str(seed) for seed in range(MAX_RUNS + 2)]
    for key in second:
        start(instance, key)
    assert [tick(instance, cursor)[0] for cursor in (data.cursor, None, "nonsense")] == [[], [], []]


def test_the_requests_of_a_tick_that_was_lost_are_repeated(box: Inbox, instance: dg.DagsterInstance) -> None:
    put(box, "a.png", noise())
    cursor = tick(instance)[1].cursor
    first = tick(instance, cursor, is_lost=True)[0]  # neither the partition nor the run is created
    second = tick(instance, cursor)[0]  # only the partition is created
    assert first == second == tick(instance, None)[0]
    assert len(first) == 1


def test_a_picture_whose_run_was_killed_is_requested_again_a_few_times(
    box: Inbox, instance: dg.DagsterInstance
) -> None:
    put(box, "a.png", noise())
    (key,) = tick_twice(instance)[0]
    for attempt in range(1, MAX_ATTEMPTS + 1):
        instance.report_run_failed(start(instance, key), "killed")
        keys, data = tick(instance)
        assert keys == ([key] if attempt < MAX_ATTEMPTS else [])
        assert [request.run_key for request in data.run_requests or []] == [f"{key}:{attempt}" for key in keys]


def test_a_picture_whose_run_was_canceled_is_not_requested_again(box: Inbox, instance: dg.DagsterInstance) -> None:
    put(box, "a.png", noise())
    instance.report_run_canceled(start(instance, tick_twice(instance)[0][0]))
    assert tick(instance)[0] == []


def test_a_tick_reports_rejected_files(box: Inbox, instance: dg.DagsterInstance) -> None:
    put(box, "bad.png", b"")
    assert "bad.png" in str(tick_twice(instance)[1].skip_message)


def test_a_missing_inbox_is_created_or_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_INBOX", str(tmp_path / "new" / "inbox"))
    tick(instance)
    assert names(tmp_path / "new" / "inbox") == [ACCEPTED, REJECTED]
    (tmp_path / "file").touch()
    monkeypatch.setenv("MNIST_PIPELINE_INBOX", str(tmp_path / "file" / "inbox"))
    assert "Not a directory" in str(tick(instance)[1].skip_message)


# The asset


@pytest.fixture
def filled(own_copy: tuple[Path, Path]) -> tuple[Inbox, list[str]]:
    """The inbox of a finished run, and the keys of three accepted pictures."""
    box = Inbox(own_copy[1] / "inbox")
    box.directory.mkdir()
    for digit in "123":
        put(box, f"{digit}.png", picture((digit, MIDDLE)))
    return box, sorted(look_twice(box).accepted)


def execute(*keys: str) -> list[dg.ExecuteInProcessResult]:
    job = defs.resolve_job_def(inbox_job.name)
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(PARTITIONS, sorted(set(keys)))
        return [job.execute_in_process(partition_key=key, instance=instance, raise_on_error=False) for key in keys]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, list(arguments))


def stored_path(key: str) -> Path:
    return Path(str(storage.current().path(f"inbox_predictions-{key}")))


def test_the_predictions_for_a_picture_are_stored_and_shown_with_its_contact_sheet(
    filled: tuple[Inbox, list[str]],
) -> None:
    box, (key, *_) = filled
    assert execute(key)[0].success
    with dg.DagsterInstance.get() as instance:
        event = instance.get_latest_materialization_event(inbox_predictions.key)
        assert dict(inspection.verify(instance))[f"inbox_predictions-{key}"] == "ok"
    table = storage.read("inbox_predictions", key)
    ((reading,),) = storage.read("recognizer").read([box.read(key)])
    assert list(table["number"]) == [1]
    assert table["digit"][0] == reading.recognition.digit
    assert [table[side][0] for side in ("x", "y", "width", "height")] == list(reading.box)
    assert [table[f"nearest_{i}"][0] for i in (1, 2, 3)] == [near.index for near in reading.recognition.neighbors]
    assert table["looks_like_digit"].dtype == bool
    sheet = Path(
        storage.current().figure_path(storage.stored_key("inbox_predictions", key), "contact_sheet")
    ).read_bytes()
    assert PIL.Image.open(io.BytesIO(sheet)).format == "PNG"
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition == key
    metadata = event.asset_materialization.metadata
    assert str(metadata["contact_sheet"].value).startswith("![contact_sheet](data:image/png;base64,")
    assert Path(str(metadata["contact_sheet_file"].value)).read_bytes() == sheet
    assert len(metadata["predictions"].records) == 1  # type: ignore[attr-defined]


def test_a_picture_that_can_not_be_read_fails_alone_and_is_not_requested_again(
    filled: tuple[Inbox, list[str]],
) -> None:
    box, (bad, *_) = filled
    put(box, "blank.png", encoded(PIL.Image.new("L", (300, 200), 255)))
    (blank,) = look_twice(box).accepted
    box.accepted()[bad].write_bytes(b"changed")
    failed, succeeded = execute(bad, blank)
    (line,) = execution.failures(failed)  # type: ignore[arg-type]
    assert line.startswith("inbox_predictions failed: ")
    assert bad in line
    assert succeeded.success
    assert len(storage.read("inbox_predictions", blank)) == 0
    with pytest.raises(storage.StorageError, match=bad):
        storage.read("inbox_predictions", bad)
    with dg.DagsterInstance.get() as instance:
        assert bad not in tick(instance)[0]


def test_lost_and_unrecorded_predictions_are_found_by_verify_and_repaired_by_changed(
    filled: tuple[Inbox, list[str]],
) -> None:
    damaged, missing, unrecorded = filled[1]
    execute(damaged, missing)
    stored_path(damaged).write_bytes(b"damaged")
    stored_path(missing).unlink()
    storage.current().write(f"inbox_predictions-{unrecorded}", np.zeros(3))
    with pytest.raises(storage.StorageError, match="run --changed"):
        storage.read("inbox_predictions", damaged)
    verified = run("verify")
    assert verified.exit_code == 1
    assert f"inbox_predictions-{damaged} damaged: " in verified.output
    assert f"inbox_predictions-{unrecorded} not recorded" in verified.output
    repaired = run("run", "--changed")
    assert repaired.exit_code == 0, repaired.output
    lines = repaired.output.splitlines()
    assert {line.split()[1] for line in lines if line.startswith("Materializing")} == set(filled[1])
    assert run("verify").exit_code == 0


def test_lost_predictions_whose_picture_is_gone_block_no_others(filled: tuple[Inbox, list[str]]) -> None:
    box, keys = filled
    execute(*keys)
    for key in keys:
        stored_path(key).unlink()
    box.accepted()[keys[0]].unlink()
    repaired = run("run", "--changed")
    assert repaired.exit_code == 1
    assert f"Error: inbox_predictions failed: {keys[0]}" in repaired.output
    assert [len(storage.read("inbox_predictions", key)) for key in keys[1:]] == [1, 1]


def test_pruning_keeps_the_latest_runs_of_pictures(filled: tuple[Inbox, list[str]]) -> None:
    keys = filled[1]
    execute(*keys, keys[0])
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(PARTITIONS, ["tried"])
        failed = start(instance, "tried")
        instance.report_run_failed(failed)
    assert run("prune", "--keep", "0").output == "1 runs deleted\n"
    with dg.DagsterInstance.get() as instance:
        assert instance.get_materialized_partitions(inbox_predictions.key) == set(keys)
        assert instance.get_run_by_id(failed.run_id) is not None


def test_selecting_the_predictions_on_the_command_line_is_refused_in_one_line(own_copy: tuple[Path, Path]) -> None:
    result = run("run", "--select", "key:inbox_predictions")
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith("Error: inbox_predictions ")


def test_no_job_mixes_assets_with_and_without_partitions() -> None:
    for job in automation.define_jobs(None):
        resolved = defs.resolve_job_def(job.name)
        assert inbox_predictions.key not in resolved.asset_layer.executable_asset_keys, job.name
        assert resolved.partitions_def is None
    assert defs.resolve_job_def(inbox_job.name).asset_layer.executable_asset_keys == {inbox_predictions.key}
