"""Evaluates sample expressions with a program that reads HAProxy's configuration language.

Each expression becomes two rules: one that answers with the value when the expression has one, and one that answers
404.
What the program refuses to load is told by its messages, line by line, and left out of a second try.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Benchmarks"))
from harness import processes  # noqa: E402 (the path is set first)

HEAD = """global
{globals}
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 10s
    option http-buffer-request
frontend expressions
    bind 127.0.0.1:{port}
"""

RULES = (
    "    http-request return status 200 content-type text/plain lf-string '%[{expression}]'"
    " if {{ path /{number} }} {{ {quoted} -m found }}\n"
    "    http-request return status 404 if {{ path /{number} }}\n"
)


class Oracle:
    """One program. `evaluate` gives, for each expression: 'error', 'none', or the value's bytes."""

    def __init__(self, program, rules=RULES, prelude="", global_lines=""):
        self.program = program
        self.rules = rules
        self.prelude = prelude
        self.global_lines = global_lines

    def rule(self, expression, number):
        return self.rules.format(expression=expression, number=number, quoted="'" + expression + "'")

    def request(self, number):
        return b"GET /%d HTTP/1.1\r\nHost: example.org\r\n\r\n" % number

    def configuration(self, expressions, numbers, port):
        text = HEAD.format(port=port, globals=self.global_lines) + self.prelude
        first = text.count("\n")
        lines = {}
        for number in numbers:
            expression = expressions[number]
            rule = self.rule(expression, number)
            for offset in range(rule.count("\n")):
                lines[first + offset + 1] = number
            first += rule.count("\n")
            text += rule
        return text, lines

    def evaluate(self, expressions):
        results = {}
        numbers = list(range(len(expressions)))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "expressions.cfg")
            # HAProxy stops at a rule that it cannot read.
            for _ in range(1000):
                port = processes.free_port()
                text, lines = self.configuration(expressions, numbers, port)
                with open(path, "w", encoding="latin-1") as file:
                    file.write(text)
                check = subprocess.run([self.program, "-c", "-f", path], capture_output=True, timeout=60)
                if check.returncode == 0:
                    break
                refused = set()
                output = (check.stdout + check.stderr).decode("latin-1")
                # Not those of warnings.
                for match in re.finditer(r"^\[ALERT\].*expressions\.cfg:(\d+)", output, re.M):
                    number = lines.get(int(match.group(1)))
                    if number is not None:
                        refused.add(number)
                if not refused:
                    raise RuntimeError(self.program + " refuses the configuration:\n" + output[:2000])
                for number in refused:
                    results[number] = "error"
                numbers = [number for number in numbers if number not in refused]
            else:
                raise RuntimeError("too many tries")
            process = subprocess.Popen(
                [self.program, "-db", "-f", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                results.update(self.ask(numbers, port))
            finally:
                process.kill()
                process.wait()
        return [results[number] for number in range(len(expressions))]

    def ask(self, numbers, port):
        deadline = time.monotonic() + 30
        while True:
            try:
                connection = socket.create_connection(("127.0.0.1", port), timeout=10)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        results = {}
        reader = connection.makefile("rb")
        for number in numbers:
            connection.sendall(self.request(number))
            status = int(reader.readline().split()[1])
            length = 0
            while (line := reader.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            body = reader.read(length)
            # HAProxy writes control characters of a log format as %XX.
            body = re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", lambda match: b"%%%02X" % match.group()[0], body)
            results[number] = body if status == 200 else "none"
            if status not in (200, 404):
                results[number] = "status %d" % status
        connection.close()
        return results
