"""Stored results in the browser."""

import asyncio
import re

import dagster as dg
import httpx
import numpy as np
from PIL import Image
from starlette.applications import Starlette

from assets.definitions import defs
from mnist_pipeline.runtime.graph.results import STORAGE, result
from mnist_pipeline.runtime.web.results import ROUTES

PARTITION = "a/ü 1%"


async def get(address: str) -> httpx.Response:
    """Send a request as uvicorn passes it on, with a path that is decoded once."""
    server = httpx.ASGITransport(Starlette(routes=ROUTES))
    async with httpx.AsyncClient(transport=server, base_url="http://127.0.0.1") as client:
        return await client.get(address)


@dg.asset(io_manager_key=STORAGE, partitions_def=dg.StaticPartitionsDefinition([PARTITION]))
def drawn():
    return result(np.zeros(1), "", figures={"plot": Image.new("L", (3, 2))})


def test_the_metadata_links_to_the_figure_of_a_partition_whatever_its_name_contains(storage):
    done = dg.materialize(
        [drawn],
        instance=dg.DagsterInstance.ephemeral(),
        resources=defs.resources,
        partition_key=PARTITION,
    )
    (event,) = done.asset_materializations_for_node("drawn")
    (address,) = re.findall(r"\]\((/\S+)\)$", event.metadata["plot"].value)
    assert asyncio.run(get(address)).content.startswith(b"\x89PNG")
