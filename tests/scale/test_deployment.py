"""The deployment of `deploy/compose.yaml`, without Docker: three processes with its environment, over PostgreSQL."""

import contextlib
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from support.messages import Webhook, webhook
from support.served import Client
from support.servers import Server, free_port, variables

from mnist_pipeline.runtime.passwords import hash_password
from mnist_pipeline.runtime.settings import PROJECT
from mnist_pipeline.runtime.storage.storage import Storage

COMPOSE = yaml.safe_load((PROJECT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
IMAGE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
OWN = ("code", "daemon", "web")  # in the order in which they start
PASSWORD = "twelve characters"
PATIENCE_SECONDS = 240
ENDED = ("SUCCESS", "FAILURE", "CANCELED")
SELECTOR = 'repositoryName: "__repository__", repositoryLocationName: "mnist-pipeline"'
LAUNCH = """mutation {{ launchRun(executionParams: {{
  selector: {{{selector}, jobName: "{job}"}}, runConfigData: {config}
}}) {{ __typename ... on LaunchRunSuccess {{ run {{ runId }} }} }} }}"""
SENSOR = """mutation {{ startSensor(sensorSelector: {{{selector}, sensorName: "alerts"}}) {{ __typename }} }}"""
TICKS = """{{ sensorOrError(sensorSelector: {{{selector}, sensorName: "alerts"}}) {{
  ... on Sensor {{ sensorState {{ status ticks(limit: 1) {{ status }} }} }} }} }}"""
RUNS = "{ runsOrError { ... on Runs { results { runId status } } } }"


class Deployment(NamedTuple):
    """What differs from the compose file on this machine: ports, the volume, and values of the .env file."""

    volume: Path
    values: Mapping[str, str]
    code: int
    web: int

    def here(self, text: str) -> str:
        """A word of the compose file or the Dockerfile on this machine."""
        text = re.sub(r"\$\{(\w+)(?::-(.*?))?\}", lambda found: self.values.get(found[1], found[2] or ""), text)
        text = text.replace("code:4000", f"127.0.0.1:{self.code}").replace("/data", str(self.volume))
        return {"4000": str(self.code), "3000": str(self.web)}.get(text, text)

    def environment(self, service: str) -> dict[str, str]:
        """The variables of the Dockerfile and of a service."""
        (image,) = re.findall(r"^ENV ((?:.*\\\n)*.*)", IMAGE, re.MULTILINE)
        of_image = dict(each.split("=") for each in image.replace("\\\n", "").split())
        own = of_image | COMPOSE["services"][service]["environment"]
        scheme = own["MNIST_PIPELINE_DATABASE"].partition("://")[0]
        own["MNIST_PIPELINE_DATABASE"] = f"{scheme}://{self.values['DATABASE'].partition('://')[2]}"
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        data = Path(self.values["MNIST_PIPELINE_DATA"])
        return (
            variables(data, self.volume) | {name: self.here(str(each)) for name, each in own.items()} | {"PATH": path}
        )

    def is_healthy(self, service: str) -> bool:
        """Whether the health check of a service, or else that of the image, succeeds."""
        check = COMPOSE["services"][service].get("healthcheck", {}).get("test")
        _, *command = check or ["CMD", *json.loads(re.findall(r"^HEALTHCHECK .*?CMD (.*)$", IMAGE, re.MULTILINE)[0])]
        here = [self.here(word).replace("127.0.0.1:3000", f"127.0.0.1:{self.web}") for word in command]
        done = subprocess.run(here, env=self.environment(service), capture_output=True, timeout=60, check=False)
        return done.returncode == 0

    @contextlib.contextmanager
    def running(self) -> Iterator[Client]:
        """Start the processes one after the other, each when the one before is healthy; stop them, and see them end."""
        processes: list[subprocess.Popen[bytes]] = []
        try:
            for service in OWN:
                words = [self.here(word) for word in COMPOSE["services"][service]["command"]]
                command = [sys.executable, "-m", "mnist_pipeline.cli", *words]
                with (self.volume.parent / f"{service}.log").open("ab") as log:
                    processes.append(
                        subprocess.Popen(
                            command, cwd=PROJECT, env=self.environment(service), stdout=log, stderr=log,
                            start_new_session=True,
                        )
                    )  # fmt: skip
                until(lambda service=service: self.is_healthy(service))  # type: ignore[misc]
            yield Client(self.web).logged_in(PASSWORD)
        finally:
            for process in reversed(processes):
                process.send_signal(signal.SIGTERM)
            codes = [process.wait(60) for process in processes]
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        assert codes[1:] == [0, 0], codes


def until(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(1)
    return found


def ask(client: Client, document: str, **values: str) -> Any:
    text = document.format(selector=SELECTOR, **values) if "{{" in document else document
    found = json.loads(client.query(text).body)
    assert "errors" not in found, found
    return found["data"]


def launch(client: Client, job: str, config: str = "{}") -> str:
    return str(ask(client, LAUNCH, job=job, config=config)["launchRun"]["run"]["runId"])


def result(client: Client, run_id: str) -> str:
    """How a run ended; waits for it."""
    return str(until(lambda: (found := status(client, run_id)) in ENDED and found))


def status(client: Client, run_id: str) -> str:
    runs = ask(client, RUNS)["runsOrError"]["results"]
    return str(next(run["status"] for run in runs if run["runId"] == run_id))


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as hook:
        yield hook


@pytest.fixture
def deployment(postgres: Server, slice_directory: Path, tmp_path: Path, hook: Webhook) -> Deployment:
    (tmp_path / "data").mkdir()
    values = {
        "DATABASE": postgres.database(f"d{uuid.uuid4().hex}"),
        "MNIST_PIPELINE_DATA": str(shutil.copytree(slice_directory, tmp_path / "slice")),
        "MNIST_PIPELINE_ALERTS": hook.address,
        "MNIST_PIPELINE_PASSWORD_HASH": hash_password(PASSWORD),
        "HOST_NAME": "digits.example.org",
    }
    return Deployment(tmp_path / "data", values, free_port(), free_port())


def test_the_processes_of_a_deployment_run_alert_and_have_everything_after_a_restart(
    deployment: Deployment, hook: Webhook
) -> None:
    with deployment.running() as client:
        assert Client(client.port).send("GET", "/runs").status == 401
        ask(client, SENSOR)
        until(lambda: ask(client, TICKS)["sensorOrError"]["sensorState"]["ticks"])  # the watch has begun
        digits = launch(client, "digits_group")
        assert result(client, digits) == "SUCCESS"
        (file,) = Path(deployment.values["MNIST_PIPELINE_DATA"]).glob("train-images*")
        content = gzip.decompress(file.read_bytes())
        inverted = 255 - np.frombuffer(content, np.uint8, offset=16)  # black on white: the check of the mean fails
        file.write_bytes(gzip.compress(content[:16] + inverted.tobytes()))
        checked = launch(client, "digits_group")
        assert result(client, checked) == "SUCCESS"
        waits = [_seconds_until(lambda: hook.messages)]
        file.write_bytes(b"damaged")
        failed = launch(client, "digits_group")
        assert result(client, failed) == "FAILURE"
        waits.append(_seconds_until(lambda: len(hook.messages) > 1))
        assert max(waits) < 60
        values = sorted(path.name for path in (deployment.volume / "storage" / "manifests").iterdir())
    with deployment.running() as client:
        assert {status(client, digits), status(client, failed)} == {"SUCCESS", "FAILURE"}
        assert ask(client, TICKS)["sensorOrError"]["sensorState"]["status"] == "RUNNING"
        assert sorted(path.name for path in (deployment.volume / "storage" / "manifests").iterdir()) == values
        assert len(Storage(str(deployment.volume / "storage")).read("test_digits").images) == 500
    assert [(each["kind"], each["run"]) for each in hook.messages] == [("checks", checked), ("run", failed)]
    words = " and ".join(f"{seconds:.0f} s" for seconds in waits)
    print(f"deployment: three processes over PostgreSQL, restarted; a failed check and run were reported after {words}")


def _seconds_until(look: Callable[[], Any]) -> float:
    start = time.monotonic()
    until(look)
    return time.monotonic() - start


def test_the_dockerfile_is_linted_and_built_where_docker_is() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, PROJECT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    if shutil.which("docker"):
        subprocess.run(["docker", "build", "--quiet", PROJECT], check=True)
