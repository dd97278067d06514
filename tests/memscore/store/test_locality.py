"""SQLite is refused where other hosts may write into its file; PostgreSQL never."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from memscore.errors import StoreError
from memscore.settings import Settings
from memscore.store import Database, leadership, owners
from memscore.store.locality import file_system, is_remote, require_one_host
from memscore.store.owners import process_identity


class Mount(NamedTuple):
    mountpoint: str
    fstype: str


def mount(monkeypatch: pytest.MonkeyPatch, *mounts: tuple[str, str]) -> None:
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: [Mount(*one) for one in mounts])


def judged(database: Database, settings: Settings, sentence: str) -> None:
    """SQLite is refused with this sentence, PostgreSQL not at all."""
    if database.engine.dialect.name == "postgresql":
        require_one_host(database, settings)
        return
    with pytest.raises(StoreError, match=sentence) as error:
        require_one_host(database, settings)
    assert "MEMSCORE_DATABASE_URL" in str(error.value)
    assert "PostgreSQL" in str(error.value)
    assert "\n" not in str(error.value)


def test_one_host_is_fine(database: Database, settings: Settings):
    require_one_host(database, settings)
    require_one_host(database, settings.model_copy(update={"launcher": "ray-jobs"}))
    with database.writing() as connection:
        assert leadership.take(connection, leadership.LEADER, process_identity(), 60)
    require_one_host(database, settings)


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "lustre", "beegfs", "9p", "ceph", "NFS"])
def test_a_network_file_system_is_refused(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, kind: str
):
    mount(monkeypatch, ("/", "ext4"), (str(settings.home), kind))
    judged(database, settings, rf"is on a network file system \({kind}\)")


@pytest.mark.parametrize(
    "kind", ["ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "apfs", "fuse.fuse-overlayfs", "fuseblk"]
)
def test_a_file_system_of_this_host_is_fine(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, kind: str
):
    mount(monkeypatch, ("/", "nfs4"), (str(settings.home), kind), (f"{settings.home}-other", "cifs"))
    require_one_host(database, settings)
    assert not is_remote(kind)


def test_the_innermost_and_latest_mount_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    mount(
        monkeypatch,
        (str(tmp_path / "a"), "ext4"),
        ("/", "xfs"),
        (str(tmp_path / "a" / "b"), "nfs"),
        (str(tmp_path / "a" / "b"), "tmpfs"),
        (str(tmp_path / "a" / "bc"), "cifs"),
    )
    assert file_system(tmp_path / "a" / "x.db") == "ext4"
    assert file_system(tmp_path / "a" / "b" / "x.db") == "tmpfs"
    assert file_system(tmp_path / "link" / "b" / "not-there.db") == "tmpfs"
    assert file_system(tmp_path / "x.db") == "xfs"
    mount(monkeypatch)
    assert file_system(tmp_path) is None


def test_the_real_mounts_are_understood(tmp_path: Path):
    assert file_system(tmp_path / "x.db")
    assert file_system(Path("/proc/self")) == "proc"


def test_a_ray_cluster_elsewhere_is_refused(database: Database, settings: Settings):
    for url in ("http://head.example:8265", "http://10.0.0.1:8265", "http://localhost.example:8265", "nonsense"):
        elsewhere = settings.model_copy(update={"launcher": "ray-jobs", "ray_url": url})
        judged(database, elsewhere, f"Jobs on the Ray cluster {url} would write")
        require_one_host(database, elsewhere.model_copy(update={"launcher": "local"}))


@pytest.mark.parametrize("url", ["http://127.0.0.1:8265", "https://localhost", "http://[::1]:8265/"])
def test_a_ray_cluster_on_this_host_is_fine(database: Database, settings: Settings, url: str):
    require_one_host(database, settings.model_copy(update={"launcher": "ray-jobs", "ray_url": url}))


def test_a_dispatcher_that_leads_on_another_host_is_refused(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    with database.writing() as connection:
        leadership.take(connection, leadership.LEADER, "elsewhere/77/1700000000.00", 20)
    judged(database, settings, r"on the host elsewhere uses this SQLite database.*try again in (20|19) s")
    with database.writing() as connection:
        connection.execute(leadership.leases.update().values(expires_at=0))
    require_one_host(database, settings)  # long dead
    with database.writing() as connection:
        leadership.take(connection, leadership.LEADER, process_identity(), 20)
    monkeypatch.setattr(owners.socket, "gethostname", lambda: f"not-{socket.gethostname}")
    judged(database, settings, "only one host may")
