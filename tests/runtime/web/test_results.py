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


def draw():
    return result(np.zeros(1), "", figures={"plot": Image.new("L", (3, 2))})


def preview(drawn: dg.AssetsDefinition, partition: str | None = None) -> str:
    """The metadata that shows the figure of an asset that runs."""
    done = dg.materialize(
        [drawn],
        instance=dg.DagsterInstance.ephemeral(),
        resources=defs.resources,
        partition_key=partition,
    )
    (event,) = done.get_asset_materialization_events()
    return str(event.step_materialization_data.materialization.metadata["plot"].value)


def test_the_metadata_links_to_the_figure_of_a_partition_whatever_its_name_contains(storage):
    partitions = dg.StaticPartitionsDefinition([PARTITION])
    drawn = dg.asset(draw, name="drawn", io_manager_key=STORAGE, partitions_def=partitions)
    (address,) = re.findall(r"\]\((/\S+)\)$", preview(drawn, PARTITION))
    assert asyncio.run(get(address)).content.startswith(b"\x89PNG")


def test_no_link_leads_to_a_figure_of_an_instance_which_the_server_does_not_have(storage):
    drawn = dg.asset(draw, name="drawn", key_prefix="shoes", io_manager_key=STORAGE)
    shown = preview(drawn)
    assert "data:image/png" in shown
    assert "](/" not in shown
