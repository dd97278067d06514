"""Whether an SQLite database can be shared as it is about to be: all its writers must be on one host."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from memscore.addresses import is_loopback
from memscore.errors import StoreError
from memscore.settings import Settings
from memscore.store import leases
from memscore.store.database import Database

REMOTE = {
    *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs", "gfs2", "glusterfs", "gpfs", "juicefs", "lustre"),
    *("moosefs", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb", "smb2", "smb3", "smbfs"),
    *("wekafs", "webdav"),
}
"""File systems that other hosts may share, where SQLite's locks and shared memory do not work."""

LOCAL_FUSE = {"bindfs", "encfs", "fuse-overlayfs", "gocryptfs", "lxcfs", "mergerfs", "ntfs-3g", "overlayfs", "unionfs"}
"""FUSE file systems that lie on this host's own disks; all others are taken for remote ones."""

USE_POSTGRESQL = "use PostgreSQL, named by MEMSCORE_DATABASE_URL"


def require_one_host(database: Database, settings: Settings) -> None:
    """Raises StoreError if the database is SQLite and processes of other hosts may write into it.

    That is so where its file lies on a network file system, where jobs run on a Ray cluster elsewhere, and where a
    dispatcher of another host leads now.
    """
    if database.engine.dialect.name != "sqlite":
        return
    file = Path(database.engine.url.database or "").absolute()
    kind = file_system(file)
    if kind is not None and is_remote(kind):
        raise StoreError(
            f"The SQLite database {file} lies on a network file system ({kind}), where its locks do not hold; "
            f"{USE_POSTGRESQL}, or set MEMSCORE_HOME to a folder on a disk of this host."
        )
    if settings.launcher == "ray-jobs" and not is_loopback(urlsplit(settings.ray_url).hostname or ""):
        raise StoreError(
            f"Jobs on the Ray cluster {settings.ray_url} would write into an SQLite database of this host; "
            f"{USE_POSTGRESQL}."
        )
    with database.reading() as connection:
        leader = leases.current(connection, leases.LEADER)
    if leader is not None and leader.seconds_left >= 0:
        host = leader.owner.rsplit("/", 2)[0]
        if host != socket.gethostname():
            raise StoreError(
                f"A dispatcher on the host {host} uses this SQLite database, which only one host may; "
                f"{USE_POSTGRESQL}, or, if that was this host under another name, try again in "
                f"{leader.seconds_left:.0f} s."
            )


def file_system(path: Path) -> str | None:
    """The type of the file system that a path lies on; None if it cannot be told."""
    path = path.resolve()
    try:
        mounts = psutil.disk_partitions(all=True)
    except (OSError, psutil.Error):
        return None
    around = [mount for mount in mounts if path.is_relative_to(mount.mountpoint)]
    if not around:
        return None
    # of several mounts in one place the last one is seen
    return max(enumerate(around), key=lambda one: (len(Path(one[1].mountpoint).parts), one[0]))[1].fstype


def is_remote(kind: str) -> bool:
    """Whether a type of file system is one that other hosts may share."""
    kind = kind.lower()
    if kind.startswith("fuse."):
        return kind.removeprefix("fuse.") not in LOCAL_FUSE
    return kind in REMOTE
