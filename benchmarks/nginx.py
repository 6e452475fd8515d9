"""nginx as the upstream of a benchmark, and as the proxy to compare with.

It forwards what the reference proxy forwards: the client's headers, Forwarded and X-Forwarded-*, Via and a request
id, on kept-alive connections upstream; and like the reference proxy it writes a log of every request to a file.
"""

from __future__ import annotations

from typing import NamedTuple

from harness.clock import poll_until
from harness.environment import ports
from harness.environment.processes import start
from harness.environment.rundir import RunDirectory
from harness.traffic.client import Client

START_S = 15.0
LARGE, HUGE = 64 << 10, 1 << 20

COMMON = """
pid {dir}/{name}.pid; error_log stderr warn; worker_processes 1; daemon off; master_process off;
events {{ worker_connections 4096; }}
http {{ access_log {log}; keepalive_requests 100000000; client_body_temp_path {dir}/{name}-body;
  proxy_temp_path {dir}/{name}-proxy; fastcgi_temp_path {dir}/{name}-f; uwsgi_temp_path {dir}/{name}-u;
  scgi_temp_path {dir}/{name}-s;
  server_tokens off; tcp_nodelay on; sendfile on; tcp_nopush on; default_type text/plain;
"""
UPSTREAM = (
    COMMON
    + """
  server {{ listen 127.0.0.1:{port} backlog=4096;
    location = /api/health {{ return 200 '{{"status":"ok","timestamp":"2026-01-01T00:00:00Z"}}'; }}
    location = /api/small {{ return 200 '{small}'; }}
    location = /api/large {{ alias {dir}/large; }}
    location = /api/huge {{ alias {dir}/huge; }} }} }}
"""
)
FORWARD = (
    COMMON
    + """
  upstream api {{ server 127.0.0.1:{upstream}; keepalive 128; }}
  server {{ listen 127.0.0.1:{port} backlog=4096;
    location /api/proxy/ {{ proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering on;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header Forwarded "for=$remote_addr;host=$http_host;proto=$scheme";
      proxy_set_header Via "1.1 nginx"; proxy_set_header X-Request-ID $request_id;
      add_header Via "1.1 nginx"; add_header X-Request-ID $request_id; proxy_pass http://api/api/; }} }} }}
"""
)


class Server(NamedTuple):
    """A program that serves."""

    port: int
    pid: int


def start_nginx(run: RunDirectory, name: str, configuration: str, core: int, upstream: int = 0) -> Server:
    """Start nginx on one core."""
    folder = run.folder(name)
    (folder / "large").write_bytes(b"x" * LARGE)
    (folder / "huge").write_bytes(b"x" * HUGE)
    port = ports.choose()
    log = "off" if name == "upstream" else folder / "access.log"  # as the proxy it is compared with writes its own
    text = configuration.format(log=log, dir=folder, name=name, port=port, upstream=upstream, small="x" * 64)
    file = folder / "nginx.conf"
    file.write_text(text, "utf-8")
    started = start([*pinned(core), "nginx", "-p", str(folder), "-c", str(file)], run=run, name=name)
    await_ok(f"http://127.0.0.1:{port}", "/api/small" if name == "upstream" else "/api/proxy/small")
    return Server(port, started.pid)


def pinned(core: int) -> list[str]:
    """The beginning of a command that runs on this core alone."""
    return ["taskset", "-c", str(core)]


def await_ok(base: str, path: str) -> None:
    """Wait until ``base + path`` answers 200."""
    with Client(base) as client:
        poll_until(lambda: client.get(path).status == 200, within_s=START_S, what=f"{base}{path} to serve")
