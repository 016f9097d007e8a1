"""The gateway as a web application: the socket endpoint, and what probes and Prometheus ask for."""

from __future__ import annotations

from fastapi import FastAPI, WebSocket
from fastapi.responses import JSONResponse, Response

from gateway.hub import ENDPOINT, Hub
from gateway.metrics import CONTENT_TYPE


def create_app(hub: Hub) -> FastAPI:
    """The application over one hub. To be served with `gateway.protocol.GatewayProtocol`, as `gateway.server` does."""
    app = FastAPI(title="Foresail gateway", openapi_url=None)

    @app.websocket(ENDPOINT)
    async def socket(websocket: WebSocket) -> None:
        await hub.serve(websocket)

    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        if hub.is_draining:
            return JSONResponse({"status": "draining"}, status_code=503)
        return JSONResponse({"status": "ready"})

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(hub.metrics.exposition(), headers={"content-type": CONTENT_TYPE})

    return app
