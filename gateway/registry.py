"""Which clients are here, and who is in which room. A data structure: it sends nothing and knows no limits."""

from __future__ import annotations


class Registry:
    """Clients and rooms, both ways round. A room exists while it has a member."""

    def __init__(self) -> None:
        self._rooms_of: dict[str, set[str]] = {}
        self._members: dict[str, set[str]] = {}

    def __contains__(self, client_id: str) -> bool:
        return client_id in self._rooms_of

    def add(self, client_id: str) -> None:
        """The client is here, in no room. Raises ValueError where the id is taken."""
        if client_id in self._rooms_of:
            raise ValueError(f"client id {client_id!r} is taken")
        self._rooms_of[client_id] = set()

    def remove(self, client_id: str) -> None:
        """The client is gone, and out of every room. Raises KeyError where it is not here."""
        for room in self._rooms_of.pop(client_id):
            self._drop(client_id, room)

    def join(self, client_id: str, room: str) -> None:
        """The client is a member of the room, whether or not it was before. Raises KeyError where it is not here."""
        self._rooms_of[client_id].add(room)
        self._members.setdefault(room, set()).add(client_id)

    def leave(self, client_id: str, room: str) -> None:
        """The client is no member of the room, whether or not it was before. Raises KeyError where it is not here."""
        if room in self._rooms_of[client_id]:
            self._rooms_of[client_id].remove(room)
            self._drop(client_id, room)

    def clients(self) -> tuple[str, ...]:
        """Everyone who is here, in the order of arrival."""
        return tuple(self._rooms_of)

    def members(self, room: str) -> tuple[str, ...]:
        """Everyone in a room, in no particular order; nobody where the room does not exist."""
        return tuple(self._members.get(room, ()))

    def rooms(self) -> frozenset[str]:
        """Every room that has a member."""
        return frozenset(self._members)

    def rooms_of(self, client_id: str) -> frozenset[str]:
        """The rooms that a client is in. Raises KeyError where it is not here."""
        return frozenset(self._rooms_of[client_id])

    def is_member(self, client_id: str, room: str) -> bool:
        """Whether the client is in the room. Raises KeyError where it is not here."""
        return room in self._rooms_of[client_id]

    def _drop(self, client_id: str, room: str) -> None:
        members = self._members[room]
        members.remove(client_id)
        if not members:
            del self._members[room]
