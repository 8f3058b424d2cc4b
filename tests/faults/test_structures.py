"""Files and directories of a storage are replaced at random: commands name the problem or rebuild the value."""

import hashlib
import os
import random
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from support.drawing import MIDDLE, picture

from faults import commands
from mnist_pipeline.runtime.storage.contents import DIRECTORIES
from mnist_pipeline.runtime.storage.storage import Storage

from .test_faults import REPORT, Trial, Trials, trials  # noqa: F401  # a fixture

NUM_CASES = 44
COMMANDS = [("verify",), ("predict", "PICTURE"), ("lineage", "champion"), ("run", "--changed")]
UNPRIVILEGED = {"moment": "start", "action": "unprivileged"}
ODD_NAMES = [b"\xff", b"\x1b[2Jintact", b"two\nlines", b"n" * 250, b"-rf", b" "]


def _replace(make: Callable[[Path, Path], object], path: Path, outside: Path) -> None:
    """Replace a file or a directory by what `make` makes at its path."""
    remove(path)
    make(path, outside)


# By kind: what happens to a path; the second path is a directory outside of the storage.
DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "link to a file": partial(_replace, lambda path, outside: path.symlink_to(outside / "file")),
    "link to nowhere": partial(_replace, lambda path, outside: path.symlink_to(outside / "nowhere")),
    "loop of links": partial(_replace, lambda path, _: path.symlink_to(path.name)),
    "hard link": partial(_replace, lambda path, outside: path.hardlink_to(outside / "file")),
    "pipe": partial(_replace, lambda path, _: os.mkfifo(path)),
    "empty directory": partial(_replace, lambda path, _: path.mkdir()),
    "full directory": partial(_replace, lambda path, outside: shutil.copytree(outside, path)),
    "empty file": partial(_replace, lambda path, _: path.touch()),
    "garbage": partial(_replace, lambda path, _: path.write_bytes(random.Random(0).randbytes(3_000))),
    "sparse file": partial(_replace, lambda path, _: path.open("wb").truncate(20_000_000_000)),
    "missing": lambda path, _: remove(path),
    "no permission": lambda path, _: path.chmod(0),
    "odd name": lambda path, _: path.rename(path.with_name(os.fsdecode(ODD_NAMES[len(path.name) % 6]))),
    "link to a directory": partial(_replace, lambda path, outside: path.symlink_to(outside)),
}


def remove(path: Path) -> None:
    """Remove whatever is at a path."""
    if path.is_dir() and not path.is_symlink():
        path.chmod(0o755)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def places(storage: Path) -> list[Path]:
    """Everything in a storage but the databases of the Dagster instance; few files of each directory."""
    found = [storage / "dagster" / "dagster.yaml"]
    for top in sorted(storage.iterdir()):
        inner = sorted(top.rglob("*")) if top.is_dir() and top.name != "dagster" else []
        found += [top, *random.Random(top.name).sample(inner, min(6, len(inner)))]
    return [each for each in found if each.name != "dagster"]


def digest(directory: Path) -> str:
    """A checksum of the names, the kinds and the contents of all files in a directory."""
    sums = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        sums.update(f"{path.relative_to(directory)} {path.lstat().st_mode}".encode())
        sums.update(path.read_bytes() if path.is_file() else b"")
    return sums.hexdigest()


def cases(storage: Path) -> Sequence[tuple[str, Path]]:
    """Each kind of damage at least three times, at random places."""
    chance = random.Random(17)
    possible = {kind: places(storage) for kind in DAMAGES}
    # Users may put one of the four directories elsewhere, and link it.
    linked = [*DIRECTORIES, "inbox"]
    possible["link to a directory"] = [each for each in places(storage) if each.name not in linked]
    kinds = [kind for kind in DAMAGES for _ in range(-(-NUM_CASES // len(DAMAGES)))]
    return [(kind, chance.choice(possible[kind]).relative_to(storage)) for kind in kinds]


@pytest.mark.parametrize("kind", DAMAGES)
def test_an_odd_structure_is_named_or_rebuilt(
    kind: str,
    trials: Trials,  # noqa: F811
    undisturbed: tuple[Path, Path],
    place: Path,
) -> None:
    (place / "drawn.png").write_bytes(picture(("2", MIDDLE)))
    trials.each([case for case in cases(undisturbed[1]) if case[0] == kind], _try_out)


def _try_out(trial: Trial, case: tuple[str, Path]) -> None:
    kind, where = case
    trial.end()
    shutil.copytree(trial.undisturbed[1], trial.storage)
    outside = trial.storage.with_name(f"outside-{trial.storage.name}")
    shutil.rmtree(outside, ignore_errors=True)
    (outside / "directory").mkdir(parents=True)
    (outside / "file").write_text("not to be changed")
    before, path = digest(outside), trial.storage / where
    DAMAGES[kind](path, outside)
    ended = None
    for arguments in COMMANDS:
        arguments = tuple(each.replace("PICTURE", str(trial.storage.with_name("drawn.png"))) for each in arguments)
        fault = UNPRIVILEGED if kind == "no permission" else None
        ended = commands.start(trial.storage, trial.slices[1], *arguments, fault=fault).wait()
        assert ended.code in (0, 1), (arguments, ended)
        assert "Traceback" not in ended.output, (arguments, ended)
        if ended.code == 1:
            assert "\nError: " in f"\n{ended.output}", (arguments, ended)
        assert digest(outside) == before, (arguments, ended)
    assert ended
    trial.count("odd structures")
    if ended.code == 1:
        assert str(where) in ended.output, ended
        remove(path)
    for name in Storage(trial.storage).published.unknown_files():  # listed by `verify`, and left
        remove(trial.storage / name)
    trial.require_recovery()
