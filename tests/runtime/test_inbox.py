"""The inbox: each picture is taken once, what is none is set aside with the reason, and nothing blocks the others."""

from __future__ import annotations

import io
import json
import os
import random
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner

from assets import automation
from assets.automation import MAX_ATTEMPTS, MAX_RUNS, inbox_job, inbox_sensor
from assets.definitions import defs
from assets.serving import PICTURES, inbox_predictions
from mnist_pipeline.cli import execution, inspection
from mnist_pipeline.cli import main as cli
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.recognition.pictures import ImageError
from mnist_pipeline.runtime import inbox
from mnist_pipeline.runtime.graph.records import PARTITION_TAG
from mnist_pipeline.runtime.inbox import ACCEPTED, KEY, MAX_FILES, REJECTED, Inbox, InboxError, Look, key_of
from mnist_pipeline.runtime.storage import files, storage

Draw = Callable[[int], bytes]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An inbox, which the environment names."""
    path = tmp_path / "inbox"
    path.mkdir()
    monkeypatch.setenv("MNIST_PIPELINE_INBOX", str(path))
    return path


@pytest.fixture(scope="module")
def one_instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance on disk, as sensors need it to resolve partitions; it takes a second to make."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as instance:
        yield instance


@pytest.fixture
def instance(one_instance: dg.DagsterInstance) -> Iterator[dg.DagsterInstance]:
    """The same, with neither runs nor partitions."""
    yield one_instance
    for run_id in one_instance.get_run_ids():
        one_instance.delete_run(run_id)
    for key in one_instance.get_dynamic_partitions(str(PICTURES.name)):
        one_instance.delete_dynamic_partition(str(PICTURES.name), key)


@pytest.fixture
def draw(small_test: DigitSet) -> Draw:
    """A photograph of a test digit, as PNG."""

    def drawn(index: int) -> bytes:
        enlarged = PIL.Image.fromarray(255 - small_test.images[index]).resize((140, 140), PIL.Image.Resampling.BICUBIC)
        return _encoded(enlarged, "png")

    return drawn


def _encoded(picture: PIL.Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form)
    return buffer.getvalue()


def huge_png() -> bytes:
    """A few bytes that announce 30,000 × 30,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def look_twice(directory: Path, known: tuple[str, ...] = ()) -> Look:
    """What the second of two looks finds, at which all that lay there at the first is at rest."""
    return Inbox(directory).look(Inbox(directory).look(None, known).cursor, known)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def left(directory: Path) -> list[str]:
    """What is neither accepted nor rejected."""
    return [name for name in names(directory) if name not in (ACCEPTED, REJECTED)]


def reason(directory: Path, name: str) -> str:
    text = (directory / REJECTED / f"{name}.txt").read_text()
    assert text.endswith("\n")
    assert text[:-1].isprintable()
    return text


def test_a_picture_is_accepted_at_the_second_look(directory: Path, draw: Draw) -> None:
    (directory / "My seven.PNG").write_bytes(draw(0))
    first = Inbox(directory).look(None, ())
    assert (first.accepted, first.set_aside, first.waiting) == ([], [], 1)
    second = Inbox(directory).look(first.cursor, ())
    (key,) = second.accepted
    assert key.startswith("My-seven-")
    assert KEY.fullmatch(key)
    assert left(directory) == []
    assert (directory / ACCEPTED / f"{key}.png").read_bytes() == draw(0)


def test_a_file_that_is_still_being_written_is_waited_for(directory: Path, draw: Draw) -> None:
    content, path = draw(0), directory / "seven.png"
    cursor = None
    with path.open("wb") as file:
        for part in (content[:50], content[50:90], content[90:]):
            file.write(part)
            file.flush()
            look = Inbox(directory).look(cursor, ())
            assert (look.accepted, look.set_aside, look.waiting) == ([], [], 1)
            cursor = look.cursor
    assert len(Inbox(directory).look(cursor, ()).accepted) == 1


def test_a_file_that_was_replaced_by_one_of_the_same_size_and_time_is_waited_for(directory: Path, draw: Draw) -> None:
    path = directory / "seven.png"
    path.write_bytes(draw(0))
    state = path.stat()
    cursor = Inbox(directory).look(None, ()).cursor
    path.unlink()
    path.write_bytes(b"x" * state.st_size)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    look = Inbox(directory).look(cursor, ())
    assert (look.accepted, look.set_aside, look.waiting) == ([], [], 1)


@pytest.mark.parametrize("name", [".seven.png", "seven.png.part", "seven.PNG.crdownload", "seven.tmp"])
def test_what_a_program_has_not_finished_by_its_name_is_left_alone(name: str, directory: Path, draw: Draw) -> None:
    (directory / name).write_bytes(draw(0))
    look = look_twice(directory)
    assert (look.accepted, look.set_aside, look.waiting) == ([], [], 0)
    assert left(directory) == [name]


def _text(path: Path) -> None:
    path.write_text("Dear inbox,\n")


def _truncated(path: Path) -> None:
    noise = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8))
    path.write_bytes(_encoded(noise, "jpeg")[:-2_000])


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def _link(path: Path) -> None:
    (path.parent.parent / "secret.txt").write_text("not to be read")
    path.symlink_to(path.parent.parent / "secret.txt")


def _directory(path: Path) -> None:
    path.mkdir()
    (path / "seven.png").write_text("within")


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (Path.touch, "empty"),
    "text": (_text, "is not a PNG"),
    "truncated JPEG": (_truncated, "cut off"),
    "30,000 x 30,000 pixels": (lambda path: path.write_bytes(huge_png()), "more than 50 megapixels"),
    "a directory": (_directory, "can't be read (Is a directory)"),
    "a link out of the inbox": (_link, "can't be read (it is a link)"),
    "a link that leads nowhere": (lambda path: path.symlink_to("nowhere"), "can't be read (it is a link)"),
    "a pipe": (os.mkfifo, "can't be read (it is not a file)"),
    "a socket": (_socket, "can't be read"),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_picture_is_set_aside_with_the_reason_and_blocks_nothing(
    bad: str, directory: Path, draw: Draw
) -> None:
    make, told = BAD[bad]
    make(directory / "bad.png")
    os.utime(directory / "bad.png", (0, 0), follow_symlinks=False)  # the oldest: its turn comes first
    (directory / "good.png").write_bytes(draw(0))
    look = look_twice(directory)
    assert [key.startswith("good-") for key in look.accepted] == [True]
    (line,) = look.set_aside
    assert line.startswith("'bad.png' was set aside: ")
    assert told in line
    assert line.isprintable()
    assert reason(directory, "bad.png") == line.partition("aside: ")[2] + "\n"
    assert left(directory) == []
    assert os.path.lexists(directory / REJECTED / "bad.png")
    again = look_twice(directory)
    assert (again.accepted, again.set_aside, again.waiting) == ([], [], 0)


def test_a_link_is_moved_and_not_what_it_leads_to(directory: Path) -> None:
    _link(directory / "bad.png")
    look_twice(directory)
    assert (directory / REJECTED / "bad.png").is_symlink()
    assert (directory.parent / "secret.txt").read_text() == "not to be read"


def test_a_file_that_may_not_be_read_is_set_aside(directory: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "bad.png").write_bytes(draw(0))
    (directory / "good.png").write_bytes(draw(1))

    def opened(path: str, flags: int) -> int:
        if Path(path).name == "bad.png":
            raise PermissionError(13, "Permission denied", path)
        return os.open(path, flags)

    monkeypatch.setattr(files, "_open_without_following", opened)
    look = look_twice(directory)
    assert len(look.accepted) == 1
    assert "can't be read (Permission denied)" in reason(directory, "bad.png")


def test_a_file_that_is_too_large_is_set_aside_unread(
    directory: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MAX_BYTES", 100)
    (directory / "bad.png").write_bytes(draw(0))
    look_twice(directory)
    assert "more than 100 bytes" in reason(directory, "bad.png")


def test_what_can_not_be_moved_is_told_once_and_left_until_it_changes(
    directory: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index, name in enumerate(("stuck.png", "stuck.txt", "good.png")):
        (directory / name).write_bytes(draw(index) if name.endswith("png") else b"text")
    rename = Path.rename

    def renamed(self: Path, target: Path) -> Path:
        if self.name.startswith("stuck"):
            raise PermissionError(1, "Operation not permitted")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renamed)
    look = look_twice(directory)
    assert len(look.accepted) == 1
    assert len(look.set_aside) == 2
    assert all("can't be moved (Operation not permitted)" in line for line in look.set_aside)
    assert names(directory / REJECTED) == []
    again = Inbox(directory).look(look.cursor, ())
    assert (again.accepted, again.set_aside, again.waiting) == ([], [], 0)
    monkeypatch.undo()
    monkeypatch.setenv("MNIST_PIPELINE_INBOX", str(directory))
    os.utime(directory / "stuck.png")
    cursor = Inbox(directory).look(again.cursor, ()).cursor
    assert len(Inbox(directory).look(cursor, ()).accepted) == 1


NAMES = [
    b"two\nlines.png",
    b"\x1b[31mred.png",
    b"not-\xff-utf8.png",
    "über – 数字.png".encode(),
    b"n" * 251 + b".png",
    "数".encode() * 85,
    b"no suffix",
    b"dots...png",
    b"-.png",
    b"a.tar.gz/".rstrip(b"/"),
    b"key,with=signs\\ \t.png",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_gives_a_key_that_dagster_and_storage_take(name: bytes, directory: Path, draw: Draw) -> None:
    (directory / os.fsdecode(name)).write_bytes(draw(0))
    (key,) = look_twice(directory).accepted
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(PICTURES.name), [key])
    storage.prepare(storage.stored_key("inbox_predictions", key), np.zeros(1))
    assert len(key) < 64
    assert (Inbox(directory).read(key) < 128).any()


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_file_of_any_name_is_set_aside(name: bytes, directory: Path) -> None:
    (directory / os.fsdecode(name)).write_bytes(b"text")
    (line,) = look_twice(directory).set_aside
    assert line.isprintable()
    assert left(directory) == []
    assert len(names(directory / REJECTED)) == 2


def test_two_bad_files_of_one_name_are_both_kept(directory: Path) -> None:
    for content in (b"first", b"second"):
        (directory / "bad.png").write_bytes(content)
        look_twice(directory)
    assert (directory / REJECTED / "bad.png").read_bytes() == b"first"
    assert (directory / REJECTED / "bad.png~2").read_bytes() == b"second"
    assert reason(directory, "bad.png~2")


def test_the_same_content_under_two_names_is_accepted_once(directory: Path, draw: Draw) -> None:
    (directory / "a.png").write_bytes(draw(0))
    (directory / "b.png").write_bytes(draw(0))
    look = look_twice(directory)
    (key,) = look.accepted
    assert key.startswith("a-")
    assert f"the same content as {key}" in reason(directory, "b.png")
    (directory / "c.png").write_bytes(draw(0))
    assert look_twice(directory).accepted == []
    assert f"the same content as {key}" in reason(directory, "c.png")


def test_two_pictures_under_one_name_are_both_accepted(directory: Path, draw: Draw) -> None:
    for index in (0, 1):
        (directory / "photo.png").write_bytes(draw(index))
        assert len(look_twice(directory).accepted) == 1
    assert len(Inbox(directory).accepted()) == 2


def test_a_picture_that_was_taken_away_after_it_was_accepted_is_put_back_under_its_key(
    directory: Path, draw: Draw
) -> None:
    (directory / "a.png").write_bytes(draw(0))
    (key,) = look_twice(directory).accepted
    Inbox(directory).accepted()[key].unlink()
    with pytest.raises(InboxError, match=f"{key} is no longer in .*; put the picture into .* again"):
        Inbox(directory).read(key)
    (directory / "b.png").write_bytes(draw(0))
    assert look_twice(directory, (key,)).accepted == [key]
    Inbox(directory).read(key)


def test_a_picture_that_changed_after_it_was_accepted_is_not_read(directory: Path, draw: Draw) -> None:
    (directory / "a.png").write_bytes(draw(0))
    (key,) = look_twice(directory).accepted
    path = Inbox(directory).accepted()[key]
    path.write_bytes(draw(1))
    with pytest.raises(InboxError, match="is not what was accepted"):
        Inbox(directory).read(key)
    path.unlink()
    path.symlink_to(directory)
    with pytest.raises(InboxError, match="it is a link"):
        Inbox(directory).read(key)


def test_one_look_judges_a_bounded_number_of_files_the_oldest_first(directory: Path) -> None:
    order = list(range(MAX_FILES + 3))
    random.Random(0).shuffle(order)
    for number in order:
        (directory / f"{number}.txt").write_text("text")
        os.utime(directory / f"{number}.txt", (1_000 + number, 1_000 + number))
    look = look_twice(directory)
    assert [line.split("'")[1] for line in look.set_aside] == [f"{number}.txt" for number in range(MAX_FILES)]
    assert look.waiting == 3
    assert len(Inbox(directory).look(look.cursor, ()).set_aside) == 3


def test_a_look_ends_in_time_and_still_goes_on(directory: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MAX_SECONDS", -1.0)
    for index in range(3):
        (directory / f"{index}.png").write_bytes(draw(index))
    cursor, accepted = None, []
    for _ in range(4):
        look = Inbox(directory).look(cursor, ())
        cursor = look.cursor
        accepted.append(len(look.accepted))
    assert accepted == [0, 1, 1, 1]


@pytest.mark.parametrize("cursor", ["", "{", "[]", "null", '{"seen": 3}', '{"seen": [[]]}', "another sensor's"])
def test_a_cursor_that_is_none_of_ours_is_as_none(cursor: str, directory: Path, draw: Draw) -> None:
    (directory / "a.png").write_bytes(draw(0))
    look = Inbox(directory).look(cursor, ())
    assert (look.accepted, look.waiting) == ([], 1)


def test_an_interrupted_setting_aside_is_done_at_the_next_look(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory / "bad.png").write_bytes(b"text")
    cursor = Inbox(directory).look(None, ()).cursor
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", _killed)
        with pytest.raises(SystemExit):
            Inbox(directory).look(cursor, ())
    assert left(directory) == ["bad.png"]
    assert len(Inbox(directory).look(cursor, ()).set_aside) == 1
    assert left(directory) == []


def _killed(*_: object) -> None:
    raise SystemExit


def test_the_key_of_a_picture_is_plain() -> None:
    assert key_of("IMG 2026.jpeg", "0" * 16) == "IMG-2026-0000000000000000"
    assert key_of("Überraschung!.png", "0" * 16) == "Uberraschung-0000000000000000"
    assert key_of("数字.png", "0" * 16) == "picture-0000000000000000"


# The sensor


def tick(
    instance: dg.DagsterInstance, cursor: str | None = None, *, lost: bool = False
) -> tuple[list[str], str | None, dg.SensorExecutionData]:
    """One evaluation of the sensor; what it asks for is added to the instance, unless it is lost on the way."""
    with dg.SensorEvaluationContext(
        instance.get_ref(), None, None, cursor, None, repository_def=defs.get_repository_def()
    ) as context:
        data = inbox_sensor.evaluate_tick(context)
    if not lost:
        for request in data.dynamic_partitions_requests or []:
            instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
    return [str(request.partition_key) for request in data.run_requests or []], data.cursor, data


def started(instance: dg.DagsterInstance, key: str) -> dg.DagsterRun:
    return instance.create_run_for_job(defs.resolve_job_def(inbox_job.name), tags={PARTITION_TAG: key})


def test_the_sensor_asks_for_one_run_for_each_picture(
    directory: Path, draw: Draw, instance: dg.DagsterInstance
) -> None:
    for index in (0, 1):
        (directory / f"{index}.png").write_bytes(draw(index))
    keys, cursor, data = tick(instance)
    assert keys == []
    assert data.skip_message == "2 files are waited for"
    keys, cursor, data = tick(instance, cursor)
    assert sorted(keys) == sorted(instance.get_dynamic_partitions(str(PICTURES.name)))
    assert len(set(keys)) == 2
    assert [request.run_key for request in data.run_requests or []] == [f"{key}:0" for key in keys]
    assert all(request.job_name in (None, inbox_job.name) for request in data.run_requests or [])
    for key in keys:
        started(instance, key)
    for known in (cursor, None, "nonsense"):
        assert tick(instance, known)[0] == []
    assert tick(instance, cursor)[2].skip_message == "nothing new in the inbox"


def test_what_was_asked_for_in_a_tick_that_was_lost_is_asked_for_again(
    directory: Path, draw: Draw, instance: dg.DagsterInstance
) -> None:
    (directory / "a.png").write_bytes(draw(0))
    _, cursor, _ = tick(instance)
    first = tick(instance, cursor, lost=True)[0]  # neither partition nor run came to be
    second = tick(instance, cursor)[0]  # the partition came to be, the run did not
    assert first == second == tick(instance, None)[0]
    assert len(first) == 1


def test_a_picture_whose_run_was_killed_is_asked_for_again_a_few_times(
    directory: Path, draw: Draw, instance: dg.DagsterInstance
) -> None:
    (directory / "a.png").write_bytes(draw(0))
    (key,), _, _ = tick(instance, tick(instance)[1])
    for attempt in range(1, MAX_ATTEMPTS + 1):
        instance.report_run_failed(started(instance, key), "killed")
        keys, _, data = tick(instance)
        assert keys == ([key] if attempt < MAX_ATTEMPTS else [])
        assert [request.run_key for request in data.run_requests or []] == [f"{key}:{attempt}" for key in keys]


def test_a_run_that_was_canceled_is_not_asked_for_again(
    directory: Path, draw: Draw, instance: dg.DagsterInstance
) -> None:
    (directory / "a.png").write_bytes(draw(0))
    (key,), _, _ = tick(instance, tick(instance)[1])
    instance.report_run_canceled(started(instance, key))
    assert tick(instance)[0] == []


def test_the_number_of_runs_that_a_tick_asks_for_is_bounded_and_none_is_forgotten(
    directory: Path, draw: Draw, instance: dg.DagsterInstance
) -> None:
    for index in range(MAX_RUNS + 2):
        (directory / f"{index}.png").write_bytes(draw(index))
        os.utime(directory / f"{index}.png", (1_000 + index, 1_000 + index))
    first, cursor, _ = tick(instance, tick(instance)[1])
    for key in first:
        started(instance, key)
    second, _, _ = tick(instance, cursor)
    assert [key[0] for key in first + second] == [str(index) for index in range(MAX_RUNS + 2)]
    assert len(first) == MAX_RUNS


def test_the_tick_tells_what_was_set_aside(directory: Path, instance: dg.DagsterInstance) -> None:
    (directory / "bad.png").write_bytes(b"")
    assert "'bad.png' was set aside: the picture: is empty" in str(tick(instance, tick(instance)[1])[2].skip_message)


def test_an_inbox_that_does_not_exist_yet_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_INBOX", str(tmp_path / "new" / "inbox"))
    tick(instance)
    assert names(tmp_path / "new" / "inbox") == [ACCEPTED, REJECTED]


def test_an_inbox_that_can_not_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MNIST_PIPELINE_INBOX", str(tmp_path / "file" / "inbox"))
    message = str(tick(instance)[2].skip_message)
    assert "inbox' can't be looked into: Not a directory" in message


def test_a_tick_over_thousands_of_pictures_is_quick(
    directory: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick(instance)
    for number in range(2_000):
        (directory / ACCEPTED / f"old-{number:016x}.png").touch()
    monkeypatch.setattr(
        type(instance), "get_materialized_partitions", lambda *_, **__: set(Inbox(directory).accepted())
    )
    start = time.process_time()
    assert tick(instance)[0] == []
    assert time.process_time() - start < 2


# The asset


def drop(directory: Path, content: bytes, name: str = "a.png") -> str:
    """Put a picture in, and have it accepted."""
    (directory / name).write_bytes(content)
    (key,) = look_twice(directory).accepted
    return key


def execute(instance: dg.DagsterInstance, key: str) -> dg.ExecuteInProcessResult:
    instance.add_dynamic_partitions(str(PICTURES.name), [key])
    job = defs.resolve_job_def(inbox_job.name)
    return job.execute_in_process(partition_key=key, instance=instance, raise_on_error=False)


def test_what_is_said_of_a_picture_is_stored_with_its_contact_sheet_and_shown(
    own_copy: tuple[Path, Path], draw: Draw
) -> None:
    directory = own_copy[1] / "inbox"
    directory.mkdir()
    key = drop(directory, draw(0))
    with dg.DagsterInstance.get() as instance:
        assert execute(instance, key).success
        event = instance.get_latest_materialization_event(inbox_predictions.key)
        rows = dict(inspection.verify(instance))
    table = storage.read("inbox_predictions", key)
    assert list(table["number"]) == [1]
    ((said,),) = storage.read("recognizer").read([Inbox(directory).read(key)])
    assert table["digit"][0] == said.recognition.digit
    assert [table[side][0] for side in ("x", "y", "width", "height")] == list(said.box)
    assert [table[f"nearest_{i}"][0] for i in (1, 2, 3)] == [near.index for near in said.recognition.neighbors]
    assert table["looks_like_digit"].dtype == bool
    sheet = storage.current().read_figure(storage.stored_key("inbox_predictions", key), "contact_sheet")
    assert PIL.Image.open(io.BytesIO(sheet)).format == "PNG"
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition == key
    metadata = event.asset_materialization.metadata
    assert str(metadata["contact_sheet"].value).startswith("![contact_sheet](data:image/png;base64,")
    assert Path(str(metadata["contact_sheet_file"].value)).read_bytes() == sheet
    assert len(metadata["predictions"].records) == 1  # type: ignore[union-attr]
    assert rows[f"inbox_predictions-{key}"] == "ok"


def test_a_picture_without_a_digit_gives_an_empty_table(own_copy: tuple[Path, Path]) -> None:
    directory = own_copy[1] / "inbox"
    directory.mkdir()
    key = drop(directory, _encoded(PIL.Image.new("L", (300, 200), 255), "png"))
    with dg.DagsterInstance.get() as instance:
        assert execute(instance, key).success
    assert len(storage.read("inbox_predictions", key)) == 0


def test_a_picture_that_fails_in_its_step_fails_alone_with_one_line_and_is_not_asked_for_again(
    own_copy: tuple[Path, Path], draw: Draw
) -> None:
    directory = own_copy[1] / "inbox"
    directory.mkdir()
    bad, good = drop(directory, draw(0), "bad.png"), drop(directory, draw(1), "good.png")
    Inbox(directory).accepted()[bad].write_bytes(b"changed")
    with dg.DagsterInstance.get() as instance:
        failed, succeeded = execute(instance, bad), execute(instance, good)
        (line,) = execution.failures(failed)  # type: ignore[arg-type]
        assert tick(instance)[0] == []
    assert succeeded.success
    assert line.startswith(f"inbox_predictions failed: {Inbox(directory).accepted()[bad]} is not what was accepted")
    assert storage.read("inbox_predictions", good) is not None
    with pytest.raises(storage.StorageError, match=f"inbox_predictions-{bad} is not stored"):
        storage.read("inbox_predictions", bad)


def test_a_lost_partition_is_told_by_verify_and_mended_by_changed(own_copy: tuple[Path, Path], draw: Draw) -> None:
    directory = own_copy[1] / "inbox"
    directory.mkdir()
    keys = [drop(directory, draw(index), f"{index}.png") for index in range(3)]
    with dg.DagsterInstance.get() as instance:
        for key in keys:
            assert execute(instance, key).success
    paths = [Path(str(storage.current().path(f"inbox_predictions-{key}"))) for key in keys]
    paths[0].write_bytes(b"damaged")
    paths[1].unlink()
    with pytest.raises(storage.StorageError, match=r"is damaged: .*rebuild it with mnist-pipeline run --changed"):
        storage.read("inbox_predictions", keys[0])
    verified = _run("verify")
    assert verified.exit_code == 1
    assert f"inbox_predictions-{keys[0]} damaged: " in verified.output
    mended = _run("run", "--changed")
    assert mended.exit_code == 0, mended.output
    assert [line.split()[1] for line in mended.output.splitlines() if line.startswith("Materializing")] == sorted(
        keys[:2]
    )
    assert "Everything is in sync." in mended.output
    assert _run("verify").exit_code == 0


def test_a_lost_partition_whose_picture_is_gone_is_told_and_holds_up_no_other(
    own_copy: tuple[Path, Path], draw: Draw
) -> None:
    directory = own_copy[1] / "inbox"
    directory.mkdir()
    keys = sorted(drop(directory, draw(index), f"{index}.png") for index in range(2))
    with dg.DagsterInstance.get() as instance:
        for key in keys:
            assert execute(instance, key).success
            Path(str(storage.current().path(f"inbox_predictions-{key}"))).unlink()
    Inbox(directory).accepted()[keys[0]].unlink()
    mended = _run("run", "--changed")
    assert mended.exit_code == 1
    assert f"Error: inbox_predictions failed: {keys[0]} is no longer in" in mended.output
    assert len(storage.read("inbox_predictions", keys[1])) == 1


def test_what_a_killed_run_stored_and_dagster_did_not_record_is_told_and_mended(
    own_copy: tuple[Path, Path], draw: Draw
) -> None:
    directory = own_copy[1] / "inbox"
    directory.mkdir()
    key = drop(directory, draw(0))
    storage.current().write(f"inbox_predictions-{key}", np.zeros(3))
    assert f"inbox_predictions-{key} not recorded" in _run("verify").output
    assert _run("run", "--changed").exit_code == 0
    assert _run("verify").exit_code == 0


def test_pruning_leaves_the_runs_that_pictures_were_said_by(own_copy: tuple[Path, Path], draw: Draw) -> None:
    directory = own_copy[1] / "inbox"
    directory.mkdir()
    keys = [drop(directory, draw(index), f"{index}.png") for index in range(2)]
    with dg.DagsterInstance.get() as instance:
        for key in (*keys, keys[0]):
            assert execute(instance, key).success
        instance.add_dynamic_partitions(str(PICTURES.name), ["tried"])
        failed = started(instance, "tried")
        instance.report_run_failed(failed)
    assert _run("prune", "--keep", "0").output == "1 runs deleted\n"
    with dg.DagsterInstance.get() as instance:
        assert instance.get_materialized_partitions(inbox_predictions.key) == set(keys)
        assert instance.get_run_by_id(failed.run_id) is not None


def test_selecting_the_predictions_on_the_command_line_says_where_they_come_from(own_copy: tuple[Path, Path]) -> None:
    result = _run("run", "--select", "key:inbox_predictions")
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith("Error: inbox_predictions is made picture by picture: put one into ")


def _run(*arguments: str):  # type: ignore[no-untyped-def]
    return CliRunner().invoke(cli.main, list(arguments))


def test_no_job_of_assets_without_partitions_contains_one_with_partitions() -> None:
    for job in (automation.everything, *automation.group_jobs):
        resolved = defs.resolve_job_def(job.name)
        assert inbox_predictions.key not in resolved.asset_layer.executable_asset_keys, job.name
        assert resolved.partitions_def is None
    assert defs.resolve_job_def(inbox_job.name).asset_layer.executable_asset_keys == {inbox_predictions.key}


def test_reading_what_can_not_be_decoded_is_an_error_of_images(directory: Path, draw: Draw) -> None:
    (directory / ACCEPTED).mkdir()
    content = b"no picture"
    key = key_of("a.png", inbox._checksum(content))
    (directory / ACCEPTED / f"{key}.png").write_bytes(content)
    with pytest.raises(ImageError):
        Inbox(directory).read(key)


def test_a_cursor_stays_small(directory: Path) -> None:
    for number in range(inbox.MAX_WAITING + 100):
        (directory / f"{number}.txt").touch()
    look = Inbox(directory).look(None, ())
    assert len(look.cursor) < 20_000
    assert len(json.loads(look.cursor)["seen"]) == inbox.MAX_WAITING
