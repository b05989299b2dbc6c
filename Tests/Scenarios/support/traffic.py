"""Many connections at once, and the servers for them; see peer.py."""

import os
import random
import re
import select
import selectors
import socket
import threading
import time

from connection import Mismatch, Peer, parse_address, wait_for


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
                try:
                    data = key.fileobj.recv(65536)
                    key.fileobj.sendall(data)
                except OSError:
                    data = b""
                if not data:
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


def read_body(peer, head):
    """The body after a head, in chunks or by its length; empty without either."""
    if re.search(r"(?i)\r\ntransfer-encoding: *chunked\r\n", head):
        body = b""
        while True:
            line = b""
            while not line.endswith(b"\r\n"):
                line += peer.exactly(1)
            size = int(line.split(b";")[0], 16)
            body += peer.exactly(size)
            peer.exactly(2)
            if size == 0:
                return body
    length = re.search(r"(?i)\r\ncontent-length: *([0-9]+)\r\n", head)
    return peer.exactly(int(length.group(1))) if length else b""


def chunks(body, dice):
    out = b""
    while body:
        size = min(len(body), dice.choice([1, 7, 100, 3000, 20000]))
        out += b"%x\r\n" % size + body[:size] + b"\r\n"
        body = body[size:]
    return out + b"0\r\n\r\n"


def origin(address, path, ready, limit, hold):
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
                if hold:
                    wait_for(lambda: os.path.exists(hold), limit)
                echoed = read_body(peer, head)
                body = echoed or origin_body(head.split()[1])
                if len(body) % 2:
                    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(body, random.Random(1)))
                else:
                    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                if re.search(r"(?i)\r\nconnection: *close\r\n", head):
                    break
        except (Mismatch, OSError):
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


def mix(address, clients, requests, rude, limit):
    failures = []

    def run(number):
        dice = random.Random(number)
        peer = None
        turn = 0
        try:
            while turn < requests:
                if peer is None:
                    peer = Peer(limit)
                    peer.connect(address, 0)
                bodies, text = [], b""
                for _ in range(dice.choice([1, 1, 1, 3])):
                    length = dice.choice([1, 2, 10, 500, 5000])
                    body = bytes(dice.getrandbits(8) for _ in range(length)) * dice.choice([1, 1, 9])
                    head = f"POST /{number}/{turn} HTTP/1.1\r\nHost: a\r\n"
                    if dice.random() < 0.5:
                        text += f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
                    else:
                        text += f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks(body, dice)
                    bodies.append(body)
                    turn += 1
                if rude and dice.random() < 0.3:
                    peer.send(text[:dice.randrange(len(text))])
                    dice.choice([peer.abort, peer.connection.close])()
                    peer = None
                    continue
                peer.send(text)
                for body in bodies:
                    head = read_head(peer)
                    if head is None or not head.startswith("HTTP/1.1 200 "):
                        raise Mismatch(f"turn {turn}: {head}")
                    if read_body(peer, head) != body:
                        raise Mismatch(f"turn {turn}: a body came back changed")
            if peer is not None:
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
