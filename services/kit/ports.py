"""Whether a port is free, asked before anything is begun that it would bring to nothing."""

from __future__ import annotations

import errno
import socket

from services.kit.errors import CannotStart


def refuse_taken(port: int, host: str = "127.0.0.1") -> None:
    """Raises `CannotStart` where another program listens on `port` or this user may not."""
    try:
        socket.create_server((host, port)).close()
    except PermissionError:
        raise CannotStart(
            f"port {port} is open to root alone; choose one above 1023 with --port"
        ) from None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise CannotStart(f"nothing can listen on {host}:{port}: {error.strerror}") from None
        raise CannotStart(f"port {port} is in use; choose another with --port") from None
