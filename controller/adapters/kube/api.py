"""The Kubernetes API as it is on the wire: paths and JSON over one pool of connections.

`kubernetes` knows how to find a cluster and to log in there (kubeconfig, a pod's service account, tokens that are
renewed); the requests are plain aiohttp, because typed models cost memory and lose what they do not know.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject

from controller.errors import ApiAway, ApiRefused, ClusterError, Conflict, Forbidden, Gone, NotFound, TooMany

Json = dict[str, Any]
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
_CONNECT_S = 5.0
_ANSWER_S = 20.0
_KINDS: Mapping[int, type[ApiRefused]] = {403: Forbidden, 404: NotFound, 409: Conflict, 410: Gone, 429: TooMany}


class _Response(aiohttp.ClientResponse):
    """An answer whose connection is gone one turn after it was left unread, as a watch is whose task ends.

    aiohttp would part from the server as TLS wants it, wait up to 30 s for its goodbye, and forget the connection
    meanwhile: it outlives the session that it belongs to. What was read to its end, has no connection any more.
    """

    def close(self) -> None:
        self._cut()
        super().close()

    def release(self) -> Any:
        self._cut()
        return super().release()

    def _cut(self) -> None:
        if self.connection is not None and self.connection.transport is not None:
            self.connection.transport.abort()


class Api:
    """One account's access to one API server; to be used as a context manager."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    async def connect(cls, kubeconfig: Path | None = None, context: str | None = None) -> Self:
        """By a kubeconfig, or as the pod that this runs in, or else by the usual kubeconfig.

        Raises ClusterError where none of these says which cluster.
        """
        configuration = Configuration()
        if kubeconfig is not None and not kubeconfig.is_file():
            raise ClusterError(f"{kubeconfig}: no such file, so no way to a cluster; name a kubeconfig")
        try:
            if kubeconfig is None and context is None:
                try:
                    kubernetes_config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
                    return cls(configuration)
                except kubernetes_config.ConfigException:
                    pass
            await kubernetes_config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=None if kubeconfig is None else str(kubeconfig),
                context=context,
                client_configuration=configuration,
                persist_config=False,
            )
        except (kubernetes_config.ConfigException, OSError, TypeError, ValueError) as error:
            where = kubeconfig or "neither a pod's service account nor a kubeconfig"
            raise ClusterError(f"{where}: no way to a cluster: {error}") from error
        return cls(configuration)

    async def __aenter__(self) -> Self:
        tls = RESTClientObject(self._configuration).ssl_context
        connector = aiohttp.TCPConnector(ssl=tls, limit=64)
        self._session = aiohttp.ClientSession(
            connector=connector, response_class=_Response, read_bufsize=2**20, trust_env=True
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # the transports of TLS close one turn later

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Json:
        return await self._call("GET", path, params)

    async def create(self, path: str, body: Json) -> Json:
        return await self._call("POST", path, None, body)

    async def replace(self, path: str, body: Json) -> Json:
        return await self._call("PUT", path, None, body)

    async def delete(self, path: str) -> Json:
        return await self._call("DELETE", path, None)

    async def patch(
        self, path: str, change: object, kind: str = MERGE_PATCH, params: Mapping[str, str] | None = None
    ) -> Json:
        """`kind` is the patch's media type: MERGE_PATCH, JSON_PATCH or APPLY."""
        return await self._call("PATCH", path, params, change, kind)

    async def watch(self, path: str, params: Mapping[str, str], silence_s: float) -> AsyncIterator[Json]:
        """Events of a watch until the server ends it. A connection that is silent for `silence_s` counts as broken.

        Raises ApiAway, and ApiRefused, also where the refusal comes as an event.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=silence_s)
        request = f"watch {path}"
        try:
            async with await self._send("GET", path, {**params, "watch": "1"}, None, None, timeout) as response:
                rest = b""
                async for part in response.content.iter_any():
                    *lines, rest = (rest + part).split(b"\n")
                    for line in lines:
                        event: Json = json.loads(line)
                        if event["type"] == "ERROR":
                            raise _refusal(request, event["object"].get("code", 500), event["object"], None)
                        yield event
        except (aiohttp.ClientError, TimeoutError, OSError, json.JSONDecodeError) as error:
            raise ApiAway(f"{request}: {_said(error)}") from error

    async def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: object = None,
        kind: str = "application/json",
    ) -> Json:
        timeout = aiohttp.ClientTimeout(total=_ANSWER_S, sock_connect=_CONNECT_S)
        try:
            async with await self._send(method, path, params, body, kind, timeout) as response:
                answer: Json = json.loads(await response.read())
                return answer
        except (aiohttp.ClientError, TimeoutError, OSError, json.JSONDecodeError) as error:
            raise ApiAway(f"{method} {path}: {_said(error)}") from error

    async def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: object,
        kind: str | None,
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        assert self._session is not None, "to be used as a context manager"
        headers = {"Accept": "application/json"}
        token = await self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        if token:
            headers["Authorization"] = token
        if body is not None:
            headers["Content-Type"] = kind or "application/json"
        response = await self._session.request(
            method,
            self._configuration.host + path,
            params=params,
            data=None if body is None else json.dumps(body).encode(),
            headers=headers,
            timeout=timeout,
        )
        if response.status >= 300:
            async with response:
                text = await response.read()
            try:
                said = json.loads(text)
            except ValueError:
                said = {"message": text.decode(errors="replace")[:500]}
            raise _refusal(f"{method} {path}", response.status, said, response.headers.get("Retry-After"))
        return response


def _refusal(request: str, status: int, said: Mapping[str, Any], retry_after: str | None) -> ApiRefused:
    wait = float(retry_after) if retry_after is not None and retry_after.isdigit() else None
    kind = _KINDS.get(status, ApiRefused)
    return kind(request, status, said.get("reason") or "", said.get("message") or "", wait)


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
