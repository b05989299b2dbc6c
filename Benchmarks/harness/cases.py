"""The cases of docs/performance.md. Each measures one program once and returns its figures by name."""

import os
import resource
import signal
import socket
import statistics
import struct
import subprocess
import time

from . import load, processes, rules


class Case:
    """What a case is called, how the proxies are configured for it, and its budgets beside HAProxy's figure: with
    readiness pollers, and with io_uring.

    nginx keeps its server connections whatever the client does: `nginx=False` where that would be another case.
    """

    # The figure that ratios and budgets are about.
    figure = "cpu"
    # A relay that opens a server connection for each client does the same work as a proxy, but for looking at it.
    blind = False

    def __init__(self, name, title, mode="http", reuse="safe", budget=None, ring_budget=None, nginx=True):
        self.name = name
        self.title = title
        self.mode = mode
        self.reuse = reuse
        self.budget = budget
        self.ring_budget = ring_budget or budget
        self.nginx = nginx

    def prepare(self, bench):
        """Called once before the first round."""

    def rounds(self, settings):
        return settings.rounds

    def frontend_lines(self, folder):
        """More lines of the frontend, for programs that read HAProxy's configuration; files that they need are made."""
        return ""

    def measure(self, program, bench):
        raise NotImplementedError


class Started:
    """A program running for the length of a `with` block."""

    def __init__(self, program, case, bench, path="/"):
        self.program, self.case, self.bench, self.path = program, case, bench, path

    def __enter__(self):
        self.running = self.program.start(self.case, self.bench.origin.port, self.bench.folder)
        try:
            connection, status, _ = processes.request(self.running.port, self.path)
            connection.close()
            if status != 200:
                raise processes.Failure(f"answered {status} to the first request")
        except (OSError, processes.Failure) as error:
            self.running.stop()
            raise processes.Failure(f"does not serve: {error}") from error
        return self.running

    def __exit__(self, *_):
        self.running.stop()


class Throughput(Case):
    """As many requests as the proxy takes; CPU time per request is the figure."""

    def __init__(self, name, title, path="/", connections=None, close=False, **options):
        super().__init__(name, title, **options)
        self.path, self.connections, self.close = path, connections, close
        self.blind = self.reuse != "always"

    def measure(self, program, bench):
        settings = bench.settings
        connections = self.connections or settings.connections
        with Started(program, self, bench, self.path) as running:
            load.wrk(running.port, self.path, connections, 1, self.close)
            user_before, system_before = processes.cpu_seconds(running.pid)
            served = load.wrk(running.port, self.path, connections, settings.seconds, self.close)
            user_after, system_after = processes.cpu_seconds(running.pid)
        user = (user_after - user_before) / served["requests"]
        system = (system_after - system_before) / served["requests"]
        if served["errors"] > served["requests"] / 1000:
            raise processes.Failure(f"{served['errors']} errors in {served['requests']} requests")
        return {"cpu": user + system, "user": user, "system": system, "throughput": served["throughput"],
                "p99": served["p99"], "requests": served["requests"], "errors": served["errors"]}


class Rules(Throughput):
    """What rules cost: user time per request, and instructions where perf may count them."""

    figure = "user"

    def __init__(self, name, title, lines, **options):
        super().__init__(name, title, path=rules.PATH, nginx=False, **options)
        self.lines = lines
        self.blind = False

    def frontend_lines(self, folder):
        return self.lines(folder)

    def measure(self, program, bench):
        figures = super().measure(program, bench)
        with Started(program, self, bench, self.path) as running:
            count = load.instructions(
                running.pid, running.port, self.path, self.connections or bench.settings.connections, bench.folder)
        return {**figures, "instructions": count} if count else figures


class Latency(Case):
    """The same offered load for every program: half of what HAProxy (or the first program) takes on this machine."""

    figure = "p99"

    def prepare(self, bench):
        if bench.settings.rate:
            self.rate = bench.settings.rate
            return
        reference = next((program for program in bench.programs if program.name == "haproxy"), bench.programs[0])
        with Started(reference, self, bench) as running:
            most = load.wrk(running.port, "/", bench.settings.connections, 2)["throughput"]
        self.rate = max(round(most / 2, -2), 500.0)

    def measure(self, program, bench):
        settings = bench.settings
        with Started(program, self, bench) as running:
            user_before, system_before = processes.cpu_seconds(running.pid)
            served = load.paced(running.port, "/", settings.connections, settings.seconds, self.rate, bench.folder)
            user_after, system_after = processes.cpu_seconds(running.pid)
        return {"p99": served["p99"], "p50": served["p50"], "throughput": served["throughput"], "offered": self.rate,
                "cpu_share": (user_after - user_before + system_after - system_before) / (settings.seconds + 1),
                "requests": served["requests"], "errors": served["errors"]}


class IdleMemory(Case):
    """Memory of one more idle keep-alive client connection: the slope between two numbers of connections."""

    figure = "bytes"

    def rounds(self, settings):
        return min(settings.rounds, 3)

    def measure(self, program, bench):
        few, many = bench.settings.idle
        connections = []
        with Started(program, self, bench) as running:
            try:
                sizes = {}
                for count in (few, many):
                    while len(connections) < count:
                        connection, status, _ = processes.request(running.port, "/")
                        connections.append(connection)
                        if status != 200:
                            raise processes.Failure(f"answered {status} on connection {len(connections)}")
                    time.sleep(0.5)
                    sizes[count] = processes.memory_bytes(running.pid)
            except OSError as error:
                raise processes.Failure(f"connection {len(connections) + 1}: {error}") from error
            finally:
                for connection in connections:
                    # A reset leaves no port in TIME_WAIT.
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.close()
        return {"bytes": (sizes[many] - sizes[few]) / (many - few), "total": sizes[many], "base": sizes[few]}


class SystemCalls(Case):
    """System calls of the proxy per request, counted by strace. Only the counts mean something: strace is slow."""

    figure = "calls"

    def __init__(self, name, title, close=False, **options):
        super().__init__(name, title, **options)
        self.close = close

    def rounds(self, settings):
        return 1

    def measure(self, program, bench):
        counts_path = os.path.join(bench.folder, "strace.txt")
        with Started(program, self, bench) as running:
            load.wrk(running.port, "/", bench.settings.connections, 1, self.close)
            log_path = os.path.join(bench.folder, "strace.log")
            open(log_path, "wb").close()
            tracer = processes.start(["strace", "-f", "-c", "-o", counts_path, "-p", str(running.pid)], log_path)
            try:
                self.wait_until_attached(tracer, log_path)
                served = load.wrk(running.port, "/", bench.settings.connections, 2, self.close)
            finally:
                processes.stop(tracer, first=signal.SIGINT)
        calls = self.parse(counts_path)
        total = sum(calls.values())
        if total == 0:
            raise processes.Failure("strace counted nothing")
        most = sorted(calls.items(), key=lambda item: -item[1])[:8]
        return {"calls": total / served["requests"], "requests": served["requests"],
                "by_name": {name: round(count / served["requests"], 3) for name, count in most}}

    @staticmethod
    def wait_until_attached(tracer, log_path):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and tracer.poll() is None:
            with open(log_path, encoding="utf-8", errors="replace") as file:
                if "attached" in file.read():
                    return
            time.sleep(0.02)
        with open(log_path, encoding="utf-8", errors="replace") as file:
            raise processes.Failure(f"strace could not attach: {file.read().strip()[-200:]}")

    @staticmethod
    def parse(path):
        """Counts by name from the table of strace -c: % time, seconds, usecs/call, calls, [errors,] syscall."""
        counts = {}
        with open(path, encoding="utf-8") as file:
            for line in file:
                fields = line.split()
                if len(fields) >= 5 and fields[3].isdigit() and fields[-1] != "total":
                    counts[fields[-1]] = counts.get(fields[-1], 0) + int(fields[3])
        return counts


class StartUp(Case):
    """The program as a file: its size, the time of -v, and the time from start to the first response."""

    figure = "first_response"

    def rounds(self, settings):
        return 1

    def measure(self, program, bench):
        times = 20 if bench.settings.rounds > 1 else 5
        return {"size_bytes": os.path.getsize(os.path.realpath(program.path)),
                "version": statistics.median(self.version_seconds(program) for _ in range(times)),
                "first_response": statistics.median(self.first_response(program, bench) for _ in range(times))}

    @staticmethod
    def version_seconds(program):
        # posix_spawn: a fork of this interpreter would be a good part of the time.
        actions = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in (0, 1, 2)]
        before = time.perf_counter()
        pid = os.posix_spawn(program.path, [program.path, "-v"], os.environ, file_actions=actions)
        os.waitpid(pid, 0)
        return time.perf_counter() - before

    def first_response(self, program, bench):
        before = time.perf_counter()
        running = program.start(self, bench.origin.port, bench.folder, wait=False)
        try:
            while True:
                try:
                    connection, status, _ = processes.request(running.port, "/")
                    break
                except OSError:
                    if running.process.poll() is not None or time.perf_counter() - before > 30:
                        raise processes.Failure("did not start") from None
                    time.sleep(0.0002)
            seconds = time.perf_counter() - before
            connection.close()
            if status != 200:
                raise processes.Failure(f"answered {status} to the first request")
            return seconds
        finally:
            running.stop()


CASES = [
    Throughput("keepalive", "HTTP/1.1 keep-alive, small response", budget=0.80, ring_budget=0.65),
    Throughput("keepalive-512", "the same with 512 connections", connections=512, budget=0.75, ring_budget=0.60),
    Throughput("tcp", "TCP mode, same load", mode="tcp", budget=0.95, ring_budget=0.80),
    Throughput("close-safe", "client connection per request, http-reuse safe", close=True, budget=0.95,
               ring_budget=0.88, nginx=False),
    Throughput("close-always", "client connection per request, http-reuse always", close=True, reuse="always",
               budget=0.85, ring_budget=0.80),
    Throughput("large", "1 MiB bodies", path="/files/1m", budget=0.90, ring_budget=0.75),
    Rules("no-rules", "user time without rules", lambda _: ""),
    Rules("rules", "user time with 100 rules", rules.hundred_rules, budget=0.90),
    Rules("map", "user time with three lookups in maps of 10,000 entries", rules.maps, budget=0.85),
    IdleMemory("idle", "bytes per idle client connection", budget=0.45),
    Latency("latency", "p99 latency at the same offered load", budget=1.0),
    SystemCalls("syscalls", "system calls per request, keep-alive"),
    SystemCalls("syscalls-safe", "system calls per request, close, http-reuse safe", close=True, nginx=False),
    SystemCalls("syscalls-always", "system calls per request, close, http-reuse always", close=True, reuse="always"),
    StartUp("startup", "size, time of -v, start to first response"),
]


def raise_descriptor_limit():
    """Lets this process, and the programs that it starts, open as many descriptors as they may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def command_version(*command):
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.decode("utf-8", "replace").strip().split("\n")[0]

