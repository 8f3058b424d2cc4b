"""What the workflows on GitHub promise: pinned actions, small installations, a tested site."""

import re
from pathlib import Path

import pytest
import yaml

GITHUB = Path(__file__).parent.parent / ".github"
FILES = sorted([*GITHUB.glob("workflows/*.yml"), *GITHUB.glob("actions/*/action.yml")])


def content(name: str) -> dict:
    return yaml.safe_load((GITHUB / "workflows" / name).read_text(encoding="utf-8"))


def action() -> dict:
    return yaml.safe_load((GITHUB / "actions/setup/action.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(GITHUB)))
def test_every_action_is_pinned_by_digest_with_its_version(file):
    uses = re.findall(r"uses: (.*)", file.read_text(encoding="utf-8"))
    assert uses
    for action in uses:
        assert action.startswith("./.github/") or re.fullmatch(
            r"[\w.-]+/[\w.-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action
        )


@pytest.mark.parametrize("name", ["nightly.yml", "site.yml", "test.yml"])
def test_every_workflow_installs_torch_without_cuda_by_uv(name):
    assert content(name)["env"] == {"UV_TORCH_BACKEND": "cpu"}
    runs = [step["run"] for step in action()["runs"]["steps"] if "run" in step]
    assert any("uv==" in run for run in runs)


def test_packages_are_kept_by_the_versions_in_constraints_txt():
    steps = action()["runs"]["steps"]
    (keys,) = (step["with"]["key"] for step in steps if "cache@" in step.get("uses", ""))
    assert "hashFiles('constraints.txt')" in keys


def test_the_site_is_deployed_only_after_the_tests_of_the_same_commit():
    site, jobs = content("site.yml"), content("test.yml")["jobs"]
    assert site[True] == {"workflow_call": None}  # YAML reads `on` as true
    assert jobs["site"]["uses"] == "./.github/workflows/site.yml"
    assert jobs["site"]["needs"] == "test"
    assert "refs/heads/main" in jobs["site"]["if"]
