"""Who leads: one of several controllers, by a Lease that it renews.

It never leads past its own deadline: when the Lease could not be renewed for that long, it stops before another may
begin. What is in the Lease of another is compared with when it was *seen* to change, so that clocks need not agree.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from controller.errors import ClusterError, Conflict, NotFound

Json = dict[str, Any]
_LOG = logging.getLogger(__name__)


class Server(Protocol):
    """What an elector needs of the API."""

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Json: ...

    async def create(self, path: str, body: Json) -> Json: ...

    async def replace(self, path: str, body: Json) -> Json: ...


@dataclass(frozen=True)
class Timing:
    """Seconds. A lease is another's for `lease` after it was last seen renewed; its holder stops at `deadline`."""

    lease: float = 15.0
    deadline: float = 10.0
    retry: float = 2.0

    def __post_init__(self) -> None:
        if not self.lease > self.deadline > self.retry > 0:
            found = f"lease {self.lease:g} s, deadline {self.deadline:g} s, retry {self.retry:g} s"
            raise ValueError(f"{found}; each must be longer than the next")


class Elector:
    """One candidate.

    leading  whether this one may write now; False from the deadline on, whatever the loop is doing
    """

    def __init__(self, server: Server, namespace: str, name: str, identity: str, timing: Timing | None = None) -> None:
        self._server = server
        self._folder = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._name = name
        self._identity = identity
        self._timing = timing or Timing()
        self._until = 0.0
        self._lease: Json | None = None
        self._seen: tuple[str, float] = ("", 0.0)
        self._insists = False
        self.changed = asyncio.Event()

    @property
    def leading(self) -> bool:
        return time.monotonic() < self._until

    def insist(self) -> None:
        """From now on it takes the lease whoever has it, who sees that at the next renewal and stops.

        In the end it does not give the lease back: nobody leads until it has run out.
        """
        self._insists = True

    async def run(self) -> None:
        """Stands for election until cancelled, and gives the lease back then."""
        led = False
        try:
            while True:
                try:
                    # Not wait_for, which before Python 3.12 may swallow a cancellation that comes with the answer.
                    async with asyncio.timeout(self._timing.deadline):
                        await self._try()
                except (ClusterError, TimeoutError) as error:
                    _LOG.warning("the lease %s could not be had or renewed: %s", self._name, error)
                if led != self.leading:
                    led = self.leading
                    self.changed.set()
                    _LOG.info("%s the leader (%s)", "now" if led else "no longer", self._identity)
                await asyncio.sleep(self._timing.retry * (0.8 + 0.4 * random.random()))
        finally:
            await self._give_back()

    async def _try(self) -> None:
        """Takes or renews the lease where it is nobody's, or ours; else notes whether its holder has moved."""
        before = time.monotonic()
        try:
            lease = await self._server.get(f"{self._folder}/{self._name}")
        except NotFound:
            self._took(await self._server.create(self._folder, self._written(None)), before)
            return
        spec = lease.get("spec", {})
        holder = spec.get("holderIdentity") or ""
        mark = f"{holder} {spec.get('renewTime')} {lease['metadata']['resourceVersion']}"
        if mark != self._seen[0]:
            self._seen = mark, before
        free = not holder or before - self._seen[1] > float(spec.get("leaseDurationSeconds") or self._timing.lease)
        if holder != self._identity and not free and not self._insists:
            self._until = 0.0
            return
        try:
            self._took(await self._server.replace(f"{self._folder}/{self._name}", self._written(lease)), before)
        except Conflict:
            self._until = 0.0

    def _took(self, lease: Json, since: float) -> None:
        self._lease = lease
        self._until = since + self._timing.deadline

    def _written(self, lease: Json | None) -> Json:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: TID251  what a lease is made of
        spec = dict(lease.get("spec", {})) if lease else {}
        if spec.get("holderIdentity") != self._identity:
            spec["leaseTransitions"] = spec.get("leaseTransitions", -1) + 1
            spec["acquireTime"] = now
        spec |= {
            "holderIdentity": self._identity,
            "renewTime": now,
            "leaseDurationSeconds": max(1, round(self._timing.lease)),
        }
        metadata = lease["metadata"] if lease else {"name": self._name}
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}

    async def _give_back(self) -> None:
        """So that a successor need not wait for the lease to run out. The time of the last renewal stays."""
        if not self.leading or self._lease is None or self._insists:
            return
        self._until = 0.0
        spec = {**self._lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            async with asyncio.timeout(self._timing.retry):
                await self._server.replace(f"{self._folder}/{self._name}", {**self._lease, "spec": spec})
        except (ClusterError, TimeoutError) as error:
            _LOG.warning("the lease %s was not given back: %s", self._name, error)
