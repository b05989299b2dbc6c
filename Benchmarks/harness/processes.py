"""Child processes: started with everything they need to end with us, measured through /proc, always stopped."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import time

CLOCK_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_running = []


class Failure(Exception):
    """A figure that could not be measured, with the reason."""


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


# The processors that each role keeps to, by Benchmarks/run --pin; left out: where the kernel puts it.
processors = {}


def _begin(role):
    _die_with_parent()
    if role in processors:
        os.sched_setaffinity(0, processors[role])


def start(command, log_path, role=None):
    """Starts a command whose output goes to a file. It is killed when the harness dies."""
    with open(log_path, "ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   preexec_fn=lambda: _begin(role))
    _running.append(process)
    return process


def stop(process, seconds=5.0, first=signal.SIGTERM):
    """Ends a process, by force if it does not end by itself in time."""
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process in _running:
        _running.remove(process)


def stop_all():
    for process in list(_running):
        stop(process, seconds=2.0)


def run(command, timeout_seconds, role=None):
    """Runs a command to its end and returns its output; raises Failure if it fails or takes too long."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               preexec_fn=lambda: _begin(role))
    _running.append(process)
    try:
        output, _ = process.communicate(timeout=timeout_seconds)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{command[0]} did not end within {timeout_seconds:.0f} s") from error
    finally:
        stop(process, seconds=1.0)
    text = output.decode("utf-8", "replace")
    if process.returncode != 0:
        raise Failure(f"{command[0]} ended with status {process.returncode}: {text.strip()[-400:]}")
    return text


def cpu_seconds(pid):
    """(user, system) seconds of CPU time that a process and its threads have used."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except FileNotFoundError as error:
        raise Failure("the proxy has died") from error
    return int(fields[11]) / CLOCK_TICKS_PER_SECOND, int(fields[12]) / CLOCK_TICKS_PER_SECOND


def memory_bytes(pid):
    """The proportional set size of a process (resident memory; shared pages in proportion)."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    raise Failure("no Pss in /proc/PID/smaps_rollup")


_next_port = random.randrange(21000, 29000)


def free_port():
    """A port on 127.0.0.1 that nobody listens on, below the range of outgoing connections."""
    global _next_port
    for _ in range(2000):
        _next_port = _next_port + 1 if _next_port < 29999 else 21000
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("127.0.0.1", _next_port))
            except OSError:
                continue
            return _next_port
    raise Failure("no free port between 21000 and 29999")


def wait_for_port(port, process, log_path, timeout_seconds=30.0):
    """Returns when something accepts connections on the port; fails if the process ends before that."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            with open(log_path, encoding="utf-8", errors="replace") as file:
                raise Failure(f"did not start (status {process.returncode}): {file.read().strip()[-600:]}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            return
        except OSError:
            time.sleep(0.005)
    raise Failure(f"nothing listens on port {port} after {timeout_seconds:.0f} s")


def request(port, path, timeout_seconds=20.0, connection=None):
    """One GET on a keep-alive connection; returns (connection, status, length of the body)."""
    if connection is None:
        connection = socket.create_connection(("127.0.0.1", port), timeout=timeout_seconds)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        received = connection.recv(65536)
        if not received:
            raise Failure("connection closed before a response")
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    count = len(body)
    while count < length:
        received = connection.recv(262144)
        if not received:
            raise Failure("connection closed inside a body")
        count += len(received)
    return connection, status, count
