"""Checks that all writers of an SQLite database are on one host."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import psutil

from memscore.addresses import is_loopback
from memscore.errors import StoreError
from memscore.settings import Settings
from memscore.store import leadership
from memscore.store.database import Database
from memscore.store.owners import host_of, on_this_machine

REMOTE = {
    *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs", "gfs2", "glusterfs", "gpfs", "juicefs", "lustre"),
    *("moosefs", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb", "smb2", "smb3", "smbfs"),
    *("wekafs", "webdav"),
}
"""File systems that other hosts may share, where SQLite's locks and shared memory do not work."""

LOCAL_FUSE = {"bindfs", "encfs", "fuse-overlayfs", "gocryptfs", "lxcfs", "mergerfs", "ntfs-3g", "overlayfs", "unionfs"}
"""FUSE file systems on this host's disks; all others are taken for remote."""

USE_POSTGRESQL = "use PostgreSQL, set with MEMSCORE_DATABASE_URL"


def require_one_host(database: Database, settings: Settings) -> None:
    """Raises StoreError if the database is SQLite and processes of other hosts may write to it.

    They may if its file is on a network file system, if jobs run on a Ray cluster elsewhere, or if a dispatcher of
    another host leads now.
    """
    if database.engine.dialect.name != "sqlite":
        return
    file = Path(database.engine.url.database or "").absolute()
    kind = file_system(file)
    if kind is not None and is_remote(kind):
        raise StoreError(
            f"The SQLite database {file} is on a network file system ({kind}), where its locks do not work; "
            f"{USE_POSTGRESQL}, or set MEMSCORE_HOME to a folder on a disk of this host."
        )
    if settings.launcher == "ray-jobs" and not is_loopback(urlsplit(settings.ray_url).hostname or ""):
        raise StoreError(
            f"Jobs on the Ray cluster {settings.ray_url} would write to an SQLite database of this host; "
            f"{USE_POSTGRESQL}."
        )
    with database.reading() as connection:
        leader = leadership.current(connection, leadership.LEADER)
    if leader is not None and leader.seconds_left >= 0 and not on_this_machine(leader.owner):
        raise StoreError(
            f"A dispatcher on the host {host_of(leader.owner)} uses this SQLite database, which only one host may; "
            f"{USE_POSTGRESQL}, or, if that is this host under another name, try again in "
            f"{leader.seconds_left:.0f} s."
        )


def file_system(path: Path) -> str | None:
    """The type of the file system that a path is on; None if it cannot be determined."""
    path = path.resolve()
    try:
        mounts = psutil.disk_partitions(all=True)
    except (OSError, psutil.Error):
        return None
    around = [mount for mount in mounts if path.is_relative_to(mount.mountpoint)]
    if not around:
        return None
    # of several mounts in one place, the last one is visible
    return max(enumerate(around), key=lambda one: (len(Path(one[1].mountpoint).parts), one[0]))[1].fstype


def is_remote(kind: str) -> bool:
    """Whether other hosts may share a type of file system."""
    kind = kind.lower()
    if kind.startswith("fuse."):
        return kind.removeprefix("fuse.") not in LOCAL_FUSE
    return kind in REMOTE
