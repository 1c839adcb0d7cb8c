"""TCP options of connections to Redis."""

import socket

# A server or a network that is gone without a word is noticed within about ten seconds, as with PostgreSQL.
_KEEPALIVE = {
    "TCP_KEEPIDLE": 4,  # seconds
    "TCP_KEEPINTVL": 2,  # seconds
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 10_000,  # milliseconds
}

# Not every system has every option.
KEEPALIVE = {getattr(socket, name): value for name, value in _KEEPALIVE.items() if hasattr(socket, name)}
