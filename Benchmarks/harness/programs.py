"""The programs that are compared: their configurations for each case, their command lines, their versions."""

import os
import pathlib
import re
import shutil
import subprocess

from . import processes

MAXIMUM_CONNECTIONS = 8000
LARGE_BODY_BYTES = 1 << 20
STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
# The command-line flag that forces each polling system off, in order of preference.
POLLER_FLAGS = {"io_uring": "-du", "epoll": "-de", "kqueue": "-dk", "poll": "-dp", "select": "-ds"}

HAPROXY_CONFIGURATION = """\
global
    nbthread 1
    maxconn {maximum}

defaults
    mode {mode}
    timeout connect 5s
    timeout client 120s
    timeout server 120s
    timeout http-keep-alive 120s
{defaults_lines}
frontend bench
    bind 127.0.0.1:{port}
{frontend_lines}    default_backend origin

backend origin
    server origin 127.0.0.1:{origin}
"""

NGINX_COMMON = """\
{load}daemon off;
master_process off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections {files}; }}
"""

NGINX_HTTP = """\
http {{
    access_log off;
    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    sendfile on;
    tcp_nopush on;
{body}
}}
"""

NGINX_PROXY = """\
    proxy_max_temp_file_size 0;
    upstream origin {{
        server 127.0.0.1:{origin};
        keepalive 1024;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
"""

NGINX_ORIGIN = """\
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        default_type text/plain;
        location / {{ return 200 "Hello from the origin of the benchmark.\\n"; }}
        location /files/ {{ root {folder}; }}
    }}
"""

NGINX_STREAM = """\
stream {{
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        proxy_pass 127.0.0.1:{origin};
    }}
}}
"""


def _write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Running:
    """A started program: its process, its port, and where its output went."""

    def __init__(self, name, process, port, log_path):
        self.name = name
        self.process = process
        self.port = port
        self.log_path = log_path

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        processes.stop(self.process)


class Program:
    """A proxy by name. `start` gives it the configuration of a case."""

    role = "proxy"

    def __init__(self, name, path):
        self.name = name
        self.path = path

    def version(self):
        result = subprocess.run([self.path, "-v"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=20, check=False)
        return result.stdout.decode("utf-8", "replace").strip().split("\n")[0]

    def supports(self, case):
        return True

    def command(self, case, port, origin_port, folder):
        raise NotImplementedError

    def start(self, case, origin_port, folder, wait=True):
        port = processes.free_port()
        own = os.path.join(folder, re.sub(r"\W", "-", self.name))
        os.makedirs(own, exist_ok=True)
        log_path = os.path.join(own, "output.log")
        process = processes.start(self.command(case, port, origin_port, own), log_path, self.role)
        running = Running(self.name, process, port, log_path)
        if wait:
            try:
                processes.wait_for_port(port, process, log_path)
            except processes.Failure:
                running.stop()
                raise
        return running


class HAProxyLike(Program):
    """HAProxy, or Martlet, which reads the same configuration."""

    def __init__(self, name, path, flags=()):
        super().__init__(name, path)
        self.flags = list(flags)

    def base_command(self):
        """The program with its flags."""
        return [self.path, *self.flags]

    def command(self, case, port, origin_port, folder):
        path = os.path.join(folder, "bench.cfg")
        _write(path, HAPROXY_CONFIGURATION.format(
            maximum=MAXIMUM_CONNECTIONS, mode=case.mode, port=port, origin=origin_port,
            defaults_lines=f"    http-reuse {case.reuse}\n" if case.mode == "http" else "",
            frontend_lines=case.frontend_lines(folder)))
        return [*self.base_command(), "-db", "-f", path]


class Nginx(Program):
    """nginx, which keeps its server connections whatever the client does."""

    def supports(self, case):
        return case.nginx and (case.mode == "http" or os.path.exists(STREAM_MODULE))

    def command(self, case, port, origin_port, folder):
        path = os.path.join(folder, "nginx.conf")
        stream = case.mode == "tcp"
        text = NGINX_COMMON.format(folder=folder, files=2 * MAXIMUM_CONNECTIONS + 512,
                                   load=f"load_module {STREAM_MODULE};\n" if stream else "")
        if stream:
            text += NGINX_STREAM.format(port=port, origin=origin_port)
        else:
            text += NGINX_HTTP.format(folder=folder, body=NGINX_PROXY.format(port=port, origin=origin_port))
        _write(path, text)
        return [self.path, "-p", folder, "-c", path]


class Origin(Program):
    """The server behind every proxy: nginx with a small answer and a file of 1 MiB."""

    role = "origin"

    def command(self, case, port, origin_port, folder):
        os.makedirs(os.path.join(folder, "files"), exist_ok=True)
        with open(os.path.join(folder, "files", "1m"), "wb") as file:
            file.write(os.urandom(LARGE_BODY_BYTES))
        path = os.path.join(folder, "nginx.conf")
        _write(path, NGINX_COMMON.format(folder=folder, files=2 * MAXIMUM_CONNECTIONS + 512, load="")
               + NGINX_HTTP.format(folder=folder, body=NGINX_ORIGIN.format(port=port, folder=folder)))
        return [self.path, "-p", folder, "-c", path]


class Floor(Program):
    """A relay that does nothing but pass bytes on (Benchmarks/floor.c): what no proxy on the machine can be below."""

    SOURCE = pathlib.Path(__file__).resolve().parent.parent / "floor.c"

    def __init__(self, poller, path):
        super().__init__(f"floor-{poller}", path)
        self.poller = poller

    @classmethod
    def both(cls, folder):
        """With epoll and with io_uring; built into the folder."""
        path = os.path.join(folder, "floor")
        processes.run(["cc", "-O2", "-o", path, str(cls.SOURCE), "-l:liburing.a"], 60)
        return [cls(poller, path) for poller in ("epoll", "io_uring")]

    def version(self):
        return "blind relay"

    def supports(self, case):
        return case.blind

    def command(self, case, port, origin_port, folder):
        return [self.path, self.poller, str(port), f"127.0.0.1:{origin_port}"]


def find(name):
    """The path of a program, also where Debian keeps servers."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def pollers_of(path):
    """The polling systems that a program of HAProxy's kind lists with -vv."""
    result = subprocess.run([path, "-vv"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, timeout=20, check=False)
    return re.findall(r"^\s*(\w+) : pref=", result.stdout.decode("utf-8", "replace"), re.MULTILINE)


def with_poller(path, poller):
    """Martlet with every polling system but one forced off."""
    known = pollers_of(path)
    if poller not in known:
        raise processes.Failure(f"{path} has no polling system {poller} (it has: {', '.join(known)})")
    flags = [flag for name, flag in POLLER_FLAGS.items() if name in known and name != poller]
    return HAProxyLike(f"martlet-{poller}", path, flags)
