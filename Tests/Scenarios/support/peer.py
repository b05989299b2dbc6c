#!/usr/bin/env python3
"""A scripted TCP or unix peer, for what varnishtest's clients and servers cannot do (half-closes, resets, pacing).

    peer.py [--limit SECONDS] connect ADDRESS COMMAND...
    peer.py [--limit SECONDS] listen ADDRESS COMMAND...
    peer.py [--limit SECONDS] clog ADDRESS UNTIL-PATH
    peer.py [--limit SECONDS] echo ADDRESS UNTIL-PATH
    peer.py [--limit SECONDS] many ADDRESS N TEXT
    peer.py [--limit SECONDS] overload ADDRESS N
    peer.py [--limit SECONDS] origin ADDRESS UNTIL-PATH [HOLD-PATH]
    peer.py [--limit SECONDS] load ADDRESS CLIENTS REQUESTS
    peer.py [--limit SECONDS] mix ADDRESS CLIENTS REQUESTS rude|polite
    peer.py [--limit SECONDS] idle PID SECONDS | wait-descriptors PID N
    peer.py [--limit SECONDS] wait-file PATH | wait-gone PID | wait-text PATH REGEX
    peer.py [--limit SECONDS] wait-port ADDRESS | wait-no-port ADDRESS | wait-answer ADDRESS REGEX

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
    again            (connect) closes the connection, if it is open, and makes another
    touch PATH       creates a file
    wait PATH        waits until a file exists
    sleep SECONDS

`clog` listens with its queue full, so that connection attempts stay without an answer, until UNTIL-PATH exists. `echo`
sends back what each of its connections sends, until UNTIL-PATH exists. `many` opens N connections, then sends TEXT on
each of them and expects it back. `overload` opens N at once and sends a byte on each, holds those that answer for a
second, then closes them, and expects that every other one is then answered too, or closed. `origin` is an HTTP/1.1
server with keep-alive: the body of an answer is the target of its request, repeated to 2000 bytes; none is sent before
HOLD-PATH exists; at the end it prints how many connections and requests it had. `load` is CLIENTS at once, each with
REQUESTS on one connection, each answer checked. `mix` sends bodies of random sizes, in chunks or not, some requests
pipelined, which `origin` echoes; the rude kind also leaves at random moments. `idle` waits until the process has
burned at most a tenth of some SECONDS on processors: what spins never does; `wait-descriptors` waits until it has no
more than N descriptors open. `wait-port` waits until somebody listens, without connecting, `wait-no-port` until nobody
does, and `wait-answer` until the text of the answer to an HTTP request for / matches.

Options: --limit bounds the whole run (8 s), --rcvbuf N sets the size of the receive buffer, and with `listen` the
file named by --ready appears once the socket listens. The exit status is 0 if everything went as told.
"""

import os
import re
import socket
import sys
import time

sys.dont_write_bytecode = True

from connection import Mismatch, Peer, parse_address, unescape, wait_for


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


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle(pid, seconds, limit):
    """Work that is left from before may fall into a first interval, the more so on a busy machine."""
    end = time.monotonic() + limit
    while True:
        before = processor_seconds(pid)
        time.sleep(seconds)
        used = processor_seconds(pid) - before
        print(f"{used:.2f} s of processor time in {seconds} s")
        if used <= seconds / 10:
            return
        if time.monotonic() + seconds > end:
            raise Mismatch("the process is not idle")


def answers(address, regex, seconds):
    """Whether the text of the answer to a request for / matches."""
    peer = Peer(seconds)
    try:
        peer.connect(address, 0)
        peer.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        text = b""
        while piece := peer.read(65536):
            text += piece
    except OSError:
        return False
    finally:
        peer.connection.close()
    return re.search(regex, text.partition(b"\r\n\r\n")[2].decode("latin-1"))


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def many(verb, words, ready, limit):
    import traffic  # Not compiled for the many peers that need none of it.

    if verb == "clog":
        traffic.clog(words[0], words[1], ready, limit)
    elif verb == "echo":
        traffic.echo(words[0], words[1], ready, limit)
    elif verb == "many":
        traffic.many(words[0], int(words[1]), unescape(words[2]), limit)
    elif verb == "overload":
        traffic.overload(words[0], int(words[1]), limit)
    elif verb == "origin":
        traffic.origin(words[0], words[1], ready, limit, words[2] if len(words) > 2 else None)
    elif verb == "load":
        traffic.load(words[0], int(words[1]), int(words[2]), limit)
    elif verb == "mix":
        traffic.mix(words[0], int(words[1]), int(words[2]), words[3] == "rude", limit)


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
    elif verb == "wait-no-port":
        wait_for(lambda: not listens(words[0]), limit)
    elif verb == "wait-answer":
        wait_for(lambda: answers(words[0], words[1], limit), limit, 0.05)
    elif verb == "wait-gone":
        wait_for(lambda: not alive(int(words[0])), limit)
    elif verb == "wait-text":
        wait_for(lambda: os.path.exists(words[0]) and re.search(words[1], open(words[0], errors="replace").read()),
                 limit)
    elif verb == "idle":
        idle(int(words[0]), float(words[1]), limit)
    elif verb == "wait-descriptors":
        wait_for(lambda: len(os.listdir(f"/proc/{words[0]}/fd")) <= int(words[1]), limit)
    elif verb in ("clog", "echo", "many", "overload", "origin", "load", "mix"):
        many(verb, words, ready, limit)
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
