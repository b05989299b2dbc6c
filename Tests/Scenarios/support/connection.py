"""A connection that is driven by a list of commands; see peer.py."""

import os
import re
import socket
import struct
import sys
import threading
import time

PATTERN = bytes((i * 7 + (i >> 8)) & 0xFF for i in range(65536))


class Mismatch(Exception):
    pass


def unescape(text):
    return text.encode("utf-8").decode("unicode_escape").encode("latin-1")


def parse_address(text):
    if text.startswith("@"):
        # HAProxy's "abns@" names fill the whole of sun_path with zeros.
        return socket.AF_UNIX, ("\0" + text[1:]).ljust(108, "\0")
    if "/" in text:
        return socket.AF_UNIX, text
    host, _, port = text.rpartition(":")
    if host.startswith("["):
        return socket.AF_INET6, (host[1:-1], int(port))
    return socket.AF_INET, (host, int(port))


class Peer:
    def __init__(self, limit):
        self.deadline = time.monotonic() + limit
        self.limit = limit
        self.listener = None
        self.connection = None
        self.sent = 0
        self.received = 0
        self.last = b""

    def left(self):
        return max(0.01, self.deadline - time.monotonic())

    def connect(self, address, receive_buffer):
        self.goal = address, receive_buffer
        family, where = parse_address(address)
        self.connection = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.connection.settimeout(self.left())
        self.connection.connect(where)

    def listen(self, address, receive_buffer, ready):
        family, where = parse_address(address)
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.bind(where)
        if family == socket.AF_UNIX and isinstance(where, str) and where.startswith("/"):
            os.chmod(where, 0o777)
        self.listener.listen(64)
        if ready:
            open(ready, "w").close()

    def take(self):
        if self.connection is not None:
            self.connection.close()
        self.listener.settimeout(self.left())
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(self.left())
        self.sent = self.received = 0

    def send(self, data):
        self.connection.settimeout(self.left())
        self.connection.sendall(data)

    def read(self, count):
        self.connection.settimeout(self.left())
        return self.connection.recv(count)

    def exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.read(count - len(data))
            if not piece:
                raise Mismatch(f"the stream ended after {len(data)} of {count} bytes: {data[:200]!r}")
            data += piece
        return data

    def fill(self, count):
        while count > 0:
            start = self.sent % len(PATTERN)
            piece = PATTERN[start:start + min(count, 16384)]
            self.send(piece)
            self.sent += len(piece)
            count -= len(piece)

    def recvn(self, count, chunk=65536, pause=0.0):
        while count > 0:
            piece = self.read(min(count, chunk))
            if not piece:
                raise Mismatch(f"the stream ended {count} bytes too early")
            start = self.received % len(PATTERN)
            wanted = PATTERN[start:start + len(piece)]
            if len(wanted) < len(piece):
                wanted += PATTERN[:len(piece) - len(wanted)]
            if piece != wanted:
                raise Mismatch(f"bytes {self.received}..{self.received + len(piece)} are not those sent")
            self.received += len(piece)
            count -= len(piece)
            if pause:
                time.sleep(pause)

    def duplex(self, count):
        failures = []

        def write():
            try:
                self.fill(count)
            except OSError as error:
                failures.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        self.recvn(count)
        writer.join()
        if failures:
            raise failures[0]

    def until(self, end):
        data = b""
        while not data.endswith(end):
            piece = self.read(1)
            if not piece:
                raise Mismatch(f"the stream ended before {end!r}: {data!r}")
            data += piece
        self.show(data)

    def text(self, reset_is_good):
        data = b""
        try:
            while True:
                piece = self.read(65536)
                if not piece:
                    break
                data += piece
        except ConnectionResetError:
            if not reset_is_good:
                raise
        self.show(data)

    def show(self, data):
        self.last = data
        sys.stdout.write(data.decode("latin-1"))
        sys.stdout.flush()

    def end(self, reset_is_good):
        try:
            piece = self.read(4096)
        except (ConnectionResetError, BrokenPipeError):
            if reset_is_good:
                return
            raise
        if piece:
            raise Mismatch(f"expected the end of the stream, got {piece!r}")

    def reset(self):
        try:
            while self.read(65536):
                pass
        except ConnectionResetError:
            return
        raise Mismatch("expected a reset, got the end of the stream")

    def quiet(self, seconds):
        self.connection.settimeout(seconds)
        try:
            piece = self.connection.recv(1)
        except (TimeoutError, socket.timeout):
            return
        raise Mismatch(f"expected silence, got {piece!r}")

    def abort(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def run(self, words):
        words = list(words)
        while words:
            command = words.pop(0)
            if command == "send":
                self.send(unescape(words.pop(0)))
            elif command == "pieces":
                pause = float(words.pop(0))
                for byte in unescape(words.pop(0)):
                    self.send(bytes([byte]))
                    time.sleep(pause)
            elif command == "fill":
                self.fill(int(words.pop(0)))
            elif command == "recv":
                wanted = unescape(words.pop(0))
                got = self.exactly(len(wanted))
                if got != wanted:
                    raise Mismatch(f"expected {wanted!r}, got {got!r}")
            elif command == "flood":
                try:
                    self.fill(int(words.pop(0)))
                except (BrokenPipeError, ConnectionResetError):
                    pass
            elif command == "recvn":
                self.recvn(int(words.pop(0)))
            elif command == "duplex":
                self.duplex(int(words.pop(0)))
            elif command == "slow":
                self.recvn(int(words.pop(0)), int(words.pop(0)), float(words.pop(0)))
            elif command == "until":
                self.until(unescape(words.pop(0)))
            elif command == "expect":
                regex = words.pop(0)
                if not re.search(regex, self.last.decode("latin-1"), re.DOTALL):
                    raise Mismatch(f"{self.last!r} does not match {regex}")
            elif command == "text":
                self.text(False)
            elif command == "rest":
                self.text(True)
            elif command == "eof":
                self.end(False)
            elif command == "gone":
                self.end(True)
            elif command == "reset":
                self.reset()
            elif command == "quiet":
                self.quiet(float(words.pop(0)))
            elif command == "shut":
                self.connection.shutdown(socket.SHUT_WR)
            elif command == "abort":
                self.abort()
            elif command == "close":
                self.connection.close()
            elif command == "accept":
                self.take()
            elif command == "again":
                self.connection.close()
                self.connect(*self.goal)
                self.sent = self.received = 0
            elif command == "touch":
                open(words.pop(0), "w").close()
            elif command == "wait":
                wait_for(lambda path=words.pop(0): os.path.exists(path), self.left())
            elif command == "sleep":
                time.sleep(float(words.pop(0)))
            else:
                raise Mismatch(f"unknown command {command}")


def wait_for(condition, seconds, pause=0.01):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Mismatch("waited in vain")
        time.sleep(pause)
