"""What stands on private names of Dagster."""

from sqlalchemy import text

from mnist_pipeline.runtime import dagster_internals


def test_the_open_event_log_waits_for_other_writers_as_long_as_dagsters_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    log = dagster_internals.OpenEventLog()
    waits = []
    for own in (log, super(dagster_internals.OpenEventLog, log)):
        for connection in (own.index_connection(), own.run_connection("run")):
            with connection as opened:
                waits.append(opened.execute(text("PRAGMA busy_timeout")).scalar())
    log.dispose()
    assert len(set(waits)) == 1
