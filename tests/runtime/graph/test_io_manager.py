"""What the IO manager stores and loads, and what it sets up."""

from typing import Any

import dagster as dg
import numpy as np
import pytest
import threadpoolctl
from PIL import Image

from assets.definitions import defs
from mnist_pipeline.runtime.graph import io_manager
from mnist_pipeline.runtime.graph.io_manager import StoredResults
from mnist_pipeline.runtime.graph.results import STORAGE, result
from mnist_pipeline.runtime.settings import THREAD_VARIABLES
from mnist_pipeline.runtime.storage import storage as stored
from mnist_pipeline.runtime.storage.storage import Storage, StorageError
from mnist_pipeline.utils.machine import num_threads


def run(
    *assets: Any,
    instance: dg.DagsterInstance | None = None,
    raise_on_error: bool = True,
    **resources: Any,
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        assets,
        resources={**(defs.resources or {}), **resources},
        instance=instance or dg.DagsterInstance.ephemeral(),
        raise_on_error=raise_on_error,
    )


def test_a_step_in_a_plain_process_of_dagster_has_the_number_of_threads_of_the_settings(
    storage, monkeypatch
):
    @dg.asset(io_manager_key=STORAGE)
    def threads():  # type: ignore[no-untyped-def]
        return result(np.array(num_threads()), "")

    for name in THREAD_VARIABLES:
        monkeypatch.setenv(name, "2")
    monkeypatch.setenv("MNIST_PIPELINE_THREADS", "3")
    with threadpoolctl.threadpool_limits():  # restores the number for other tests
        assert run(threads).asset_value("threads") == 3


@dg.asset(io_manager_key=STORAGE)
def drawn():  # type: ignore[no-untyped-def]
    plot = Image.new("L", (3, 2))
    returned = result(np.arange(3), "", figures={"plot": plot})
    result(np.arange(4), "", figures={"another": plot})
    return returned._replace(value=np.arange(3))


def test_the_figures_of_a_result_are_stored_with_its_value_whatever_the_step_does_besides(storage):
    (event,) = run(drawn).asset_materializations_for_node("drawn")
    assert stored.default_storage().figure("drawn", "plot").startswith(b"\x89PNG")
    assert list(stored.default_storage().origin("drawn")["figures"]) == ["plot"]
    version = stored.version_of("drawn", np.arange(3))
    assert (
        stored.default_storage().current_version("drawn")
        == event.metadata["version"].value
        == version
    )
    assert (event.tags or {})["dagster/data_version"] == version


@pytest.fixture
def bucket(tmp_path, monkeypatch) -> Storage:
    """An empty storage under an address, which the environment names."""
    monkeypatch.setattr(io_manager, "RETRY_SECONDS", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", f"memory://{tmp_path.name}")
    return stored.default_storage()


def fail_at(
    monkeypatch, name: str, *calls: int, error: type[Exception] = TimeoutError
) -> list[str]:
    """Let calls of a method of storages fail; return a list that grows with each call."""
    method, made = getattr(Storage, name), []

    def failing(self: Storage, *arguments: Any) -> Any:
        made.append(name)
        if len(made) in calls:
            raise error("no answer")
        return method(self, *arguments)

    monkeypatch.setattr(Storage, name, failing)
    return made


@dg.asset(io_manager_key=STORAGE)
def read_again(drawn, mnist_stored_results: StoredResults):
    return result(np.array(drawn + mnist_stored_results.up_to_date("drawn")), "")


def test_the_record_of_a_step_names_the_inputs_of_this_step(storage):
    run(drawn, read_again)
    version = stored.version_of("drawn", np.arange(3))
    assert stored.default_storage().origin("read_again")["inputs"] == {"drawn": version}


def test_a_result_is_up_to_date_until_an_input_that_is_stored_under_its_name_has_another_value(
    storage,
):
    kept = stored.default_storage()
    version = kept.write("drawn", np.arange(3))
    for inputs in ({"drawn": version}, {"drawn": version, "trials": "of all partitions"}):
        kept.write("summary", np.ones(1), {"inputs": inputs})
        assert StoredResults().up_to_date("summary") is not None
    kept.write("drawn", np.arange(4))
    assert StoredResults().up_to_date("summary") is None
    assert StoredResults().up_to_date("absent") is None


def test_a_step_whose_bucket_does_not_answer_runs_again(bucket, monkeypatch):
    # The first write is that of the figure, and the third that of the value in the second attempt.
    fail_at(monkeypatch, "_write", 1, 3)
    run(drawn)
    np.testing.assert_array_equal(bucket.read("drawn"), np.arange(3))
    # An input, and in the second attempt a result that is no input.
    reads = fail_at(monkeypatch, "_verified_manifest", 1, 3)
    run(drawn, read_again)
    np.testing.assert_array_equal(bucket.read("read_again"), 2 * np.arange(3))
    assert len(reads) > 4


def test_a_step_whose_bucket_never_answers_runs_three_times(bucket, monkeypatch):
    writes = fail_at(monkeypatch, "_write", *range(1, 10))
    assert not run(drawn, raise_on_error=False).success
    assert len(writes) == 3


def test_a_step_whose_storage_is_a_directory_or_refuses_access_fails_at_once(
    storage, bucket, monkeypatch
):
    writes = fail_at(monkeypatch, "_write", 1, 2, error=PermissionError)
    with pytest.raises(StorageError):
        run(drawn)
    assert len(writes) == 1
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(storage))
    writes = fail_at(monkeypatch, "_write", 1, 2)
    with pytest.raises(StorageError):
        run(drawn)
    assert len(writes) == 1


def test_a_step_reads_and_records_the_versions_that_were_current_when_its_attempt_began(storage):
    instance, read = dg.DagsterInstance.ephemeral(), []

    def write(number: int) -> None:
        """Store and record another value of `source`, as another run does."""
        version = stored.default_storage().write("source", np.array([number]))
        metadata, tags = {"version": version}, {"dagster/data_version": version}
        event = dg.AssetMaterialization("source", metadata=metadata, tags=tags)
        instance.report_runless_asset_event(event)

    @dg.asset(deps=["source"])
    def before() -> None:
        write(1)

    @dg.asset(
        io_manager_key=STORAGE,
        deps=[before],
        ins={"source": dg.AssetIn("source")},
        retry_policy=dg.RetryPolicy(max_retries=1),
    )
    def reader(source):  # type: ignore[no-untyped-def]
        read.append(source[0])
        write(len(read) + 1)
        if len(read) == 1:
            raise ValueError
        return result(np.array(source), "")

    source = dg.AssetSpec("source").with_io_manager_key(STORAGE)
    done = run(before, reader, source, instance=instance)
    assert read == [1, 2]
    (event,) = done.asset_materializations_for_node("reader")
    version = stored.version_of("source", np.array([2]))
    assert (event.tags or {})["dagster/input_data_version/source"] == version
    assert stored.default_storage().origin("reader")["inputs"] == {"source": version}
