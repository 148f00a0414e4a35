"""The socket that a server listens on: how it is had, and that its address stays while nobody listens."""

import socket

import pytest
from gpu_sim.server import listening_socket
from gpu_sim.server.listening_socket import ListeningSocket, PortUnavailable, listen
from gpu_sim.server.serving import DEFAULT_PORT


def test_listening_takes_a_free_port_or_says_why_not() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(PortUnavailable, match=rf"port {port} on 127\.0\.0\.1"):
            listen("127.0.0.1", port)
    with pytest.raises(PortUnavailable, match=r"cannot listen on host\.invalid"):
        listen("host.invalid", DEFAULT_PORT)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "::"])
@pytest.mark.parametrize("stays_bound", [True, False])
def test_the_address_is_the_same_before_and_after(
    host: str, stays_bound: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the system cannot keep a socket that stops listening."""
    if not stays_bound:
        monkeypatch.setattr(listening_socket, "_stop_listening", lambda _: False)
    listening = ListeningSocket(listen(host, 0))
    try:
        with listening.copy() as copy:
            family, address = copy.family, copy.getsockname()
        for _ in range(2):
            listening.pause()
            listening.pause()
            listening.resume()
            with listening.copy() as copy:
                assert (copy.family, copy.getsockname()) == (family, address)
            with socket.socket(family) as client:
                client.connect(address if host != "::" else ("::1", listening.port, 0, 0))
    finally:
        listening.close()


def test_on_linux_the_port_is_kept_from_others_meanwhile() -> None:
    listening = ListeningSocket(listen("127.0.0.1", 0))
    try:
        listening.pause()
        with pytest.raises(PortUnavailable):
            listen("127.0.0.1", listening.port)
    finally:
        listening.close()
