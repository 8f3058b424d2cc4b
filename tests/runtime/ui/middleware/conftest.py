"""UIs with a password over an empty storage, each served by `mnist-pipeline ui`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.attacks import PASSWORD, RECORDED, Attack, Counter
from support.served import Client, served_ui

from mnist_pipeline.runtime.passwords import hash_password


@pytest.fixture(scope="package")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("access") / "storage"


@pytest.fixture(scope="package")
def hashed() -> str:
    return hash_password(PASSWORD)


@pytest.fixture(scope="package")
def guarded(slice_directory: Path, storage: Path, hashed: str) -> Iterator[Client]:
    """A client with a session. At the end, no refused mutation must have run."""
    with served_ui(slice_directory, storage, password_hash=hashed) as port:
        client = Client(port).logged_in(PASSWORD)
        yield client
        assert b'"attack"' not in client.query(RECORDED).body


@pytest.fixture(scope="package")
def read_only(guarded: Client, slice_directory: Path, storage: Path, hashed: str) -> Iterator[Client]:
    """A client of a read-only UI over the same storage."""
    with served_ui(slice_directory, storage, "--read-only", password_hash=hashed) as port:
        yield Client(port).logged_in(PASSWORD)


@pytest.fixture
def refuse(request: pytest.FixtureRequest, attacks: Counter) -> Callable[[Attack], None]:
    """Try an attack, and assert that the UI refuses it and reveals nothing."""

    def check(attack: Attack) -> None:
        client: Client = request.getfixturevalue(attack.on)
        with attacks():
            answer = client.send(attack.method, attack.target, attack.changes, attack.body, attack.version)
            assert answer.status == attack.status, answer.body[:500]
            assert b"data" not in answer.body or b"errors" in answer.body or attack.status == 401
            assert b"root:" not in answer.body
            assert "Access-Control-Allow-Origin" not in answer.headers

    return check
