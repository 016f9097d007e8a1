"""The frames that one connection still has to take, bounded in number and in bytes. Stores, sends nothing."""

from __future__ import annotations

from collections import deque


class Outbox:
    """First in, first out. What does not fit is refused, and the owner decides what that means."""

    def __init__(self, max_frames: int, max_bytes: int) -> None:
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._frames: deque[bytes] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def size_bytes(self) -> int:
        """Bytes held, framing included."""
        return self._bytes

    def put(self, frame: bytes) -> bool:
        """Whether the frame fitted; it is held then, and only then."""
        if len(self._frames) >= self._max_frames or self._bytes + len(frame) > self._max_bytes:
            return False
        self._frames.append(frame)
        self._bytes += len(frame)
        return True

    def take(self) -> bytes:
        """The oldest frame, no longer held. Raises IndexError where there is none."""
        frame = self._frames.popleft()
        self._bytes -= len(frame)
        return frame

    def clear(self) -> None:
        """Holds nothing any more."""
        self._frames.clear()
        self._bytes = 0
