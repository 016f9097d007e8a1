"""The WebSocket gateway: rooms, broadcast, private messages and echo for many long-lived connections in one process.

The thinking is sans-I/O (`codec`, `session`, `registry`, `origin`, `admission`, `heartbeat`, `drain`, `outbox`,
`connection`): no sockets, no clock, no event loop. `protocol`, `hub`, `app` and `server` move the bytes.
"""
