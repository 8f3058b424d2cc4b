"""Dagster's own command, `dg`, in a copy of the project: whatever a user puts into `assets/` is
loaded.
"""

import json
import os
import sys
from pathlib import Path

import pytest
from support.graph_fixtures import names
from support.servers import copy_project, ended

from assets.definitions import defs

pytestmark = pytest.mark.slow
MODULE = '''
import dagster as dg


@dg.asset
def dropped(data_mean):
    """An asset that reads an asset of the project."""
    return data_mean.max()


@dg.asset_check(asset="data_mean")
def dropped_check(data_mean):
    return dg.AssetCheckResult(passed=True)


dropped_spec = dg.AssetSpec("dropped_spec", deps=["dropped"])
dropped_job = dg.define_asset_job("dropped_job", ["dropped"])


@dg.graph_asset
def dropped_graph(data_mean):
    return dg.op(name="copy")(lambda data_mean: data_mean)(data_mean)


@dg.schedule(job=dropped_job, cron_schedule="@daily")
def dropped_schedule():
    return dg.RunRequest()


@dg.sensor(job=dropped_job)
def dropped_sensor():
    return dg.RunRequest()


@dg.observable_source_asset
def dropped_source():
    return dg.DataVersion("1")


def compute(context) -> dg.MaterializeResult:
    return dg.MaterializeResult()
'''
COMPONENT = """
type: dagster.FunctionComponent
attributes:
  execution: {fn: assets.dropped.compute}
  assets: [{key: dropped_component}]
"""


def test_whatever_is_put_into_the_package_is_loaded(tmp_path):
    project = copy_project(tmp_path)
    (project / "assets" / "dropped.py").write_text(MODULE)
    (project / "assets" / "component").mkdir()
    (project / "assets" / "component" / "defs.yaml").write_text(COMPONENT)
    # Modules of the copy come before the installed ones.
    environ = {**os.environ, "VIRTUAL_ENV": sys.prefix, "PYTHONPATH": str(project)}
    command = [Path(sys.executable).with_name("dg"), "list", "defs", "--json"]
    done = ended(command, project, environ)
    assert done.returncode == 0, done.stderr
    output = done.stdout
    assert "WARNING" not in output + done.stderr
    found = {
        kind: {each.get("name") or each["asset_key"] for each in listed if isinstance(each, dict)}
        for kind, listed in json.loads(output[output.index("{") :]).items()
    }
    new = {
        kind: {name for name in all_names if name.startswith("dropped")}
        for kind, all_names in found.items()
    }
    assert new == {
        "assets": {
            "dropped",
            "dropped_spec",
            "dropped_graph",
            "dropped_source",
            "dropped_component",
        },
        "asset_checks": {"dropped_check"},
        "jobs": {"dropped_job"},
        "schedules": {"dropped_schedule"},
        "sensors": {"dropped_sensor"},
        "resources": set(),
    }
    assert found["assets"] - new["assets"] == names(defs.resolve_asset_graph().get_all_asset_keys())
