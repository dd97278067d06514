"""The API on a free port, in a thread of the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from api.app import create_app
from memscore.store import Database


@contextmanager
def served(database: Database, home: Path | None = None) -> Generator[str]:
    """The service's address; `home` has its datasets, by default that of the settings."""
    app = create_app(database, home=home)
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
