"""The socket that a server listens on, which can stop listening for a while and keeps its address meanwhile."""

import os
import socket
import sys
from contextlib import suppress

BACKLOG = 2048


class PortUnavailable(Exception):  # named as the refusals are: by what it says
    """The address cannot be listened on."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises PortUnavailable."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise PortUnavailable(f"cannot listen on {host}: {error.strerror}") from None
    except (UnicodeError, ValueError) as error:  # a name that cannot be that of a host
        raise PortUnavailable(f"cannot listen on {host}: {error}") from None
    try:
        _allow_reuse(listening)
        listening.bind(address)
        if port == 0 and sys.platform == "linux":
            listening = _bound_by_number(listening)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise PortUnavailable(
            f"port {port} on {host} cannot be had ({error.strerror}): choose another with --port, or --port 0 for any"
        ) from None
    listening.setblocking(False)
    return listening


class ListeningSocket:
    """A listening socket that can be paused: then connections are refused, and the address stays this server's."""

    def __init__(self, listening: socket.socket) -> None:
        self._socket = listening
        self._kind = listening.family, listening.type, listening.proto
        self._address = listening.getsockname()

    @property
    def port(self) -> int:
        """The port of its address."""
        port: int = self._address[1]
        return port

    def copy(self) -> socket.socket:
        """The same socket for an event loop, which closes what it is given."""
        return self._socket.dup()

    def pause(self) -> None:
        """Refuse connections from now on; what was not accepted yet is reset. Raises OSError where the address is
        lost by that, and `resume` tries to have it again."""
        if not _stop_listening(self._socket):
            self._rebind()

    def resume(self) -> None:
        """Listen again. Raises OSError while that cannot be, such as where another program has taken the port."""
        if not self._is_bound():
            self._rebind()
        _allow_reuse(self._socket)  # connections that are still open have the same address
        self._socket.listen(BACKLOG)

    def close(self) -> None:
        """Give the address up."""
        self._socket.close()

    def _is_bound(self) -> bool:
        return self._socket.fileno() != -1 and self._socket.getsockname()[1] == self.port

    def _rebind(self) -> None:
        """Take a new socket at the address, which is bound and does not listen. Raises OSError."""
        self._socket.close()
        family, kind, protocol = self._kind
        self._socket = socket.socket(family, kind, protocol)
        self._socket.setblocking(False)
        _allow_reuse(self._socket)
        self._socket.bind(self._address)


def _stop_listening(listening: socket.socket) -> bool:
    """Stop listening and stay bound; False where the system cannot do that.

    On Linux, a shutdown of a listening socket does just that. The port is then kept from all others, also from those
    that ask for its reuse, which another server on the same port would.
    """
    if sys.platform != "linux":
        return False
    with suppress(OSError):  # it does not listen
        listening.shutdown(socket.SHUT_RD)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return True


def _allow_reuse(bound: socket.socket) -> None:
    """Let it be bound where old connections still linger. Elsewhere the option lets a port be taken twice."""
    if os.name == "posix":
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def _bound_by_number(bound: socket.socket) -> socket.socket:
    """A socket with the address of one that the system chose a port for: only a port that was asked for by its number
    stays bound on Linux when a socket stops listening. Raises OSError."""
    with bound:  # to the end, so that the port is never free
        again = socket.socket(bound.family, bound.type, bound.proto)
        _allow_reuse(again)
        try:
            again.bind(bound.getsockname())
        except OSError:
            again.close()
            raise
    return again
