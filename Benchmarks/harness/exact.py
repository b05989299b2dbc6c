"""A client that sends an exact number of requests over a set number of connections, for counting what each costs."""

import selectors
import socket
import time

from . import processes

FIELDS = b" HTTP/1.1\r\nHost: bench\r\nUser-Agent: exact/1\r\nAccept: */*\r\n"


class _Client:
    """One connection: sends a request, reads its answer to the last byte, and says so."""

    def __init__(self, load):
        self.load, self.socket, self.received, self.wanted = load, None, b"", 0

    def send(self):
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.load.port), timeout=60)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.load.selector.register(self.socket, selectors.EVENT_READ, self)
        self.received, self.wanted = b"", 0
        self.socket.sendall(self.load.request)

    def ready(self):
        """Returns whether the answer is whole."""
        data = self.socket.recv(65536)
        if not data:
            raise processes.Failure(f"connection closed inside an answer: {self.received[:200]!r}")
        self.received += data
        if not self.wanted:
            head, separator, _ = self.received.partition(b"\r\n\r\n")
            if not separator:
                return False
            if not head.startswith(b"HTTP/1.1 200"):
                raise processes.Failure(f"answered {head[:80]!r}")
            length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                          if line.lower().startswith(b"content-length:"))
            self.wanted = len(head) + 4 + length
        return len(self.received) >= self.wanted

    def hang_up(self):
        if self.socket is not None:
            self.load.selector.unregister(self.socket)
            self.socket.close()
            self.socket = None


class ExactLoad:
    """`count` requests in waves of `connections`; with `close`, each on a connection of its own.

    A wave begins when the one before has been answered whole, so the program has the same to do in every run, however
    fast it is beside the client.
    """

    def __init__(self, port, count, connections, close=False, path="/"):
        end = b"Connection: close\r\n\r\n" if close else b"\r\n"
        self.request = b"GET " + path.encode("ascii") + FIELDS + end
        self.port, self.count, self.connections, self.close = port, count, connections, close
        self.selector = selectors.DefaultSelector()

    def run(self, timeout_seconds=300.0):
        deadline = time.monotonic() + timeout_seconds
        clients = [_Client(self) for _ in range(min(self.connections, self.count))]
        left = self.count
        try:
            while left > 0:
                wave = clients[:left]
                left -= len(wave)
                for client in wave:
                    client.send()
                self._receive(len(wave), deadline)
        finally:
            for client in clients:
                client.hang_up()
            self.selector.close()

    def _receive(self, expected, deadline):
        while expected > 0:
            if time.monotonic() > deadline:
                raise processes.Failure(f"{expected} answers of a wave did not come in time")
            for key, _ in self.selector.select(1.0):
                if key.data.ready():
                    expected -= 1
                    if self.close:
                        key.data.hang_up()
