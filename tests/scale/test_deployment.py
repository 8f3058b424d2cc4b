"""The deployment of `deploy/`, without Docker.

The tests run each command and each health check of `compose.yaml`. They set the variables of that
file and of the image, and no others. Ports and directories are free ones of this machine.
"""

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import yaml
from support.servers import (
    RUN_SECONDS,
    Postgres,
    configure,
    example,
    free_port,
    missing,
    unset,
    until,
)

from mnist_pipeline.runtime.instance import CONFIGURATION
from mnist_pipeline.runtime.project import PROJECT

DEPLOY = PROJECT / "deploy"
PASSWORD = "twelve characters"
# This run takes longer than the 30 seconds for which `dagster code-server` waits before it stops.
LAUNCH = """mutation { launchRun(executionParams: {
  selector: {
    repositoryName: "__repository__", repositoryLocationName: "mnist-pipeline",
    jobName: "everything"
  },
  runConfigData: { ops: { mlp_model: { config: { recipe: "NOTEBOOK", epochs: 200 } } } }
}) { __typename } }"""
RUNS = "{ runsOrError { ... on Runs { results { status } } } }"


class Deployment:
    """The services of the compose file as processes of this machine."""

    def __init__(self, directory: Path, images: Path, postgres: Postgres) -> None:
        self.port, web, code = (str(free_port()) for _ in range(3))
        self._places = {
            "mnist_pipeline.assets": "assets",
            "/data": f"{directory}/data",
            "/srv/report": f"{directory}/data/storage/report",
            "/images": str(images),
            "/etc/nginx": str(directory),
            "0.0.0.0": "127.0.0.1",
            "@postgres:5432": f"@127.0.0.1:{postgres.port}",
            "host: code": "host: 127.0.0.1",
            "//web": "//127.0.0.1",
            "3000": web,
            "4000": code,
            "443": self.port,
        }
        _make_files(directory, images)
        files = ["--file", DEPLOY / "compose.yaml", "--env-file", directory / ".env"]
        config = ["docker-compose", *files, "config", "--format", "json"]
        configured = subprocess.check_output(config, env=unset(), text=True)
        self._services = json.loads(self._here(configured))["services"]
        image = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
        self._variables = {
            **unset(),
            **dict(re.findall(r"(\w+)=(/\S+)", self._here(image))),
            "PATH": f"{Path(sys.executable).parent}:{postgres.programs}:{os.environ['PATH']}",
            "PGPORT": postgres.port,
        }
        (directory / "data" / "dagster").mkdir(parents=True)
        for name in ("nginx.conf", "data/dagster/dagster.yaml", "data/dagster/workspace.yaml"):
            text = (DEPLOY / Path(name).name).read_text(encoding="utf-8")
            (directory / name).write_text(self._here(text), encoding="utf-8")
        options = f"daemon off; user root; pid {directory}/pid; events {{}}"
        whole = directory / "whole.conf"
        whole.write_text(f"{options} http {{ access_log off; include {directory}/nginx.conf; }}")
        nginx = {"command": ["nginx", "-e", "stderr", "-c", whole], "environment": {}}
        self._services["nginx"] |= nginx
        self.processes: dict[str, Any] = {"postgres": postgres.process}

    def start(self, name: str) -> None:
        """Start a service, as soon as those that it depends on are healthy."""
        service = self._services[name]
        for other in service["depends_on"]:
            until(lambda other=other: self.is_healthy(other))
        environ = self._variables | service["environment"]
        self.processes[name] = subprocess.Popen(service["command"], env=environ, cwd=PROJECT)

    def is_healthy(self, name: str) -> bool:
        """Whether the health check of a service succeeds."""
        assert self.processes[name].poll() is None
        service = self._services[name]
        environ = self._variables | service["environment"]
        check = service["healthcheck"]["test"][1:]  # after CMD
        return subprocess.run(check, env=environ, capture_output=True, check=False).returncode == 0

    def stop(self, name: str) -> None:
        """Stop a service as `docker compose stop` does."""
        process = self.processes.pop(name)
        process.terminate()
        process.wait(RUN_SECONDS)

    def _here(self, text: str) -> str:
        pattern = "|".join(map(re.escape, self._places))
        return re.sub(pattern, lambda match: self._places[match[0]], text)

    def send(
        self, path: str, password: str = PASSWORD, query: str = "", site: str = "same-origin"
    ) -> Any:
        """The content of an answer, its GraphQL data, or the status of an error."""
        login = b64encode(f"digits:{password}".encode()).decode()
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Basic {login}",
            "Sec-Fetch-Site": site,
        }
        body = json.dumps({"query": query}).encode() if query else None
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}", body, headers)
        try:
            with urllib.request.urlopen(
                request, context=ssl._create_unverified_context()
            ) as response:
                return json.load(response)["data"] if query else response.read()
        except URLError as error:
            return getattr(error, "code", None)


def _make_files(directory: Path, images: Path) -> None:
    """Make the files that the page asks for, with its commands."""
    _, commands = example("A shared server").split("cd deploy\n")
    # In a session of its own, without a terminal, openssl reads the password from a pipe.
    subprocess.run(
        ["bash", "-e", "-c", commands.partition("docker compose")[0]],
        cwd=directory,
        input=f"{PASSWORD}\n{PASSWORD}\n".encode(),
        start_new_session=True,
        check=True,
    )
    with (directory / ".env").open("a") as settings:
        settings.write(f"MNIST_PIPELINE_DATA={images}\n")
    subject = ["-subj", "/CN=localhost", "-out", "fullchain.pem", "-keyout", "privkey.pem"]
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", *subject], cwd=directory / "tls", check=True
    )


@pytest.fixture
def deployment(slice_directory: Path, tmp_path: Path, postgres: Postgres) -> Iterator[Deployment]:
    """All services, which are healthy."""
    for program in ("docker-compose", "nginx"):
        if not shutil.which(program):
            missing(program)
    deployment = Deployment(tmp_path, slice_directory, postgres)
    try:
        for name in ("code", "web", "daemon", "nginx"):
            deployment.start(name)
        until(lambda: deployment.is_healthy("daemon"))
        yield deployment
    finally:
        for name in [*deployment.processes][:0:-1]:  # all but PostgreSQL
            deployment.stop(name)


def test_only_who_knows_the_password_runs_the_pipeline_and_services_that_stop_end_no_run(
    deployment: Deployment,
) -> None:
    send = deployment.send
    until(lambda: send("/server_info") not in (None, 502))
    assert [send(path, password="another") for path in ("/", "/report", "/graphql")] == [401] * 3
    assert send("/graphql?query={version}", site="cross-site") == 403
    assert send("/report") == 404
    assert send("/graphql", query=LAUNCH) == {"launchRun": {"__typename": "LaunchRunSuccess"}}

    def is_now(status: str) -> bool:
        runs = send("/graphql", query=RUNS)["runsOrError"]["results"]
        return bool(runs == [{"status": status}])

    until(lambda: is_now("STARTED"))
    deployment.stop("daemon")
    deployment.stop("code")
    assert is_now("SUCCESS")
    assert send("/report").startswith(b"<!")


def test_the_settings_are_the_usual_ones_with_the_lines_of_the_page_on_postgres(
    tmp_path: Path,
) -> None:
    file = Path(shutil.copy(CONFIGURATION, tmp_path))
    configure(file, "PostgreSQL")
    deployed = (DEPLOY / "dagster.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(deployed) == yaml.safe_load(file.read_text(encoding="utf-8"))
