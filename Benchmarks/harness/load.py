"""Load generators: wrk for as much as a proxy takes, h2load for a set rate. Times in seconds."""

import os
import re
import shutil
import signal
import time

from . import processes

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def _seconds(text):
    match = re.match(r"([\d.]+)(us|ms|s|m|h)\Z", text)
    return float(match[1]) * UNITS[match[2]]


def wrk(port, path, connections, seconds, close=False):
    """Runs wrk with one thread; returns requests, errors, throughput per second and p99."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
    if close:
        command += ["-H", "Connection: close"]
    text = processes.run([*command, f"http://127.0.0.1:{port}{path}"], seconds + 30, "load")
    requests = re.search(r"^\s*(\d+) requests in", text, re.MULTILINE)
    rate = re.search(r"^Requests/sec:\s+([\d.]+)", text, re.MULTILINE)
    p99 = re.search(r"^\s*99%\s+(\S+)", text, re.MULTILINE)
    if not requests or not rate or not p99 or int(requests[1]) == 0:
        raise processes.Failure(f"wrk served nothing: {text.strip()[-300:]}")
    errors = 0
    if match := re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text):
        errors += sum(int(count) for count in match.groups())
    if match := re.search(r"Non-2xx or 3xx responses: (\d+)", text):
        errors += int(match[1])
    return {"requests": int(requests[1]), "errors": errors, "throughput": float(rate[1]), "p99": _seconds(p99[1])}


def instructions(pid, port, path, connections, folder, seconds=1):
    """Instructions in user space of one request to a program that runs, or 0.0 where perf may not count them."""
    if not shutil.which("perf"):
        return 0.0
    counts = os.path.join(folder, "perf.txt")
    counter = processes.start(["perf", "stat", "-x,", "-o", counts, "-e", "instructions:u", "-p", str(pid)],
                              os.path.join(folder, "perf.log"))
    time.sleep(0.5)
    served = wrk(port, path, connections, seconds)
    processes.stop(counter, first=signal.SIGINT)
    with open(counts, encoding="utf-8") as file:
        values = [line.split(",")[0] for line in file if "instructions" in line]
    values = [int(value) for value in values if value.isdigit()]
    return values[0] / served["requests"] if values else 0.0


def paced(port, path, connections, seconds, requests_per_second, folder):
    """Runs h2load at a set rate over HTTP/1.1; returns requests, errors, the rate reached, p50 and p99."""
    log_path = os.path.join(folder, "h2load.log")
    if os.path.exists(log_path):
        os.unlink(log_path)
    warm_up = 1
    processes.run(["h2load", "--h1", "-t1", f"-c{connections}", f"--rps={requests_per_second / connections:.3f}",
                   f"-D{seconds}", f"--warm-up-time={warm_up}", f"--log-file={log_path}",
                   f"http://127.0.0.1:{port}{path}"], seconds + warm_up + 30, "load")
    durations, errors, first, last = [], 0, None, None
    with open(log_path, encoding="ascii") as file:
        for line in file:
            started, status, duration = (int(field) for field in line.split()[:3])
            first = started if first is None else first
            last = started
            if status == 200:
                durations.append(duration * 1e-6)
            else:
                errors += 1
    if len(durations) < 100:
        raise processes.Failure(f"h2load served {len(durations)} requests only")
    durations.sort()
    return {"requests": len(durations), "errors": errors,
            "throughput": len(durations) / max((last - first) * 1e-6, 1e-3),
            "p50": durations[len(durations) // 2], "p99": durations[int(len(durations) * 0.99)]}
