"""The environment as typed settings."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import hypothesis
import hypothesis.strategies as st
import pytest
from hypothesis import given
from support.settings import load_from

from mnist_pipeline.runtime import passwords, project, settings, threads


def refusal(environ: dict[str, str]) -> str:
    """The message with which these variables are refused, a printable line that names the first of them."""
    with pytest.raises(settings.SettingsError) as caught:
        load_from(environ)
    assert str(caught.value).isprintable()
    assert any(variable in str(caught.value) for variable in environ)
    return str(caught.value)


def test_without_variables_the_embedded_data_are_read_and_everything_is_kept_in_the_project() -> None:
    loaded = load_from({})
    assert loaded.data == settings.PROJECT / "data"
    assert loaded.storage == str(settings.PROJECT / "storage")
    assert loaded.dagster_home == settings.PROJECT / "storage" / "dagster"
    assert loaded.executor == "in_process"


@pytest.mark.parametrize(
    ("variable", "field"),
    [
        ("MNIST_PIPELINE_DATA", "data"),
        ("MNIST_PIPELINE_STORAGE", "storage"),
        ("DAGSTER_HOME", "dagster_home"),
        ("MNIST_PIPELINE_INBOX", "inbox"),
        ("MNIST_PIPELINE_CACHE", "cache"),
    ],
)
def test_each_directory_has_its_variable_which_changes_nothing_but_it(
    variable: str, field: str, tmp_path: Path
) -> None:
    loaded = load_from({variable: str(tmp_path / "own")})
    assert str(getattr(loaded, field)) == str(tmp_path / "own")
    others = {"data", "storage", "executor", "dagster_home", "inbox", "cache"} - {field}
    if variable == "MNIST_PIPELINE_STORAGE":
        others -= {"dagster_home", "inbox"}  # they lie under the storage
    assert all(getattr(loaded, other) == getattr(load_from({}), other) for other in others)


@pytest.mark.parametrize("executor", ["in_process", "multiprocess", "ray", "dask"])
def test_the_executor_is_a_setting(executor: str) -> None:
    assert load_from({"MNIST_PIPELINE_EXECUTOR": executor}).executor == executor


def test_an_unknown_executor_is_refused_with_the_variable_the_value_and_the_choices() -> None:
    message = refusal({"MNIST_PIPELINE_EXECUTOR": "celery"})
    assert all(words in message for words in ("'celery'", "in_process", "multiprocess"))


@pytest.mark.parametrize("holds", ["MNIST_PIPELINE_DATA", "MNIST_PIPELINE_STORAGE", "DAGSTER_HOME"])
def test_an_inbox_out_of_which_the_pipelines_own_files_would_be_moved_is_refused(holds: str, tmp_path: Path) -> None:
    message = refusal({"MNIST_PIPELINE_INBOX": str(tmp_path), holds: str(tmp_path / "own")})
    assert message.startswith("MNIST_PIPELINE_INBOX")


DIRECTORIES = (
    "MNIST_PIPELINE_DATA",
    "MNIST_PIPELINE_STORAGE",
    "DAGSTER_HOME",
    "MNIST_PIPELINE_INBOX",
    "MNIST_PIPELINE_CACHE",
)


@pytest.mark.parametrize("variable", DIRECTORIES)
@pytest.mark.parametrize("value", ["a\nb", "a\x1b[31mb", os.fsdecode(b"/data/\xff"), "  ", "file:///data", "~/results"])
def test_what_names_no_local_directory_is_refused_with_the_variable_and_the_value(variable: str, value: str) -> None:
    assert refusal({variable: value}).startswith(f"{variable} is {value!a}: ")


@pytest.mark.parametrize(
    "value", ["IN_PROCESS", " in_process", "in_process\n", "in-process", "1", "\udcff", "x" * 10_000]
)
def test_an_executor_is_known_by_its_exact_name(value: str) -> None:
    assert refusal({"MNIST_PIPELINE_EXECUTOR": value}).startswith("MNIST_PIPELINE_EXECUTOR is ")


_CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=("Cs",))  # an environment has no others


@given(
    st.dictionaries(
        st.sampled_from(
            [
                *DIRECTORIES,
                *(f"MNIST_PIPELINE_{name}" for name in ("EXECUTOR", "CACHE_GB", "CLUSTER", "DATABASE", "THREADS")),
            ]
        ),
        st.text(_CHARACTERS, max_size=20)
        | st.text(_CHARACTERS, max_size=20).map("s3://{}".format)
        | st.sampled_from(["/", ".", "..", "//", "in_process", "n" * 5_000, "/dev/null/x", "s3://bucket/a/b", "nan"]),
    )
)
@hypothesis.settings(derandomize=True, deadline=None, database=None, max_examples=300)
def test_any_environment_gives_settings_or_an_error_of_settings(environ: dict[str, str]) -> None:
    try:
        loaded = load_from(environ)
    except settings.SettingsError as error:
        message = str(error)
        assert message.isprintable()
        assert any(variable in message for variable in environ)
    else:
        assert loaded.data.is_absolute()
        assert loaded.dagster_home.is_absolute()
        assert loaded.cache.is_absolute()
        assert Path(loaded.storage).is_absolute() or loaded.storage.startswith("s3://")


def test_a_data_directory_whose_links_lead_in_a_circle_is_left_to_the_reader_to_refuse(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert load_from({"MNIST_PIPELINE_DATA": str(tmp_path / "circle")}).data == tmp_path / "circle"


def test_unusual_but_good_names_of_directories_are_taken_as_they_are(tmp_path: Path) -> None:
    for name in ("with blanks", "数字", "\u3000", "$HOME", "a:b", "-x", "a~"):
        assert load_from({"MNIST_PIPELINE_STORAGE": str(tmp_path / name)}).storage == str(tmp_path / name)


def test_the_dagster_instance_lies_under_the_storage_unless_it_has_its_own_home(tmp_path: Path) -> None:
    variables = {"MNIST_PIPELINE_STORAGE": str(tmp_path / "results")}
    assert load_from(variables).dagster_home == tmp_path / "results" / "dagster"
    assert load_from({**variables, "DAGSTER_HOME": str(tmp_path / "home")}).dagster_home == tmp_path / "home"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://my.bucket-1/mnist/run=7/v1.2_x/", "s3://my.bucket-1/mnist/run=7/v1.2_x"),
    ],
)
def test_a_bucket_is_a_storage_whose_instance_and_inbox_lie_in_a_directory_of_its_own(value: str, address: str) -> None:
    loaded = load_from({"MNIST_PIPELINE_STORAGE": value})
    assert loaded.storage == address
    assert loaded.dagster_home.parent == loaded.inbox.parent
    assert loaded.dagster_home.parent.parent == settings.PROJECT / "storage" / "s3"
    others = (load_from({"MNIST_PIPELINE_STORAGE": other}) for other in (f"{address}/x", f"{address}-x"))
    assert all(other.dagster_home != loaded.dagster_home for other in others)


@pytest.mark.parametrize(
    "value",
    [
        "s3://",
        "s3:///prefix",
        "s3://UPPER/prefix",
        "s3://ab",
        "s3://bucket:9000/prefix",
        "s3://bucket/a//b",
        "s3://bucket/../other",
        "s3://bucket/./other",
        "s3://bucket/a b",
        "s3://bucket/prefix?versionId=3",
        "s3://bucket/prefix#part",
        "s3://bucket?x=1",
        "S3://bucket/prefix",
        "gs://bucket/prefix",
        "https://bucket.s3.amazonaws.com",
    ],
)
def test_an_address_that_names_no_place_in_a_bucket_is_refused(value: str) -> None:
    assert refusal({"MNIST_PIPELINE_STORAGE": value}).startswith(f"MNIST_PIPELINE_STORAGE is {value!a}: ")


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    message = refusal({"MNIST_PIPELINE_STORAGE": "s3://name:secret@bucket/prefix"})
    assert "AWS_ACCESS_KEY_ID" in message
    assert "secret" not in message


def test_the_cache_lies_in_that_of_the_user_and_is_bounded(tmp_path: Path) -> None:
    loaded = load_from({"XDG_CACHE_HOME": str(tmp_path)})
    assert (loaded.cache, loaded.cache_bytes) == (tmp_path / "mnist-pipeline", 10_000_000_000)
    assert load_from({"MNIST_PIPELINE_CACHE_GB": "0.5"}).cache_bytes == 500_000_000


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "much", "1e300", " "])
def test_a_size_of_the_cache_that_is_none_is_refused(value: str) -> None:
    refusal({"MNIST_PIPELINE_CACHE_GB": value})


def test_an_empty_variable_is_as_good_as_none() -> None:
    own = ("DATA", "STORAGE", "EXECUTOR", "PASSWORD_HASH", "CLUSTER", "DATABASE", "THREADS")
    names = ("DAGSTER_HOME", *(f"MNIST_PIPELINE_{name}" for name in own))
    assert load_from(dict.fromkeys(names, "")) == load_from({})


def test_relative_directories_are_those_under_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load_from({"MNIST_PIPELINE_DATA": "digits", "MNIST_PIPELINE_STORAGE": "results"})
    assert loaded.data == (tmp_path / "digits").resolve()
    assert loaded.storage == str(tmp_path / "results")
    assert loaded.dagster_home == tmp_path / "results" / "dagster"


def test_only_the_embedded_data_are_held_to_the_checksums_of_mnist(tmp_path: Path) -> None:
    assert load_from({}).canonical
    assert load_from({"MNIST_PIPELINE_DATA": str(settings.PROJECT / "assets" / ".." / "data")}).canonical
    assert not load_from({"MNIST_PIPELINE_DATA": str(tmp_path)}).canonical


def test_settings_follow_the_environment_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_DATA", str(tmp_path))
    assert settings.load().data == tmp_path.resolve()
    assert settings.load() is settings.load()  # which takes a millisecond only once
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", "results")
    monkeypatch.chdir(tmp_path)
    assert settings.load().storage == str(tmp_path / "results")
    monkeypatch.delenv("MNIST_PIPELINE_DATA")
    assert settings.load().data == settings.EMBEDDED_DATA


def test_waiting_threads_sleep_soon_unless_the_environment_wants_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    threads.share_processors()
    assert "GOMP_SPINCOUNT" not in os.environ
    monkeypatch.delenv("OMP_WAIT_POLICY")
    threads.share_processors()
    assert os.environ["GOMP_SPINCOUNT"] == threads.SPIN_COUNT
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    threads.share_processors()
    assert os.environ["GOMP_SPINCOUNT"] == "7"


def test_without_a_password_hash_there_is_none_and_a_damaged_one_is_refused_by_its_name() -> None:
    assert load_from({}).password_hash is None
    message = refusal({"MNIST_PIPELINE_PASSWORD_HASH": "three pixels and a half"})
    assert "mnist-pipeline hash-password" in message
    assert "three pixels" not in message


def test_the_password_hash_is_a_setting_that_is_not_shown() -> None:
    hashed = passwords.hash_password("three pixels and a half")
    loaded = load_from({"MNIST_PIPELINE_PASSWORD_HASH": hashed})
    assert loaded.password_hash == hashed
    assert hashed not in repr(loaded)


# Data sets


def _data_sets(value: str) -> dict[str, str]:
    loaded = load_from({"MNIST_PIPELINE_DATA_SETS": value}).data_sets
    return {placed.prefix: str(placed.directory) for placed in loaded}


def test_without_the_variable_there_is_no_data_set_beside_mnist() -> None:
    assert load_from({}).data_sets == load_from({"MNIST_PIPELINE_DATA_SETS": ""}).data_sets == ()


def test_data_sets_are_named_with_their_directories_or_are_where_they_were_fetched_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "EMBEDDED_DATA", tmp_path / "data")
    for name in ("fashion", "data/kmnist", "own"):
        (tmp_path / name).mkdir(parents=True)
    found = _data_sets(f"fashion-mnist={tmp_path / 'fashion'}, kmnist ,mine={tmp_path / 'own'}")
    assert found == {
        "fashion_mnist": str(tmp_path / "fashion"),
        "kmnist": str(tmp_path / "data" / "kmnist"),
        "mine": str(tmp_path / "own"),
    }
    assert all(name in settings.PROJECT.joinpath(".gitignore").read_text() for name in ("data/*/",))


@pytest.mark.parametrize(
    "value",
    [
        "cifar",
        "kmnist",
        "kmnist=/nowhere",
        "kmnist=/etc/passwd",
        "kmnist=",
        "kmnist=~/kmnist",
        "kmnist=s3://bucket/kmnist",
        "kmnist=/\x1b[31m",
        "mine=/,mine=/",
        "mnist=/",
        "assets=/",
        "nan=/",
        "Fashion=/",
        "fashion_mnist=/",
        "a--b=/",
        "../up=/",
        "\n=/",
        "mine=/,",
        ",",
        "=/",
        "a" * 41 + "=/",
    ],
)
def test_what_names_no_data_set_is_refused_in_a_line_with_the_variable(value: str) -> None:
    assert refusal({"MNIST_PIPELINE_DATA_SETS": value}).startswith("MNIST_PIPELINE_DATA_SETS is ")


def test_an_inbox_out_of_which_a_data_set_would_be_moved_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    refusal({"MNIST_PIPELINE_INBOX": str(tmp_path), "MNIST_PIPELINE_DATA_SETS": f"mine={tmp_path / 'own'}"})


def test_the_number_of_folds_is_a_setting() -> None:
    assert load_from({}).folds == 4
    assert load_from({"MNIST_PIPELINE_FOLDS": "64"}).folds == 64


@pytest.mark.parametrize("value", ["0", "4097", "-1", "1.5", "4_0", "many", "٤", " 4"])
def test_a_number_of_folds_that_is_none_or_out_of_range_is_refused(value: str) -> None:
    assert repr(value)[1:-1] in refusal({"MNIST_PIPELINE_FOLDS": value}) or not value.isascii()


@pytest.mark.parametrize("value", ["0", "-1", "two", "1e3", "1025", "٣", "1\n", "99999999999"])
def test_a_number_of_threads_is_a_number_within_bounds(value: str) -> None:
    assert "1,024" in refusal({"MNIST_PIPELINE_THREADS": value})
    assert load_from({"MNIST_PIPELINE_THREADS": "3"}).threads == 3


def test_every_process_computes_with_the_number_of_threads_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    limits = threads.thread_limits(settings.load())
    assert limits["OMP_NUM_THREADS"] == "7"
    assert limits["NUMBA_NUM_THREADS"] == str(settings.load().threads)
    monkeypatch.setenv("MNIST_PIPELINE_THREADS", "3")
    assert threads.thread_limits(settings.load()) == dict.fromkeys(threads.THREAD_VARIABLES, "3")


def test_a_worker_comes_to_its_drivers_settings_but_for_where_it_carries_out(tmp_path: Path) -> None:
    environ = {
        "MNIST_PIPELINE_DATA": str(tmp_path / "data"),
        "MNIST_PIPELINE_STORAGE": str(tmp_path / "storage"),
        "MNIST_PIPELINE_EXECUTOR": "dask",
        "MNIST_PIPELINE_CLUSTER": "tcp://127.0.0.1:8786",
        "MNIST_PIPELINE_DATABASE": "postgresql://u:p@h/n",
        "MNIST_PIPELINE_THREADS": "3",
    }
    with mock.patch.dict(os.environ, environ, clear=True):
        loaded = settings.load()
        variables = threads.for_workers(loaded)
    assert load_from(variables) == loaded.model_copy(update={"executor": "in_process", "cluster": None})


@pytest.mark.parametrize("value", ["here", "host:", ":1", "http://host:1", "host:1/x", "a b:1", "host:1\n", "tcp://"])
def test_what_is_no_address_of_a_cluster_is_refused(value: str) -> None:
    message = refusal({"MNIST_PIPELINE_EXECUTOR": "ray", "MNIST_PIPELINE_CLUSTER": value})
    assert message.startswith(f"MNIST_PIPELINE_CLUSTER is {value!a}: ")


def test_a_cluster_without_an_executor_that_uses_it_is_refused() -> None:
    assert "MNIST_PIPELINE_EXECUTOR" in refusal({"MNIST_PIPELINE_CLUSTER": "host:1"})


@pytest.mark.parametrize(
    "value",
    [
        "mysql://u:secret@h/n",
        "postgresql://u:secret@h",
        "postgresql://u:secret@h:x/n",
        "postgresql://u:secret@h/n\n",
        "secret",
    ],
)
def test_what_is_no_address_of_a_database_is_refused_without_being_shown(value: str) -> None:
    assert "secret" not in refusal({"MNIST_PIPELINE_DATABASE": value})
    assert "secret" not in repr(load_from({"MNIST_PIPELINE_DATABASE": "postgresql://u:secret@h/n"}))
