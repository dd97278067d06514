"""Put load on a server from one core of the same machine, with wrk if installed, or else an asyncio client."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

WRK = shutil.which("wrk")
CLIENT = "wrk" if WRK else "an asyncio client"
SCRIPT = """
local calls, turn = {}, 0
wrk.method = %(method)s
for name, value in pairs(%(headers)s) do wrk.headers[name] = value end
if %(body)s ~= "" then wrk.body = %(body)s end
function init() for _, path in ipairs(%(paths)s) do calls[#calls + 1] = wrk.format(nil, path) end end
function request() turn = turn %% #calls + 1; return calls[turn] end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("\\nload %%d %%d %%f %%f %%d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True)
class Call:
    """Requests to send in turn, which differ only in their paths."""

    paths: list[str]
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: str = ""


@dataclass(frozen=True)
class Load:
    """The number of answered requests, the seconds they took in total, and the 50th and 99th percentile of one."""

    requests: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def drive(url: str, call: Call, seconds: float, connections: int) -> Load:
    """Send the requests over several connections, one at a time on each. Fails if an answer is an error."""
    if WRK is None:
        return asyncio.run(_drive(url, call, seconds, connections))
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "calls.lua"
        headers = "{" + ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in _headers(call)) + "}"
        paths = "{" + ", ".join(json.dumps(path) for path in call.paths) + "}"
        values = {"method": json.dumps(call.method), "headers": headers, "body": json.dumps(call.body), "paths": paths}
        script.write_text(SCRIPT % values)
        command = [
            WRK,
            "-t1",
            f"-c{connections}",
            f"-d{math.ceil(seconds)}s",
            "--timeout",
            "30s",
            "-s",
            str(script),
            url,
        ]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    words = next(line.split()[1:] for line in output.splitlines() if line.startswith("load "))
    requests, microseconds, p50, p99, errors = (float(word) for word in words)
    assert errors == 0, output
    return Load(int(requests), microseconds / 1e6, p50 / 1e6, p99 / 1e6)


def _headers(call: Call) -> list[tuple[str, str]]:
    return [*call.headers.items(), *([("Content-Type", "application/json")] if call.body else [])]


async def _drive(url: str, call: Call, seconds: float, connections: int) -> Load:
    where = urlsplit(url)
    headers = "".join(f"{name}: {value}\r\n" for name, value in _headers(call))
    length = f"Content-Length: {len(call.body)}\r\n" if call.body else ""
    raw = cycle(
        f"{call.method} {path} HTTP/1.1\r\nHost: {where.netloc}\r\n{headers}{length}\r\n{call.body}".encode()
        for path in call.paths
    )
    taken: list[float] = []
    started = time.perf_counter()

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        while time.perf_counter() - started < seconds:
            at = time.perf_counter()
            writer.write(next(raw))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head[9:12] < b"400", head
            fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
            await reader.readexactly(int(fields.get(b"content-length", 0)))
            taken.append(time.perf_counter() - at)
        writer.close()

    await asyncio.gather(*(connection() for _ in range(connections)))
    taken.sort()
    return Load(len(taken), time.perf_counter() - started, taken[len(taken) // 2], taken[len(taken) * 99 // 100])
