"""Environment variables become typed settings, or are refused in one line that names the variable."""

import os
from pathlib import Path
from unittest import mock

import hypothesis
import hypothesis.strategies as st
import pytest
from hypothesis import given
from support.settings import load_from

from mnist_pipeline.runtime import settings, threads
from mnist_pipeline.utils import places

DIRECTORIES = {
    "MNIST_PIPELINE_DATA": "data",
    "MNIST_PIPELINE_STORAGE": "storage",
    "DAGSTER_HOME": "dagster_home",
    "MNIST_PIPELINE_INBOX": "inbox",
    "MNIST_PIPELINE_CACHE": "cache",
}
NO_DIRECTORIES = ("a\nb", "a\x1b[31mb", os.fsdecode(b"/data/\xff"), "  ", "file:///data", "~/results")
INVALID = {
    **dict.fromkeys(DIRECTORIES, NO_DIRECTORIES),
    "MNIST_PIPELINE_EXECUTOR": ("IN_PROCESS", " in_process", "in_process\n", "in-process", "1", "\udcff", "x" * 10_000),
    "MNIST_PIPELINE_STORAGE": (
        *NO_DIRECTORIES,
        *("s3://", "s3:///prefix", "s3://UPPER/prefix", "s3://ab", "s3://bucket:9000/prefix", "s3://bucket?x=1"),
        *("s3://bucket/a//b", "s3://bucket/../other", "s3://bucket/./other", "s3://bucket/a b", "s3://bucket/p#part"),
        *("s3://bucket/prefix?versionId=3", "S3://bucket/prefix", "gs://bucket/prefix", "https://b.s3.amazonaws.com"),
    ),
    "MNIST_PIPELINE_CACHE_GB": ("-1", "nan", "inf", "much", "1e300", " "),
    "MNIST_PIPELINE_EXPERIMENTS": NO_DIRECTORIES,
    "MNIST_PIPELINE_FOLDS": ("0", "4097", "-1", "1.5", "many", "٤"),
    "MNIST_PIPELINE_VERSIONS": ("-1", "1.5", "many"),
    "MNIST_PIPELINE_MLFLOW": (
        *("mlruns", "/mlruns", "file:///data", "databricks", "postgresql://h/n", "ftp://host", "http://", "http://h:0"),
        *("http://h:x", "http://h\n", "sqlite://", "sqlite:///", "sqlite:///a?b", "sqlite:///a#b", "sqlite:///~/m.db"),
    ),
    "MNIST_PIPELINE_THREADS": ("0", "-1", "two", "1e3", "1025", "٣", "99999999999"),
    "MNIST_PIPELINE_CLUSTER": ("here", "host:", ":1", "http://host:1", "host:1/x", "a b:1", "host:1\n", "tcp://"),
    "MNIST_PIPELINE_DATA_SETS": (
        *("cifar", "kmnist", "kmnist=/nowhere", "kmnist=/etc/passwd", "kmnist=", "kmnist=~/k", "kmnist=/\x1b[31m"),
        *("kmnist=s3://bucket/k", "mine=/,mine=/", "mine=/,", ",", "=/", "mnist=/", "assets=/", "nan=/", "Fashion=/"),
        *("fashion_mnist=/", "a--b=/", "../up=/", "\n=/", "a" * 41 + "=/"),
    ),
}


def refusal(environ: dict[str, str]) -> str:
    """The message with which these variables are refused: a printable line that names one of them."""
    with pytest.raises(settings.SettingsError) as caught:
        load_from(environ)
    assert str(caught.value).isprintable()
    assert any(variable in str(caught.value) for variable in environ)
    return str(caught.value)


def test_by_default_the_embedded_data_are_read_and_results_are_in_the_project() -> None:
    loaded = load_from({})
    assert loaded.data == settings.PROJECT / "data"
    assert loaded.storage == str(settings.PROJECT / "storage")
    assert loaded.dagster_home == settings.PROJECT / "storage" / "dagster"
    assert (loaded.executor, loaded.folds, loaded.data_sets) == ("in_process", 4, ())
    own = ("DATA", "STORAGE", "EXECUTOR", "CLUSTER", "DATABASE", "DATA_SETS", "THREADS")
    assert load_from(dict.fromkeys(("DAGSTER_HOME", *(f"MNIST_PIPELINE_{name}" for name in own)), "")) == loaded


@pytest.mark.parametrize("variable", DIRECTORIES)
def test_each_directory_has_its_own_variable(variable: str, tmp_path: Path) -> None:
    loaded = load_from({variable: str(tmp_path / "own")})
    assert str(getattr(loaded, DIRECTORIES[variable])) == str(tmp_path / "own")
    others = set(DIRECTORIES.values()) - {DIRECTORIES[variable]}
    if variable == "MNIST_PIPELINE_STORAGE":
        others -= {"dagster_home", "inbox"}  # they are in the storage
        assert loaded.dagster_home == tmp_path / "own" / "dagster"
    assert all(getattr(loaded, other) == getattr(load_from({}), other) for other in others)


@pytest.mark.parametrize(("variable", "value"), [(name, value) for name in INVALID for value in INVALID[name]])
def test_an_invalid_value_is_refused_with_its_variable(variable: str, value: str) -> None:
    needed = {"MNIST_PIPELINE_EXECUTOR": "ray"} if variable == "MNIST_PIPELINE_CLUSTER" else {}
    assert refusal({variable: value, **needed}).startswith(f"{variable} is {value!a}: ")


def test_valid_values_are_accepted(tmp_path: Path) -> None:
    for executor in ("in_process", "multiprocess", "ray", "dask", "package.module:name"):
        assert load_from({"MNIST_PIPELINE_EXECUTOR": executor}).executor == executor
    for name in ("with blanks", "数字", "\u3000", "$HOME", "a:b", "-x", "a~"):
        assert load_from({"MNIST_PIPELINE_STORAGE": str(tmp_path / name)}).storage == str(tmp_path / name)
    assert load_from({"MNIST_PIPELINE_FOLDS": "64"}).folds == 64
    assert load_from({"MNIST_PIPELINE_THREADS": "3"}).threads == 3
    for address in ("http://127.0.0.1:5000", "https://mlflow.example.org/path", f"sqlite:///{tmp_path}/mlflow.db"):
        assert load_from({"MNIST_PIPELINE_MLFLOW": address}).mlflow == address
    assert load_from({"MNIST_PIPELINE_MLFLOW": "sqlite:///m.db"}).mlflow == f"sqlite:///{Path.cwd() / 'm.db'}"
    loaded = load_from({"XDG_CACHE_HOME": str(tmp_path)})
    assert (loaded.cache, loaded.cache_gb) == (tmp_path / "mnist-pipeline", 10)
    assert load_from({"MNIST_PIPELINE_CACHE_GB": "0.5"}).cache_gb == 0.5


_CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=("Cs",))  # an environment has no others


@given(
    st.dictionaries(
        st.sampled_from([*INVALID, "MNIST_PIPELINE_DATABASE"]),
        st.text(_CHARACTERS, max_size=20)
        | st.text(_CHARACTERS, max_size=20).map("s3://{}".format)
        | st.sampled_from(["/", ".", "..", "//", "in_process", "n" * 5_000, "/dev/null/x", "s3://bucket/a/b", "nan"]),
    )
)
@hypothesis.settings(derandomize=True, deadline=None, database=None, max_examples=300)
def test_any_environment_gives_settings_or_a_settings_error(environ: dict[str, str]) -> None:
    try:
        loaded = load_from(environ)
    except settings.SettingsError as error:
        message = str(error)
        assert message.isprintable()
        assert any(variable in message for variable in environ)
    else:
        assert all(path.is_absolute() for path in (loaded.data, loaded.dagster_home, loaded.cache))
        assert Path(loaded.storage).is_absolute() or loaded.storage.startswith("s3://")


@pytest.mark.parametrize("variable", ["MNIST_PIPELINE_DATA", "MNIST_PIPELINE_STORAGE", "DAGSTER_HOME", "data set"])
def test_an_inbox_that_contains_files_of_the_pipeline_is_refused(variable: str, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    other = {variable: str(tmp_path / "own")}
    if variable == "data set":
        other = {"MNIST_PIPELINE_DATA_SETS": f"mine={tmp_path / 'own'}"}
    assert refusal({"MNIST_PIPELINE_INBOX": str(tmp_path), **other}).startswith("MNIST_PIPELINE_INBOX")


def test_links_in_a_circle_are_left_to_the_reader_of_the_data(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert load_from({"MNIST_PIPELINE_DATA": str(tmp_path / "circle")}).data == tmp_path / "circle"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://my.bucket-1/mnist/run=7/v1.2_x/", "s3://my.bucket-1/mnist/run=7/v1.2_x"),
    ],
)
def test_each_bucket_has_a_local_directory_for_the_instance_and_the_inbox(value: str, address: str) -> None:
    loaded = load_from({"MNIST_PIPELINE_STORAGE": value})
    assert loaded.storage == address
    assert loaded.dagster_home.parent == loaded.inbox.parent
    assert loaded.dagster_home.parent.parent == settings.PROJECT / "storage" / "s3"
    others = (load_from({"MNIST_PIPELINE_STORAGE": other}) for other in (f"{address}/x", f"{address}-x"))
    assert all(other.dagster_home != loaded.dagster_home for other in others)


def test_only_the_embedded_data_are_compared_with_the_checksums_of_mnist(tmp_path: Path) -> None:
    assert load_from({}).canonical
    assert load_from({"MNIST_PIPELINE_DATA": str(settings.PROJECT / "assets" / ".." / "data")}).canonical
    assert not load_from({"MNIST_PIPELINE_DATA": str(tmp_path)}).canonical


def test_settings_follow_the_environment_and_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_DATA", str(tmp_path))
    assert settings.load().data == tmp_path.resolve()
    assert settings.load() is settings.load()  # validation takes a millisecond
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", "results")
    monkeypatch.setenv("MNIST_PIPELINE_DATA", "digits")
    assert settings.load().storage != str(tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    assert settings.load().storage == str(tmp_path / "results")
    assert settings.load().data == (tmp_path / "digits").resolve()
    monkeypatch.delenv("MNIST_PIPELINE_DATA")
    assert settings.load().data == settings.EMBEDDED_DATA


def test_data_sets_have_directories_of_their_own_or_are_where_fetch_puts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "PROJECT", tmp_path)
    for name in ("fashion", "data/kmnist", "own"):
        (tmp_path / name).mkdir(parents=True)
    value = f"fashion-mnist={tmp_path / 'fashion'}, kmnist ,mine={tmp_path / 'own'}"
    loaded = load_from({"MNIST_PIPELINE_DATA_SETS": value}).data_sets
    assert {placed.prefix: placed.directory for placed in loaded} == {
        "fashion_mnist": tmp_path / "fashion",
        "kmnist": tmp_path / "data" / "kmnist",
        "mine": tmp_path / "own",
    }
    assert "data/*/" in settings.PROJECT.joinpath(".gitignore").read_text()


def test_a_cluster_that_the_executor_does_not_use_is_refused() -> None:
    assert "MNIST_PIPELINE_EXECUTOR" in refusal({"MNIST_PIPELINE_CLUSTER": "host:1"})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MNIST_PIPELINE_STORAGE", "s3://name:secret@bucket/prefix"),
        *(
            ("MNIST_PIPELINE_DATABASE", value)
            for value in ("mysql://u:secret@h/n", "postgresql://u:secret@h", "postgresql://u:secret@h:x/n", "secret")
        ),
        ("MNIST_PIPELINE_DATABASE", "postgresql://u:secret@h/n\n"),
    ],
)
def test_an_invalid_value_that_may_contain_a_password_is_not_shown(variable: str, value: str) -> None:
    message = refusal({variable: value})
    assert message.startswith(f"{variable}: ")
    assert "secret" not in message


def test_valid_secrets_are_not_shown() -> None:
    assert "secret" not in repr(load_from({"MNIST_PIPELINE_DATABASE": "postgresql://u:secret@h/n"}))


def test_waiting_threads_sleep_soon_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_every_library_gets_the_number_of_threads_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    limits = threads.thread_limits(settings.load())
    assert limits["OMP_NUM_THREADS"] == "7"
    assert limits["NUMBA_NUM_THREADS"] == str(settings.load().threads)
    monkeypatch.setenv("MNIST_PIPELINE_THREADS", "3")
    assert threads.thread_limits(settings.load()) == dict.fromkeys(threads.THREAD_VARIABLES, "3")


def test_a_worker_has_the_settings_of_its_driver_except_the_executor(tmp_path: Path) -> None:
    environ = {
        "MNIST_PIPELINE_DATA": str(tmp_path / "data"),
        "MNIST_PIPELINE_STORAGE": str(tmp_path / "storage"),
        "MNIST_PIPELINE_EXECUTOR": "dask",
        "MNIST_PIPELINE_CLUSTER": "tcp://127.0.0.1:8786",
        "MNIST_PIPELINE_DATABASE": "postgresql://u:p@h/n",
        "MNIST_PIPELINE_THREADS": "3",
        "MNIST_PIPELINE_MLFLOW": "sqlite:///mlflow.db",
    }
    with mock.patch.dict(os.environ, environ, clear=True):
        loaded = settings.load()
        variables = threads.for_workers(loaded)
    assert variables["MNIST_PIPELINE_MLFLOW"] == f"sqlite:///{Path.cwd() / 'mlflow.db'}"
    assert load_from(variables) == loaded.model_copy(update={"executor": "in_process", "cluster": None})
