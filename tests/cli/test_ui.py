"""`mnist-pipeline ui` leaves no server behind, however it ends."""

import signal
from pathlib import Path

import pytest
from support.served import served_ui


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL])
def test_no_server_is_left_when_the_terminal_closes_or_the_command_is_killed(
    stop: signal.Signals, slice_directory: Path, tmp_path: Path
) -> None:
    with served_ui(slice_directory, tmp_path, "--read-only", stop=stop) as port:
        assert port
