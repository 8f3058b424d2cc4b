"""The deployment of `deploy/`, without Docker:

Dagster's own web server and daemon, behind nginx with a password.
"""

import json
import re
import shutil
import ssl
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import yaml
from support.served import until
from support.servers import configure, free_port, missing, variables

from mnist_pipeline.runtime.project import PROJECT

SERVICES = yaml.safe_load((PROJECT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))[
    "services"
]
PASSWORD = "twelve characters"
LAUNCH = """mutation { launchRun(executionParams: { selector: {
  repositoryName: "__repository__", repositoryLocationName: "assets.definitions",
  jobName: "everything",
  assetSelection: [{ path: ["raw_mnist"] }]
} }) { __typename } }"""
RUNS = "{ runsOrError { ... on Runs { results { status } } } }"


@pytest.fixture
def send(slice_directory: Path, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start the processes of the compose file on ports of this machine; yield a function that sends
    a request.
    """
    if not shutil.which("nginx"):
        missing("nginx")
    port, web = str(free_port()), str(free_port())
    places = {"mnist_pipeline.assets": "assets", "0.0.0.0": "127.0.0.1", "//web": "//127.0.0.1"}
    places |= {"3000": web, "443": port, "/etc/nginx": str(tmp_path), "/data": str(tmp_path)}
    here = partial(re.sub, "|".join(map(re.escape, places)), lambda found: places[found[0]])
    for directory in ("tls", "storage/report"):
        (tmp_path / directory).mkdir(parents=True)
    configure(tmp_path / "dagster")
    (tmp_path / "storage/report/index.html").write_text("The report")
    certificate = ["-subj", "/CN=localhost", "-out", "fullchain.pem", "-keyout", "privkey.pem"]
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", *certificate], cwd=tmp_path / "tls", check=True
    )
    hashed = subprocess.check_output(["openssl", "passwd", "-6", PASSWORD])
    (tmp_path / "htpasswd").write_bytes(b"digits:" + hashed)
    server = here((PROJECT / "deploy" / "nginx.conf").read_text(encoding="utf-8"))
    (tmp_path / "nginx.conf").write_text(
        f"user root; events {{}} http {{ access_log off; {server} }}"
    )
    options = f"daemon off; pid {tmp_path}/pid;"
    commands = [["nginx", *f"-e stderr -c {tmp_path}/nginx.conf -g".split(), options]]
    for name in ("web", "daemon"):
        program, *arguments = map(here, SERVICES[name]["command"])
        commands.append([str(Path(sys.executable).with_name(program)), *arguments])
    env = variables(slice_directory, tmp_path / "storage", DAGSTER_HOME=str(tmp_path / "dagster"))
    processes = [subprocess.Popen(command, env=env, cwd=PROJECT) for command in commands]

    def answer(
        path: str, password: str = PASSWORD, query: str = "", site: str = "same-origin"
    ) -> Any:
        """The content of an answer, its GraphQL data, or the status of an error."""
        login = b64encode(f"digits:{password}".encode()).decode()
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Basic {login}",
            "Sec-Fetch-Site": site,
        }
        body = json.dumps({"query": query}).encode() if query else None
        request = urllib.request.Request(f"https://127.0.0.1:{port}{path}", body, headers)
        try:
            with urllib.request.urlopen(
                request, context=ssl._create_unverified_context()
            ) as response:
                return json.load(response)["data"] if query else response.read()
        except URLError as error:
            return getattr(error, "code", None)

    yield answer
    for process in processes:
        process.terminate()
        process.wait(60)


def test_only_who_knows_the_password_sees_the_ui_and_can_run_the_pipeline(
    send: Callable[..., Any],
) -> None:
    until(lambda: send("/server_info") not in (None, 502))
    assert [send(path, password="another") for path in ("/", "/report", "/graphql")] == [401] * 3
    assert send("/report") == b"The report"
    assert send("/graphql?query={version}", site="cross-site") == 403
    assert send("/graphql", query=LAUNCH) == {"launchRun": {"__typename": "LaunchRunSuccess"}}
    until(
        lambda: (
            send("/graphql", query=RUNS) == {"runsOrError": {"results": [{"status": "SUCCESS"}]}}
        )
    )
