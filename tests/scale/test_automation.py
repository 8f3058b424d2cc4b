"""Automation and a schedule in a project with two instances, by Dagster's own daemon.

The project has the files of docs/own-project.md.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from support.servers import unset, until
from support.shapes import write_shapes

from mnist_pipeline.runtime.project import PROJECT

PAGE = (PROJECT / "docs" / "own-project.md").read_text(encoding="utf-8")
INSTANCES = {
    "shapes": "  automation: true\n",
    "minute": '  schedule: "* * * * *"\n',
}
SCHEDULE, SENSOR = "minute_schedule", "shapes_automation"


class Shop:
    """The project in a directory, and what Dagster has recorded there."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.pictures = directory, directory / "shapes"
        package = directory / "src" / "shop"
        (package / "defs").mkdir(parents=True)
        for place in (package, package / "defs"):
            (place / "__init__.py").touch()
        (package / "definitions.py").write_text(
            "from pathlib import Path\nimport dagster as dg\n"
            "defs = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)\n"
        )
        block = '^```python title="src/(.*?executor.py)"\n(.*?)^```'
        (executor,) = re.findall(block, PAGE, re.M | re.S)
        (directory / "src" / executor[0]).write_text(executor[1])
        (directory / "pyproject.toml").write_text(
            '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "shop"\n'
        )
        home, programs = directory / ".dagster", Path(sys.executable).parent
        self.variables = unset() | {
            "DAGSTER_HOME": str(home),
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": f"{PROJECT}:{directory}/src",
        }
        (records,) = re.findall("^```sh\n(mkdir.*?)^```", PAGE, re.M | re.S)
        subprocess.run(["bash", "-euc", records], cwd=directory, env=self.variables, check=True)
        for name, attributes in INSTANCES.items():
            self.run("dg", "scaffold", "defs", "mnist_pipeline.ImageClassification", name)
            with (package / "defs" / name / "defs.yaml").open("a", encoding="utf-8") as file:
                file.write(attributes)
        self.instance = dg.DagsterInstance.from_config(str(home))

    def run(self, *command: str) -> None:
        """Run a command in the project, which must succeed."""
        subprocess.run(command, cwd=self.directory, env=self.variables, check=True)

    def runs(self, tag: str, value: str) -> list[dg.DagsterRun]:
        return list(self.instance.get_runs(dg.RunsFilter(tags={f"dagster/{tag}": value})))

    def outcomes(self, name: str) -> list[tuple[str, str | None]]:
        """Status and reason of each tick of a sensor or a schedule that has ended."""
        (state,) = [s for s in self.instance.all_instigator_state() if s.instigator_name == name]
        ticks = self.instance.get_ticks(state.instigator_origin_id, state.selector_id)
        return [(tick.status.value, tick.skip_reason) for tick in ticks if tick.is_completed]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """The project, with its daemon."""
    shop = Shop(tmp_path)
    command = ["dagster-daemon", "run", "-m", "shop.definitions"]
    daemon = subprocess.Popen(command, cwd=tmp_path, env=shop.variables)
    yield shop
    daemon.terminate()
    daemon.wait(60)
    shop.instance.dispose()


def observe(shop: Shop) -> None:
    """Observe the files, and wait until the sensor has ended two more ticks."""
    shop.run("dg", "launch", "--assets", "shapes/data_directory")
    before = len(shop.outcomes(SENSOR))
    until(lambda: len(shop.outcomes(SENSOR)) >= before + 2)


def test_new_files_run_in_two_ticks_and_ticks_during_a_run_are_skipped(shop: Shop) -> None:
    unfinished = shop.instance.create_run_for_job(
        dg.GraphDefinition("minute").to_job(), status=dg.DagsterRunStatus.STARTED
    )
    shop.run("dagster", "schedule", "start", SCHEDULE, "-m", "shop.definitions")
    shop.run("dagster", "sensor", "start", SENSOR, "-m", "shop.definitions")
    shop.run("dg", "check", "defs")
    write_shapes(shop.directory / "minute", 30)
    report = shop.directory / "storage" / "shapes" / "report" / "index.html"
    reports = set()
    until(lambda: ("SKIPPED", None) in shop.outcomes(SENSOR))  # its first tick has no changes
    until(
        lambda: (
            ("SKIPPED", f"run {unfinished.run_id} of minute is unfinished")
            in shop.outcomes(SCHEDULE)
        )
    )
    shop.instance.report_run_canceled(unfinished)
    for seed in (1, 2):
        shutil.rmtree(shop.pictures, ignore_errors=True)
        write_shapes(shop.pictures, 30, seed)
        observe(shop)
        assert len(shop.runs("sensor_name", SENSOR)) == seed
        until(lambda: all(run.is_finished for run in shop.runs("sensor_name", SENSOR)))
        reports.add(report.read_bytes())
        until(lambda: ("SKIPPED", "nothing is due") in shop.outcomes(SCHEDULE))
    assert len(reports) == 2
    observe(shop)  # the same files
    runs = [*shop.runs("sensor_name", SENSOR), *shop.runs("schedule_name", SCHEDULE)]
    assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS] * 3
