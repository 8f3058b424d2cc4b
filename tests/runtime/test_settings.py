"""The settings of the environment: what they mean, and one line for a setting that is wrong."""

import os
import re
import sys
from pathlib import Path

import dagster as dg
import pytest
import threadpoolctl
import torch

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.instance import InstanceError, prepare
from mnist_pipeline.runtime.project import PROJECT
from mnist_pipeline.runtime.settings import SettingsError
from mnist_pipeline.utils.machine import num_cores, num_threads


@pytest.fixture(autouse=True)
def _empty(monkeypatch) -> None:
    for name in [*os.environ]:
        if name.startswith(settings.PREFIX) or name == "DAGSTER_HOME":
            monkeypatch.delenv(name)


def test_without_settings_everything_lies_in_the_storage_and_the_data_are_mnist():
    found = settings.load()
    assert found.data == PROJECT / "data"
    assert found.dagster_home == Path(found.storage, "dagster")
    assert found.threads == num_cores()


def test_paths_are_absolute_and_an_empty_setting_is_not_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_PIPELINE_DATA", "photos")
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", "results/")
    monkeypatch.setenv("MNIST_PIPELINE_THREADS", "")
    found = settings.load()
    assert found.data == tmp_path / "photos"
    assert found.storage == str(tmp_path / "results")
    assert found.threads == num_cores()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir("other")
    assert settings.load().data == tmp_path / "other" / "photos"


def test_a_storage_in_a_bucket_has_local_directories_of_its_own(monkeypatch):
    homes = set()
    for storage in ("memory://one/two/", "memory://one-two", f"memory://one/{'long/' * 99}ü%2F?#"):
        monkeypatch.setenv("MNIST_PIPELINE_STORAGE", storage)
        assert settings.load().storage == storage.rstrip("/")
        homes.add(settings.load().dagster_home)
    assert len(homes) == 3
    assert all(home.is_absolute() for home in homes)
    assert not re.search("[%?]", "".join(map(str, homes)))  # SQLAlchemy's addresses


def test_an_address_of_a_local_directory_is_that_directory(monkeypatch):
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", "file:///x/my%20results/")
    assert settings.load().storage == "/x/my results"
    assert settings.load().dagster_home == Path("/x/my results/dagster")


@pytest.mark.parametrize(
    ("name", "is_refused"),
    [("100% mine, #1 ü", False), ("100%25 mine", True), ("feature%2Fnew", True), ("new?", True)],
)
def test_a_directory_that_sqlalchemy_takes_for_another_one_is_refused_in_one_line(
    name, is_refused, tmp_path, monkeypatch
):
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(tmp_path / name))
    monkeypatch.setenv("DAGSTER_HOME", "")  # `prepare` sets it
    if is_refused:
        with pytest.raises(InstanceError, match="DAGSTER_HOME"):
            prepare()
    else:
        prepare()
        with dg.DagsterInstance.get() as instance:
            assert not instance.get_runs()
    assert len([*tmp_path.iterdir()]) == (not is_refused)


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("MNIST_PIPELINE_THREADS", "many", "MNIST_PIPELINE_THREADS"),
        ("MNIST_PIPELINE_THREADS", "0", "it must be greater"),
        ("MNIST_PIPELINE_DATA", "~/photos", "MNIST_PIPELINE_DATA"),
        ("MNIST_PIPELINE_DAT", "photos", "MNIST_PIPELINE_DATA"),
        ("MNIST_PIPELINE_STORAGE", "s3://bucket", "mnist-dagster[s3]"),
        ("MNIST_PIPELINE_STORAGE", "memory:///", "s3://BUCKET"),
        ("MNIST_PIPELINE_STORAGE", "://bucket", "s3://BUCKET"),
        ("MNIST_PIPELINE_OWNERS", "ann@example.com", "post_processing"),
        ("MNIST_PIPELINE_INBOX", "pictures", "predict"),
    ],
)
def test_a_wrong_or_misspelt_setting_is_one_line_that_names_the_right_one(
    name, value, hint, monkeypatch
):
    monkeypatch.setitem(sys.modules, "s3fs", None)  # as if it were not installed
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        settings.load()
    assert hint in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_number_of_threads_reaches_the_libraries(monkeypatch):
    for name in settings.THREAD_VARIABLES:
        monkeypatch.setenv(name, "2")
    with threadpoolctl.threadpool_limits():  # restores the number for other tests
        settings.limit_threads()  # changes no variable of a user
        assert num_threads() == 2
        monkeypatch.setenv("MNIST_PIPELINE_THREADS", "3")
        settings.limit_threads()
        assert {os.environ[name] for name in settings.THREAD_VARIABLES} == {"3"}
        pools = threadpoolctl.threadpool_info()
        assert {pool["num_threads"] for pool in pools if pool["user_api"] == "blas"} == {3}
        assert num_threads() == torch.get_num_threads() == 3
        monkeypatch.delenv("MNIST_PIPELINE_THREADS")
        monkeypatch.setenv("NUMBA_NUM_THREADS", "")
        settings.limit_threads()  # an empty variable is none
        monkeypatch.setenv("NUMBA_NUM_THREADS", "x")
        with pytest.raises(SettingsError, match="NUMBA_NUM_THREADS is 'x'"):
            settings.limit_threads()
