"""The HTTP side and the answers to handshakes, through real sockets."""

from __future__ import annotations

import pytest
from websockets.exceptions import InvalidStatus

from gateway.settings import Drain, Origins, Settings
from tests.gateway.running import Gateway, a_gateway, greet

PAGE = "https://chat.example"


async def refusal(gateway: Gateway, origin: str | None = None) -> int:
    with pytest.raises(InvalidStatus) as caught:
        await gateway.connect(origin=origin)
    return caught.value.response.status_code


async def handshakes(gateway: Gateway, outcome: str) -> float:
    return await gateway.metric(f'websocket_handshake_duration_seconds_count{{outcome="{outcome}"}}')


async def test_probes_and_metrics_of_a_running_gateway() -> None:
    async with a_gateway() as gateway:
        ready = await gateway.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
        healthy = await gateway.get("/healthz")
        assert (healthy.status_code, healthy.json()) == (200, {"status": "ok"})
        scrape = await gateway.get("/metrics")
        assert scrape.status_code == 200
        assert scrape.headers["content-type"].startswith("text/plain; version=")
        assert "websocket_connections_total{" in scrape.text
        assert "date" in scrape.headers
        assert (await gateway.get("/docs")).status_code == 404


async def test_only_listed_pages_may_connect() -> None:
    async with a_gateway(Settings(origins=Origins(allowed_origins=(PAGE,)))) as gateway:
        async with gateway.connect(origin=PAGE) as page:
            await greet(page)
        async with gateway.connect() as program:
            await greet(program)
        assert await refusal(gateway, "https://evil.example") == 403
        assert await refusal(gateway, "http://chat.example") == 403
        assert await handshakes(gateway, "accepted") == 2
        assert await handshakes(gateway, "refused_origin") == 2
        assert await gateway.metric('websocket_handshake_duration_seconds_sum{outcome="accepted"}') > 0


async def test_no_page_may_connect_by_default() -> None:
    async with a_gateway() as gateway:
        assert await refusal(gateway, PAGE) == 403


async def test_programs_may_be_refused_by_setting() -> None:
    async with a_gateway(Settings(origins=Origins(allow_missing_origin=False))) as gateway:
        assert await refusal(gateway) == 403


async def test_a_draining_gateway_is_healthy_but_not_ready() -> None:
    async with a_gateway(Settings(drain=Drain(drain_window_s=3600))) as gateway, gateway.connect() as client:
        await greet(client)
        gateway.stop.set()
        while (ready := await gateway.get("/readyz")).status_code == 200:
            assert not gateway.finished.done()
        assert (ready.status_code, ready.json()) == (503, {"status": "draining"})
        assert (await gateway.get("/healthz")).status_code == 200
        assert await refusal(gateway) == 503
        assert await handshakes(gateway, "refused_draining") == 1
        assert await gateway.metric('websocket_connections_total{endpoint="/ws",status="active"}') == 0
        assert await gateway.metric('websocket_connections_total{endpoint="/ws",status="inactive"}') == 1
        gateway.hurry.set()
