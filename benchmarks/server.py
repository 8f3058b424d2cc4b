"""Memory of `mnist-pipeline ui` while 2,000 pictures of all kinds are uploaded to the drawing page,
one after the other: what the server has allocated, and the peak of its resident set, which includes
mapped pages of files. Every eighth picture is a large photo. It takes some ten minutes, so it only
runs when it is named.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from benchmarks import archive
from benchmarks.bench import ROOT, Bench, run_module
from benchmarks.commands import ensure_run
from benchmarks.table import Table

NUM_UPLOADS = 2_000
STEPS = (200, 400, 1_000, 2_000)
LARGE_EVERY, LARGE_SIDE, MAX_BYTES = 8, 4_000, 9_000_000


def measure(bench: Bench) -> Table:
    """A row per number of uploads."""
    ensure_run(bench)
    table = Table("Memory of the server", ("uploads", "allocated memory", "peak with mapped files"))
    refused = 0
    with _server(bench.storage) as (address, process):
        for number, content in enumerate(_pictures(), 1):
            request = urllib.request.Request(f"{address}/draw/read", content)
            try:
                urllib.request.urlopen(request, timeout=600).read()
            except urllib.error.HTTPError as error:
                error.close()
                refused += 1
            if number in STEPS:
                allocated, peak = (_memory(process, name) for name in ("RssAnon", "VmHWM"))
                table.rows.append((f"{number:,}", f"{allocated:,} MB", f"{peak:,} MB"))
                bench.say(f"  {number:,} uploads: {allocated:,} MB, at most {peak:,} MB")
    table.notes.append(f"{refused:,} pictures were refused.")
    return table


def _pictures() -> Iterator[bytes]:
    """Pictures of the archive, of all kinds in turn."""
    examples = list(archive.examples())
    for number in range(NUM_UPLOADS):
        # A step that has no common divisor with the number of pictures reaches all kinds.
        content = examples[number * 1_009 % len(examples)].content
        yield _enlarged(content) if number % LARGE_EVERY == 0 else content


def _enlarged(content: bytes) -> bytes:
    """The same picture as a photo of many pixels, which a server accepts."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    factor = LARGE_SIDE / max(image.size)
    file = io.BytesIO()
    image.resize([max(1, round(side * factor)) for side in image.size]).save(file, "JPEG")
    return file.getvalue() if file.tell() < MAX_BYTES else content


@contextlib.contextmanager
def _server(storage: Path) -> Iterator[tuple[str, int]]:
    """The address of a server of the results in a storage, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = run_module("mnist_pipeline.cli", "ui", "--read-only", "--port", port)
    environment = {**os.environ, "MNIST_PIPELINE_STORAGE": str(storage)}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=sys.stderr, text=True
    )
    assert process.stdout is not None
    address = f"http://127.0.0.1:{port}"
    try:
        process.stdout.readline()  # it listens
        urllib.request.urlopen(f"{address}/draw", timeout=600).close()
        yield address, process.pid
    finally:
        process.terminate()
        process.wait()


def _memory(process: int, name: str) -> int:
    """A line of Linux's account of a process, in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(rf"^{name}:\s*(\d+) kB", status, re.MULTILINE)
    assert found
    return round(int(found[1]) * 1024 / 1e6)
