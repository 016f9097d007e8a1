"""Room for pods: the nodes of a cluster that grows when a pod finds no place, and shrinks when nodes stand empty."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class NodeSettings:
    """Nodes of one size.

    room   pods of the workload that one node holds
    start  from the pod that finds no place to a new node that takes it
    spare  how long an empty node stays; cluster-autoscaler's `--scale-down-unneeded-time`
    """

    room: int
    start: timedelta = timedelta(minutes=2)
    spare: timedelta = timedelta(minutes=10)

    def __post_init__(self) -> None:
        if self.room < 1:
            raise ValueError(f"{self.room} pods per node; it must be one or more")
        for name, span in {"node start": self.start, "spare time of a node": self.spare}.items():
            if span < timedelta(0):
                raise ValueError(f"a {name} of {span}; it must be zero or more")


@dataclass(slots=True, eq=False)
class Node:
    """One node and how many pods are bound to it; `empty_since` counts while there are none."""

    ready_at: datetime
    empty_since: datetime
    pods: int = 0


class Nodes:
    """The nodes that there are, the oldest first."""

    def __init__(self, settings: NodeSettings) -> None:
        self._settings = settings
        self._nodes: list[Node] = []

    @property
    def count(self) -> int:
        """Nodes that there are or that are on their way."""
        return len(self._nodes)

    def bind(self, now: datetime, start: timedelta | None = None) -> Node:
        """The node of a new pod, which counts on it from now on; a new one, ready after `start`, where none has room.

        Of the nodes that are up the one with the fewest pods (the scheduler's LeastAllocated), before one that is
        still on its way. A pod that waits for a node stays with it, although room may come free elsewhere.
        """
        self._drop_spare(now)
        free = [node for node in self._nodes if node.pods < self._settings.room]
        node = min(free, key=lambda one: (max(one.ready_at, now), one.pods), default=None)
        if node is None:
            node = Node(now + (self._settings.start if start is None else start), now)
            self._nodes.append(node)
        node.pods += 1
        return node

    def release(self, node: Node, now: datetime) -> None:
        """A pod of the node is gone."""
        node.pods -= 1
        node.empty_since = now

    def _drop_spare(self, now: datetime) -> None:
        spare = self._settings.spare
        self._nodes = [node for node in self._nodes if node.pods or now - node.empty_since < spare]
