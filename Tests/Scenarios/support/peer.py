#!/usr/bin/env python3
"""A scripted TCP or unix peer, for what varnishtest's clients and servers cannot do (half-closes, resets, pacing).

    peer.py [--limit SECONDS] connect ADDRESS COMMAND...
    peer.py [--limit SECONDS] listen ADDRESS COMMAND...
    peer.py [--limit SECONDS] clog ADDRESS UNTIL-PATH
    peer.py [--limit SECONDS] echo ADDRESS UNTIL-PATH
    peer.py [--limit SECONDS] many ADDRESS N TEXT
    peer.py [--limit SECONDS] overload ADDRESS N
    peer.py [--limit SECONDS] origin ADDRESS UNTIL-PATH [DELAY-SECONDS]
    peer.py [--limit SECONDS] load ADDRESS CLIENTS REQUESTS
    peer.py [--limit SECONDS] wait-file PATH | wait-port ADDRESS | wait-gone PID | wait-text PATH REGEX

ADDRESS is HOST:PORT, [IPV6]:PORT, @NAME (abstract) or a path. Commands, run in order, on one connection at a time:

    send TEXT        sends TEXT (backslash escapes as in Python)
    pieces SECONDS TEXT   sends TEXT byte by byte with a pause after each
    fill N           sends N bytes of a known pattern
    flood N          like fill, and an end or a reset by the other side is as good
    recv TEXT        reads exactly as many bytes as TEXT has and compares
    until TEXT       reads up to and including TEXT, and prints what came
    expect REGEX     the text read last by `until`, `text` or `rest` matches
    recvn N          reads N bytes of the known pattern and compares
    slow N CHUNK SECONDS  reads N bytes of the pattern, CHUNK at a time, with a pause after each
    duplex N         sends and reads N bytes of the pattern at the same time
    text             reads to the end of the stream and prints what came
    rest             like text, and an end by reset is as good
    eof              the end of the stream, and nothing before it
    gone             the end of the stream or a reset, and nothing before it
    reset            a reset, whatever comes before it
    quiet SECONDS    nothing comes for so long, and the connection stays open
    shut             shuts down the sending direction
    abort            closes with a reset
    close            closes
    accept           (listen) closes the connection and takes the next one
    touch PATH       creates a file
    wait PATH        waits until a file exists
    sleep SECONDS

`clog` listens with its queue full, so that connection attempts stay without an answer, until UNTIL-PATH exists.
`echo` sends back what each of its connections sends, until UNTIL-PATH exists. `many` opens N connections, then sends
TEXT on each of them and expects it back. `overload` opens N at once and sends a byte on each, holds
those that answer for a second, then closes them, and expects that every other one is then answered too, or closed.

`origin` is an HTTP/1.1 server with keep-alive: the body of an answer is the target of its request, repeated to 2000
bytes; at the end it prints how many connections and requests it had. `load` is CLIENTS at once, each with REQUESTS on one
connection, each answer checked. `wait-port` waits until somebody listens, without connecting.

Options: --limit bounds the whole run (8 s), --rcvbuf N sets the size of the receive buffer, and with `listen` the
file named by --ready appears once the socket listens. The exit status is 0 if everything went as told.
"""

import os
import re
import select
import selectors
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
            elif command == "touch":
                open(words.pop(0), "w").close()
            elif command == "wait":
                wait_for(lambda path=words.pop(0): os.path.exists(path), self.left())
            elif command == "sleep":
                time.sleep(float(words.pop(0)))
            else:
                raise Mismatch(f"unknown command {command}")


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Mismatch("waited in vain")
        time.sleep(0.01)


def listens(address):
    """Whether somebody listens there, told without connecting (but for a path, which may have been renamed)."""
    family, where = parse_address(address)
    if family == socket.AF_UNIX and not where.startswith("\0"):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(where) == 0
    if family == socket.AF_UNIX:
        with open("/proc/net/unix") as file:
            return any(line.split()[-1].rstrip("@") == address for line in file if " 00010000 " in line)
    table = "/proc/net/tcp6" if family == socket.AF_INET6 else "/proc/net/tcp"
    raw = socket.inet_pton(family, where[0])
    local = "".join(raw[i:i + 4][::-1].hex() for i in range(0, len(raw), 4)).upper()
    wanted = {f"{local}:{where[1]:04X}", f"{'0' * len(local)}:{where[1]:04X}"}
    with open(table) as file:
        return any(line.split()[1] in wanted and line.split()[3] == "0A" for line in file)


def clog(address, path, ready, limit):
    family, where = parse_address(address)
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.bind(where)
    listener.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket(family, socket.SOCK_STREAM)
        filler.setblocking(False)
        filler.connect_ex(where)
        fillers.append(filler)
    time.sleep(0.1)
    if ready:
        open(ready, "w").close()
    wait_for(lambda: os.path.exists(path), limit)


def echo(address, path, ready, limit):
    family, where = parse_address(address)
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(where)
    listener.listen(1024)
    if ready:
        open(ready, "w").close()
    end = time.monotonic() + limit
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while not os.path.exists(path):
            if time.monotonic() > end:
                raise Mismatch("waited in vain")
            for key, _ in selector.select(0.05):
                if key.fileobj is listener:
                    selector.register(listener.accept()[0], selectors.EVENT_READ)
                    continue
                data = key.fileobj.recv(65536)
                if data:
                    key.fileobj.sendall(data)
                else:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()


def many(address, count, text, limit):
    peers = []
    for _ in range(count):
        peer = Peer(limit)
        peer.connect(address, 0)
        peers.append(peer)
    for peer in peers:
        peer.send(text)
    for peer in peers:
        got = peer.exactly(len(text))
        if got != text:
            raise Mismatch(f"expected {text!r}, got {got!r}")
    for peer in peers:
        peer.connection.close()


def overload(address, count, limit):
    family, where = parse_address(address)
    waiting = set()
    for _ in range(count):
        client = socket.socket(family, socket.SOCK_STREAM)
        client.settimeout(limit)
        client.connect(where)
        client.sendall(b"x")
        waiting.add(client)
    end = time.monotonic() + limit
    release = time.monotonic() + 1.0
    answered, held = 0, []
    while waiting:
        if time.monotonic() > end:
            raise Mismatch(f"{len(waiting)} of {count} connections had neither an answer nor an end")
        readable, _, _ = select.select(list(waiting), [], [], 0.05)
        for client in readable:
            waiting.remove(client)
            try:
                data = client.recv(1)
            except ConnectionResetError:
                data = b""
            answered += len(data)
            held.append(client)
        if time.monotonic() > release:
            for client in held:
                client.close()
            held = []
    print(f"{answered} answered, {count - answered} closed")


def origin_body(target):
    return (target.encode("latin-1") * (2000 // len(target) + 1))[:2000]


def read_head(peer):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = peer.read(1)
        if not piece:
            return None
        data += piece
    return data.decode("latin-1")


def origin(address, path, ready, limit, pause):
    counts = {"connections": 0, "requests": 0}
    lock = threading.Lock()

    def serve(connection):
        peer = Peer(limit)
        peer.connection = connection
        with lock:
            counts["connections"] += 1
        try:
            while True:
                head = read_head(peer)
                if head is None:
                    break
                with lock:
                    counts["requests"] += 1
                time.sleep(pause)
                body = origin_body(head.split()[1])
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                if re.search(r"(?i)\r\nconnection: *close\r\n", head):
                    break
        except OSError:
            pass
        connection.close()

    family, where = parse_address(address)
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(where)
    listener.listen(1024)
    listener.settimeout(0.05)
    if ready:
        open(ready, "w").close()
    end = time.monotonic() + limit
    while not os.path.exists(path):
        if time.monotonic() > end:
            raise Mismatch("waited in vain")
        try:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        except (TimeoutError, socket.timeout):
            continue
    print(f"{counts['connections']} connections, {counts['requests']} requests")


def load(address, clients, requests, limit):
    failures = []

    def run(number):
        try:
            peer = Peer(limit)
            peer.connect(address, 0)
            for turn in range(requests):
                target = f"/client-{number}/request-{turn}"
                peer.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                head = read_head(peer)
                if head is None:
                    raise Mismatch(f"no answer to {target}")
                if not head.startswith("HTTP/1.1 200 "):
                    raise Mismatch(f"{target}: {head}")
                length = int(re.search(r"(?i)\r\ncontent-length: *([0-9]+)\r\n", head).group(1))
                if peer.exactly(length) != origin_body(target):
                    raise Mismatch(f"{target} got the body of another")
            peer.connection.close()
        except (Mismatch, OSError) as error:
            failures.append(f"client {number}: {type(error).__name__}: {error}")

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Mismatch(f"{len(failures)} of {clients} clients failed: {failures[0]}")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def main():
    words = sys.argv[1:]
    limit, ready, receive_buffer = 8.0, None, 0
    while words and words[0].startswith("--"):
        option = words.pop(0)
        if option == "--limit":
            limit = float(words.pop(0))
        elif option == "--ready":
            ready = words.pop(0)
        elif option == "--rcvbuf":
            receive_buffer = int(words.pop(0))
    verb = words.pop(0)
    if verb == "wait-file":
        wait_for(lambda: os.path.exists(words[0]), limit)
    elif verb == "wait-port":
        wait_for(lambda: listens(words[0]), limit)
    elif verb == "wait-gone":
        wait_for(lambda: not alive(int(words[0])), limit)
    elif verb == "wait-text":
        wait_for(lambda: os.path.exists(words[0]) and re.search(words[1], open(words[0], errors="replace").read()),
                 limit)
    elif verb == "clog":
        clog(words[0], words[1], ready, limit)
    elif verb == "echo":
        echo(words[0], words[1], ready, limit)
    elif verb == "many":
        many(words[0], int(words[1]), unescape(words[2]), limit)
    elif verb == "origin":
        origin(words[0], words[1], ready, limit, float(words[2]) if len(words) > 2 else 0.0)
    elif verb == "load":
        load(words[0], int(words[1]), int(words[2]), limit)
    elif verb == "overload":
        overload(words[0], int(words[1]), limit)
    else:
        peer = Peer(limit)
        address = words.pop(0)
        if verb == "connect":
            peer.connect(address, receive_buffer)
        elif verb == "listen":
            peer.listen(address, receive_buffer, ready)
            peer.take()
        else:
            raise Mismatch(f"unknown verb {verb}")
        peer.run(words)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Mismatch, OSError) as error:
        print(f"peer: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
