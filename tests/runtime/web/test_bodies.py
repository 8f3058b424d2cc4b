"""The limit for the bodies of requests, also for a body that comes in parts."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from mnist_pipeline.runtime.web.middleware import bodies

LIMIT = 10  # bytes


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


async def send(*parts: bytes) -> httpx.Response:
    """Send a body in parts, whose length the request does not announce."""

    async def content() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    routes = [Route("/", echo, methods=["POST"])]
    app = Starlette(routes=routes, middleware=[Middleware(bodies.BodiesMiddleware)])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.post("/", content=content())


@pytest.mark.parametrize(
    ("parts", "status"),
    [([b"x" * LIMIT], 200), ([b"xx"] * 5, 200), ([b"x" * (LIMIT + 1)], 413), ([b"xx"] * 6, 413)],
)
def test_the_parts_of_a_body_are_limited_together(parts, status, monkeypatch):
    monkeypatch.setattr(bodies, "MAX_BODY", LIMIT)
    response = asyncio.run(send(*parts))
    assert response.status_code == status
    assert status != 200 or response.content == b"".join(parts)
