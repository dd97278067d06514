"""What stands between processes: a real nginx before the service, a real pgbouncer before PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.processes import Family, eventually
from tests.ray_cluster import LOCALHOST, free_port

NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    gzip on;
    gzip_types *;
    gzip_min_length 1;
    server {{
        listen 127.0.0.1:{port};
        location {prefix}/ {{
            proxy_pass {url}/;
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""
PGBOUNCER = """
[databases]
* = host={host} port={port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
ignore_startup_parameters = extra_float_digits
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""


class Between:
    """A server that listens on `port`, and can be killed and started again; a context manager."""

    def __init__(self, command: Sequence[str], folder: Path, port: int) -> None:
        self.command = command
        self.folder = folder
        self.port = port
        self.family: Family | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.family is not None and self.family.running

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.cut()
        self.family = started = Family(self.command, dict(os.environ), self.folder / "output.log")
        eventually(lambda: listens(self.port) or not started.running, 20)
        assert started.running, (self.folder / "output.log").read_text()

    def cut(self) -> None:
        """SIGKILL to all its processes."""
        if self.family is not None:
            self.family.cut()

    def __enter__(self) -> Between:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.cut()
        shutil.rmtree(self.folder, ignore_errors=True)


def nginx(url: str, prefix: str) -> Between:
    """An nginx that compresses everything, and hands what it gets below `prefix` to the service at `url`."""
    folder, port = Path(tempfile.mkdtemp(prefix="mn-", dir="/tmp")), free_port()
    folder.chmod(0o755)  # its workers are other users
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, port=port, prefix=prefix, url=url))
    return Between([program("nginx"), "-p", str(folder), "-c", str(configuration)], folder, port)


def pgbouncer(database_url: str) -> tuple[Between, str]:
    """A pgbouncer that gives each transaction any of its connections, and the URL of the database through it."""
    bouncer = program("pgbouncer")
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        host, port, user = connection.info.host, connection.info.port, connection.info.user
    folder, own = Path(tempfile.mkdtemp(prefix="mb-", dir="/tmp")), free_port()
    folder.chmod(0o777)  # it refuses to run as root
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(PGBOUNCER.format(folder=folder, host=host, port=port, user=user, own=own))
    other = ["-u", Path(host).owner()] if os.getuid() == 0 else []  # who may use the server's socket
    url = make_url(database_url).set(host=LOCALHOST, port=own, username=user, query={})
    return Between([bouncer, *other, str(configuration)], folder, own), url.render_as_string(hide_password=False)


def program(name: str) -> str:
    """The path of a program. Skips where it is not installed."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    return found


def listens(port: int) -> bool:
    """Whether something takes connections at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex((LOCALHOST, port)) == 0
