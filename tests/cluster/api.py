"""The Kubernetes API as it is on the wire: paths and JSON, no models, one connection pool for all threads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

import urllib3

Json = dict[str, Any]
PATIENCE_S = 120.0


class ApiError(Exception):
    """What the API server refused; `status` is the HTTP code, `reason` Kubernetes' word for it."""

    def __init__(self, request: str, status: int, reason: str, message: str) -> None:
        super().__init__(f"{request}: {status} {reason}: {message}")
        self.status = status
        self.reason = reason


class Event(NamedTuple):
    """One change that a watch tells of: ADDED, MODIFIED or DELETED, and the object."""

    type: str
    object: Json


class Api:
    """One user's access to one API server."""

    def __init__(self, url: str, token: str, ca_file: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._pool = urllib3.PoolManager(maxsize=32, ca_certs=ca_file, retries=False)

    def get(self, path: str, **query: str) -> Json:
        return self._call("GET", path, query)

    def discovered(self) -> set[str]:
        """Every resource that a client finds, as `plural.group`: a new kind is served before it is found.

        Helm and kubectl ask in this way which kinds there are.
        """
        headers = {**self._headers, "Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
        found = json.loads(self._send("GET", "/apis", {}, None, "", headers=headers).data)
        return {
            f"{resource['resource']}.{group['metadata']['name']}"
            for group in found["items"]
            for version in group["versions"]
            for resource in version.get("resources", ())
        }

    def create(self, path: str, body: Json) -> Json:
        return self._call("POST", path, {}, body)

    def replace(self, path: str, body: Json) -> Json:
        return self._call("PUT", path, {}, body)

    def change(self, path: str, change: Callable[[Json], Json]) -> Json:
        """Replaces what is there by what `change` makes of it, again where another has written it meanwhile.

        The HPA controller writes into a new HPA's status at its first sync, whenever that is.
        """
        while True:
            try:
                return self.replace(path, change(self.get(path)))
            except ApiError as error:
                if error.reason != "Conflict":
                    raise

    def patch(self, path: str, change: Json) -> Json:
        """A merge patch: null removes a key, a list replaces a list."""
        return self._call("PATCH", path, {}, change, "application/merge-patch+json")

    def apply(self, path: str, body: Json, *, manager: str, force: bool = False) -> Json:
        """A server-side apply, which makes what is not there."""
        query = {"fieldManager": manager, "force": str(force).lower()}
        return self._call("PATCH", path, query, body, "application/apply-patch+yaml")

    def delete(self, path: str, **query: str) -> Json:
        return self._call("DELETE", path, query)

    def watch(self, path: str, resource_version: str) -> Watch:
        """What happens at the path after that version, until the watch is left, stopped, or ended by the server."""
        query = {"watch": "1", "resourceVersion": resource_version}
        return Watch(self._send("GET", path, query, None, "", stream=True))

    def _call(
        self, method: str, path: str, query: Mapping[str, str], body: Json | None = None, kind: str = "application/json"
    ) -> Json:
        answer: Json = json.loads(self._send(method, path, query, body, kind).data)
        return answer

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Json | None,
        kind: str,
        stream: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        url = f"{self._url}{path}{'?' if query else ''}{urlencode(query)}"
        headers = headers or self._headers
        if body is not None:
            headers = {**headers, "Content-Type": kind}
        response = self._pool.request(
            method,
            url,
            body=None if body is None else json.dumps(body).encode(),
            headers=headers,
            timeout=urllib3.Timeout(connect=PATIENCE_S, read=None if stream else PATIENCE_S),
            preload_content=not stream,
        )
        if response.status >= 300:
            raise _refused(f"{method} {path}", response)
        return response


class Watch:
    """Events as they come; `stop` ends the waiting for the next one, from any thread."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response
        self._stopped = False

    def __iter__(self) -> Iterator[Event]:
        rest = b""
        try:
            for part in self._response.stream(decode_content=True):
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    yield Event(event["type"], event["object"])
        except urllib3.exceptions.ProtocolError:  # a stream that ends between two of its marks
            if not self._stopped:
                raise

    def stop(self) -> None:
        self._stopped = True
        self._response.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._response.close()


def _refused(request: str, response: urllib3.BaseHTTPResponse) -> ApiError:
    try:
        said = json.loads(response.data)
    except ValueError:
        said = {"message": response.data.decode(errors="replace")}
    return ApiError(request, response.status, said.get("reason", ""), said.get("message", ""))


def timestamp(at: datetime | None = None) -> str:
    """A time, or now, as Kubernetes writes times: in whole seconds, cut off."""
    moment = at or datetime.now(UTC)  # noqa: TID251  where a cluster runs, time passes
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
