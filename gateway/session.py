"""What one client's messages do: who gets what in return. Bytes in, deliveries out; it never touches a socket."""

from __future__ import annotations

from dataclasses import dataclass

from gateway import codec
from gateway.codec import Broadcast, ClientMessage, Echo, Join, Leave, Ping, Publish, Send
from gateway.errors import BadMessage, ErrorCode
from gateway.registry import Registry


@dataclass(frozen=True, slots=True)
class Delivery:
    """One encoded message and the ids of the clients that get it. `error` is set where it is an error reply."""

    to: tuple[str, ...]
    text: str
    error: ErrorCode | None = None


class Session:
    """One client, from its welcome until it is gone. Opened by being made; `close` takes it out of the registry."""

    def __init__(self, client_id: str, registry: Registry, max_message_bytes: int, max_rooms: int) -> None:
        registry.add(client_id)
        self.client_id = client_id
        self._registry = registry
        self._max_message_bytes = max_message_bytes
        self._max_rooms = max_rooms
        self._is_open = True

    def close(self) -> None:
        """The client is gone, and out of its rooms. Closing twice is closing once."""
        if self._is_open:
            self._is_open = False
            self._registry.remove(self.client_id)

    def welcome(self) -> Delivery:
        """The first message of the connection."""
        return self._reply(codec.welcome(self.client_id))

    def receive_text(self, text: str) -> list[Delivery]:
        """What follows from a text frame, in the order to send it in; nothing once the session is closed."""
        if not self._is_open:
            return []
        try:
            message = codec.decode(text, self._max_message_bytes)
        except BadMessage as refusal:
            return [self._refuse(refusal)]
        try:
            deliveries = self._follow(message)
        except BadMessage as refusal:
            refusal.id = message.id
            return [self._refuse(refusal)]
        if message.id is not None:
            deliveries.append(self._reply(codec.ack(message.id)))
        return deliveries

    def receive_binary(self) -> list[Delivery]:
        """What follows from a binary frame: an error reply, because the protocol has none."""
        if not self._is_open:
            return []
        return [self._refuse(BadMessage(ErrorCode.NOT_TEXT, "a binary frame; send JSON in text frames"))]

    def _follow(self, message: ClientMessage) -> list[Delivery]:
        match message:
            case Join(room=room):
                return self._join(room)
            case Leave(room=room):
                self._registry.leave(self.client_id, room)
                return []
            case Publish(room=room, data=data):
                return self._publish(room, data)
            case Broadcast(data=data):
                return [Delivery(self._registry.clients(), codec.broadcast_message(self.client_id, data))]
            case Send(to=to, data=data):
                return self._send(to, data)
            case Echo(data=data):
                return [self._reply(codec.echo(data))]
            case Ping():
                return [self._reply(codec.pong())]

    def _join(self, room: str) -> list[Delivery]:
        rooms = self._registry.rooms_of(self.client_id)
        if room not in rooms and len(rooms) >= self._max_rooms:
            raise BadMessage(
                ErrorCode.TOO_MANY_ROOMS, f"in {len(rooms)} rooms; at most {self._max_rooms} are allowed; leave one"
            )
        self._registry.join(self.client_id, room)
        return []

    def _publish(self, room: str, data: object) -> list[Delivery]:
        if not self._registry.is_member(self.client_id, room):
            raise BadMessage(ErrorCode.NOT_IN_ROOM, f"not in room {room!r}; only members publish; join it first")
        return [Delivery(self._registry.members(room), codec.room_message(room, self.client_id, data))]

    def _send(self, to: str, data: object) -> list[Delivery]:
        if to not in self._registry:
            raise BadMessage(ErrorCode.UNKNOWN_CLIENT, f"no client {to!r} here; use the client_id of a welcome")
        return [Delivery((to,), codec.private_message(self.client_id, data))]

    def _reply(self, text: str) -> Delivery:
        return Delivery((self.client_id,), text)

    def _refuse(self, refusal: BadMessage) -> Delivery:
        return Delivery((self.client_id,), codec.error(refusal), refusal.code)
