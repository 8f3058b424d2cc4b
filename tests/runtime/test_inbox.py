"""The inbox: each picture is accepted once, other files are rejected with the reason, and nothing blocks the others."""

from __future__ import annotations

import errno
import os
import random
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import PIL.Image
import pytest
from support.drawing import MIDDLE, encoded, picture

from mnist_pipeline.runtime import inbox
from mnist_pipeline.runtime.inbox import ACCEPTED, KEY, MAX_FILES, REJECTED, Inbox, InboxError, Look
from mnist_pipeline.runtime.storage import files, storage


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


def rejected(box: Inbox) -> dict[str, Path]:
    """The rejected files by the letters of their names, without those that give the reasons."""
    found = [path for path in (box.directory / REJECTED).iterdir() if path.suffix != ".txt"]
    return {path.name.partition(".")[0].rpartition("-")[0]: path for path in found}


def reason(box: Inbox, name: str) -> str:
    return rejected(box)[name].with_suffix(".txt").read_text().removesuffix("\n")


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


def test_a_file_that_is_replaced_before_it_is_read_waits(box: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(path: Path) -> Path:
        state = path.stat()
        path.unlink()
        os.utime(put(box, path.name, b"x" * state.st_size), ns=(state.st_atime_ns, state.st_mtime_ns))
        return path

    put(box, "seven.png", noise())
    look = box.look(None, ())
    open_regular = files.open_regular
    monkeypatch.setattr(
        files, "open_regular", lambda name, directory: open_regular(replace(box.directory / name).name, directory)
    )
    assert counts(box.look(look.cursor, ())) == (0, 0, 0)  # it was replaced before it was read
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
    "too large": (lambda path: path.open("wb").truncate(inbox.MAX_BYTES + 1), "100,000,000 bytes"),
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
    assert line.endswith(reason(box, "bad"))
    assert problem in line
    assert left(box) == []
    assert os.path.lexists(rejected(box)["bad"])
    assert counts(look_twice(box)) == (0, 0, 0)


def test_a_file_that_is_too_large_is_rejected(box: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MAX_BYTES", 1_000)
    put(box, "large.png", noise())
    assert counts(look_twice(box)) == (0, 1, 0)
    assert "1,000 bytes" in reason(box, "large")


def test_a_file_that_can_not_be_moved_is_reported_once_and_left_until_it_changes(
    box: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(box, "good.png", noise(1))
    put(box, "stuck.txt", b"text")
    stuck = put(box, "stuck.png", noise())
    rename = os.rename

    def rename_unless_stuck(source: str, target: str, **directories: int) -> None:
        if source.startswith("stuck"):
            raise PermissionError(1, "Operation not permitted")
        rename(source, target, **directories)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", rename_unless_stuck)
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
        b"\x1b[31mred.png",
        b"not-\xff-utf8.png",
        "über – 数字.png".encode(),
        b"n" * 251 + b".png",
        b"no suffix",
        b"-.png",
        b"key,with=signs\\ \t.png",
    ],
)
def test_pictures_and_bad_files_may_have_any_name(name: bytes, box: Inbox) -> None:
    put(box, os.fsdecode(name), noise())
    (key,) = look_twice(box).accepted
    for content in (b"first", b"second"):
        put(box, os.fsdecode(name), content)
        (line,) = look_twice(box).rejected
        assert line.isprintable()
    assert left(box) == []
    assert len(names(box.directory / REJECTED)) == 4, "two files, each with the reason"
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("inbox", [key])
    storage.prepare(storage.stored_key("inbox_predictions", key), np.zeros(1))
    assert len(key) < 64
    assert (box.read(key).picture < 128).any()


def test_two_bad_files_of_one_name_are_both_kept(box: Inbox) -> None:
    for content in (b"first", b"second"):
        put(box, "bad.png", content)
        look_twice(box)
    found = sorted((box.directory / REJECTED).glob("*.png"))
    assert {path.read_bytes() for path in found} == {b"first", b"second"}
    assert all(path.with_suffix(".txt").read_text() for path in found)


def test_the_same_content_under_other_names_is_accepted_once(box: Inbox) -> None:
    put(box, "a.png", noise())
    (key,) = look_twice(box).accepted
    put(box, "b.png", noise())
    put(box, "a.png", noise(1))  # other content under the same name
    assert counts(look_twice(box)) == (1, 1, 0)
    assert key in reason(box, "b")
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


def test_one_look_processes_a_bounded_number_of_files_in_the_order_of_their_last_change(box: Inbox) -> None:
    order = list(range(MAX_FILES + 3))
    random.Random(0).shuffle(order)
    paths = [put(box, f"{number}.txt", b"text") for number in order]
    for path in paths:
        os.utime(path, (1_000, 1_000))  # a sender can set this time
    arrived = sorted(paths, key=lambda path: (path.stat().st_ctime_ns, path.name))
    look = look_twice(box)
    assert [line.split("'")[1] for line in look.rejected] == [path.name for path in arrived[:MAX_FILES]]
    assert look.waiting == 3
    assert len(box.look(look.cursor, ()).rejected) == 3


def test_a_look_out_of_time_still_processes_a_file(box: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MAX_SECONDS", -1.0)
    for seed in range(2):
        put(box, f"{seed}.png", noise(seed))
    look = look_twice(box)
    assert counts(look) == (1, 0, 1)
    assert counts(box.look(look.cursor, ())) == (1, 0, 0)


def test_pictures_without_digits_are_remembered_until_they_are_removed(box: Inbox) -> None:
    put(box, "blank.png", encoded(PIL.Image.new("L", (60, 60), 255)))
    put(box, "seven.png", picture(("1", MIDDLE)))
    look = look_twice(box)
    assert counts(look) == (2, 0, 0)
    assert [key[:5] for key in look.blank] == ["blank"]
    assert box.look(look.cursor, ()).blank == look.blank
    box.accepted()[look.blank[0]].unlink()
    assert box.look(look.cursor, ()).blank == []


@pytest.mark.parametrize(
    "cursor", ["", "{", "[]", "null", '{"seen": 3}', '{"seen": [[]]}', "another sensor's", "[" * 200_000]
)
def test_an_unreadable_cursor_counts_as_none(cursor: str, box: Inbox) -> None:
    put(box, "a.png", noise())
    assert counts(box.look(cursor, ())) == (0, 0, 1)


def test_an_interrupted_rejection_is_completed_by_the_next_look(box: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    put(box, "bad.png", b"text")
    cursor = box.look(None, ()).cursor
    with monkeypatch.context() as patch:
        patch.delattr(os, "rename")
        with pytest.raises(AttributeError):
            box.look(cursor, ())
    assert left(box) == ["bad.png"]
    assert len(box.look(cursor, ()).rejected) == 1
    assert left(box) == []


@pytest.mark.parametrize("name", [ACCEPTED, REJECTED])
@pytest.mark.parametrize("is_link", [True, False])
def test_nothing_is_moved_if_a_directory_is_a_link_or_a_file(
    name: str, is_link: bool, box: Inbox, tmp_path: Path
) -> None:
    outside = tmp_path / "site-packages"
    outside.mkdir()
    if is_link:
        (box.directory / name).symlink_to(outside)
    else:
        (box.directory / name).touch()
    put(box, "good.png", noise())
    put(box, "run.pth", b"import os")
    with pytest.raises(InboxError, match=str(box.directory / name)):
        look_twice(box)
    assert list(outside.iterdir()) == []
    assert {"good.png", "run.pth"} <= set(left(box))
    with pytest.raises(InboxError, match=str(box.directory / name)):
        box.read("a-9ed97c950c330a5b")


def test_a_link_that_takes_the_name_of_a_directory_during_a_look_leads_no_file_elsewhere(
    box: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    put(box, "good.png", noise())
    put(box, "bad.png", b"text")
    cursor = box.look(None, ()).cursor
    open_regular = files.open_regular

    def swap_directories(name: str, directory: int) -> object:
        for each in (ACCEPTED, REJECTED):
            if not (box.directory / each).is_symlink():
                (box.directory / each).rename(box.directory / f".{each}")
                (box.directory / each).symlink_to(outside)
        return open_regular(name, directory)

    monkeypatch.setattr(files, "open_regular", swap_directories)
    assert counts(box.look(cursor, ())) == (1, 1, 0)
    assert list(outside.iterdir()) == []
    assert len(names(box.directory / f".{ACCEPTED}")) == 1
    assert len(names(box.directory / f".{REJECTED}")) == 2


@pytest.mark.parametrize("name", ["run.pth", "sitecustomize.py", ".png/../x.pth", "a.png.PTH", "-rf", "x.so"])
def test_new_names_are_not_those_of_the_sender(name: str, box: Inbox) -> None:
    name = name.replace("/", "\\")
    put(box, name, b"import os")
    put(box, f"good-{name}", noise())
    look_twice(box)
    moved = [path.name for each in (ACCEPTED, REJECTED) for path in (box.directory / each).iterdir()]
    assert moved
    assert all(re.fullmatch(r"[A-Za-z0-9-]+-[0-9a-f]{16}(\.png|\.txt)?", each) for each in moved)


def test_files_that_keep_changing_do_not_starve_the_others(box: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MAX_WAITING", 20)
    put(box, "good.png", noise())
    accepted, cursor = 0, None
    for moment in range(3):
        for number in range(400):
            path = put(box, f"changing-{number}.png", str(moment).encode())
            os.utime(path, (1, 1))  # before the good picture
        look = box.look(cursor, ())
        accepted, cursor = accepted + len(look.accepted), look.cursor
    assert accepted == 1


def test_files_that_can_not_be_moved_do_not_starve_the_others(box: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MAX_FILES", 10)
    for number in range(100):
        put(box, f"stuck-{number}.txt", b"")
    put(box, "good.png", noise())
    move = inbox._move

    def refuse(name: str, *rest: Any) -> None:
        if name.startswith("stuck"):
            raise PermissionError(errno.EACCES, "Permission denied")
        move(name, *rest)

    monkeypatch.setattr(inbox, "_move", refuse)
    assert len(look_twice(box).accepted) == 1
