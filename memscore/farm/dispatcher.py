"""The dispatcher: claims queued jobs, launches their drivers, renews leases and recovers lost jobs."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass

from memscore.counted import counted
from memscore.errors import LaunchFailed, MemscoreError, NotFound, StoreError
from memscore.farm.launchers import Launched, Launcher, LocalLauncher
from memscore.settings import Settings
from memscore.store import Database, job_logs, jobs, leadership, removal
from memscore.store.jobs import JobRecord
from memscore.store.owners import owner_may_live, process_identity

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
RETRY_SECONDS = 2.0  # pause after the database could not be used
AVAILABILITY_SECONDS = 5.0  # between checks of whether the launcher can launch
END_SECONDS = 60.0  # a driver still running this long after its outcome, or a cancellation, is stopped
RENEWALS_PER_LEASE = 3
LOOKS_PER_LEASE = 6  # at least so often a leader looks at the leases of others
GRACE = 0.5  # of a lease, in which its owner renews it at least once
CONTESTS = 5  # leases within which two losses of the lead are a warning
HOUSEKEEPING_SECONDS = 3600.0
SECONDS_A_DAY = 86_400.0
LAST_LINES = 30  # of a dead driver's output, copied into the job's log
CONTESTED = (
    "Dispatchers take the lead from each other, so jobs may wait; see that their machines are not suspended or "
    "too busy to renew it, and raise MEMSCORE_LEASE_SECONDS."
)


class Stopwatch:
    """How long a value has not changed, as seen by one who looks again and again.

    By the monotonic clock, which nobody sets. One look adds at most `limit` seconds: whoever was stopped or suspended
    between two looks does not know whether others were.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.value: object = None
        self.seconds = 0.0
        self._looked_at = time.monotonic()

    def look(self, value: object) -> float:
        """Seconds since the value changed."""
        elapsed, self._looked_at = time.monotonic() - self._looked_at, time.monotonic()
        self.seconds = self.seconds + min(elapsed, self.limit) if value == self.value else 0.0
        self.value = value
        return self.seconds


@dataclass
class _Running:
    job: JobRecord
    driver: Launched
    renewed_at: float
    reports: Stopwatch
    ending_since: float | None = None


class Dispatcher:
    """Recovers and starts jobs while it leads: of all dispatchers on a database, the one that holds the lease leads.

    The others stand by, and attend to the drivers they launched if they led before. With the local launcher one job
    runs at a time, since a job uses all slots of the machine. No job starts before the job `first` has started.
    """

    def __init__(
        self, database: Database, settings: Settings, launcher: Launcher | None = None, *, first: str | None = None
    ) -> None:
        self.database = database
        self.settings = settings
        self.launcher = launcher or make_launcher(settings)
        self.first = first
        self.owner = process_identity()
        self.running: dict[str, _Running] = {}
        self.at_most = settings.parallel_jobs if self.launcher.outlives_dispatcher else 1
        self.renewal = settings.lease_seconds / RENEWALS_PER_LEASE
        self.longest_look = 2 * self.renewal
        self.leader_lease = self.renewal  # so that a new leader takes over before the leases of jobs expire
        self.led_at = float("-inf")
        self.lost_at = deque[float](maxlen=2)  # when other dispatchers took the lead from this one
        self.holder = Stopwatch(2 * self.leader_lease)
        self.orphans: dict[str, Stopwatch] = {}
        self.unavailable: str | None = None
        self.asked_at = float("-inf")
        self.kept_house_at = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; then queue running jobs again, or leave lasting drivers to the next leader."""
        try:
            while not stop.is_set():
                try:
                    self.step()
                except StoreError as error:
                    log.warning("%s Trying again.", error)
                    stop.wait(RETRY_SECONDS)
                except Exception:  # its jobs' drivers would end with it
                    log.exception("a pass of the dispatcher failed; trying again")
                    stop.wait(RETRY_SECONDS)
                stop.wait(POLL_SECONDS)
        finally:
            self.close()

    def step(self) -> None:
        """Make one pass: attend to the running drivers; if this one leads, recover lost jobs and start the next."""
        for running in list(self.running.values()):
            try:
                self._attend(running)
            except NotFound:  # it stored its outcome, and its job was removed before this dispatcher looked
                running.driver.stop()
                running.driver.forget()
                self.running.pop(running.job.id, None)
        if self._leads():
            self._recover()
            self._start()
            self._keep_house()

    def close(self) -> None:
        """Give up the lead. Drivers that cannot outlive this process are stopped, and their jobs queued again."""
        try:
            for running in list(self.running.values()):
                if not self.launcher.outlives_dispatcher:
                    running.driver.stop()
                    with self.database.writing() as connection:
                        jobs.release(connection, running.job.id, running.job.attempt, "the dispatcher was stopped")
            with self.database.writing() as connection:
                leadership.release(connection, leadership.LEADER, self.owner)
        except MemscoreError as error:
            log.warning("%s", error)
        finally:
            self.running.clear()

    def _leads(self) -> bool:
        """Whether this dispatcher leads; takes the lead if it is free or its holder is certainly dead.

        Free too is a lease that its holder has not renewed for as long as it lasts, whatever clocks say.
        """
        changed = self._ask_launcher()
        since = time.monotonic() - self.led_at
        if since < self.leader_lease / RENEWALS_PER_LEASE and not changed:
            return True
        with self.database.reading() as connection:
            holder = leadership.current(connection, leadership.LEADER)
        dead = None
        if holder is not None and holder.owner != self.owner:
            if self.led_at > float("-inf"):
                self.lost_at.append(time.monotonic())
            left = self.holder.look((holder.owner, holder.expires_at)) <= self.leader_lease
            if not owner_may_live(holder.owner) or not left:
                dead = holder.owner
            elif holder.seconds_left >= 0:
                self.led_at = float("-inf")
                return False
        with self.database.writing() as connection:
            leads = leadership.take(
                connection,
                leadership.LEADER,
                self.owner,
                self.leader_lease,
                note=self.unavailable or self._contested(),
                dead=dead,
            )
        if leads and since > self.leader_lease:
            log.info("this dispatcher (%s) has taken the lead", self.owner)
        self.led_at = time.monotonic() if leads else float("-inf")
        return leads

    def _contested(self) -> str | None:
        """A warning if others have taken the lead from this dispatcher twice within a few leases."""
        recent = [at for at in self.lost_at if time.monotonic() - at < CONTESTS * self.settings.lease_seconds]
        return CONTESTED if len(recent) > 1 else None

    def _ask_launcher(self) -> bool:
        """Check every few seconds whether drivers can be launched; returns whether the answer has changed."""
        if time.monotonic() - self.asked_at < AVAILABILITY_SECONDS:
            return False
        before, self.unavailable = self.unavailable, self.launcher.unavailable()
        self.asked_at = time.monotonic()
        if before != self.unavailable:
            log.warning("%s", self.unavailable or "jobs can be launched again")
        return before != self.unavailable

    def _attend(self, running: _Running) -> None:
        """Renew the lease of a job whose driver runs; notice if the driver has ended, hangs, or was replaced."""
        job, status = running.job, running.driver.status()
        if status.kind == "ended":
            self._lose(running, status.detail)
            return
        if time.monotonic() - running.renewed_at < self.renewal and running.ending_since is None:
            return
        with self.database.reading() as connection:
            current = jobs.get(connection, job.id)
            reported_at = jobs.last_report(connection, job.id, job.attempt)
        silent = running.reports.look(reported_at)
        if reported_at is None and current.attempt == job.attempt and current.finished:
            self._await_end(running)  # it has stored the outcome
        elif reported_at is None:
            log.warning("another attempt has taken this job over", extra=_named(job))
            running.driver.stop()
            self.running.pop(job.id)
        elif silent > self.settings.stall_seconds:
            self._lose(running, f"the driver has not reported for {silent:.0f} s")
        elif status.kind == "unknown" and silent > self.settings.lease_seconds:
            self._lose(running, f"the driver has not reported for {silent:.0f} s, and {status.detail}")
        else:
            with self.database.writing() as connection:
                jobs.renew(connection, job.id, job.attempt, self.settings.lease_seconds)
            running.renewed_at = time.monotonic()
            if current.state == "cancelling":
                self._await_end(running)

    def _await_end(self, running: _Running) -> None:
        """Give a driver that should end by itself time to do so."""
        running.ending_since = running.ending_since or time.monotonic()
        if time.monotonic() - running.ending_since > END_SECONDS:
            self._lose(running, "the driver was stopped")

    def _lose(self, running: _Running, reason: str) -> None:
        """End a driver, if it has not ended; unless it stored an outcome, its job recovers or fails."""
        job = running.job
        running.driver.stop()
        end = running.driver.log()
        with self.database.writing() as connection:
            state = jobs.mark_lost(connection, job.id, job.attempt, reason)
            if state is not None and end:
                last = "\n".join(end.splitlines()[-LAST_LINES:])
                job_logs.append(connection, job.id, job.attempt, f"[the driver's last output]\n{last}")
            current = jobs.get(connection, job.id)
            outcome = jobs.outcomes(connection, [job.id]).get(job.id, "")
        self.running.pop(job.id)
        running.driver.forget()
        if state is not None:
            log.warning("%s; the job is now %s", reason, state, extra=_named(job))
        elif current.attempt == job.attempt and current.finished:
            level = logging.ERROR if current.state == "failed" else logging.INFO
            log.log(level, "the job has %s: %s", _PERFECT.get(current.state, current.state), outcome, extra=_named(job))

    def _recover(self) -> None:
        """Take over attempts of other dispatchers whose drivers are alive; recover the jobs of all others.

        A lease that has expired by the clock must also have been seen not to be renewed for half its length: a clock
        that was set ahead, or a machine that slept, ends the leases of those who live too, until they renew them. One
        that nobody renews for its whole length has expired, though it may last by a clock that was set back.
        """
        with self.database.reading() as connection:
            orphans = [job for job in jobs.held(connection) if job.id not in self.running]
            expired = {job.id for job in jobs.expired(connection)} if orphans else set[str]()
        usual = self.settings.lease_seconds / LOOKS_PER_LEASE
        self.orphans = {job.id: self.orphans.get(job.id) or Stopwatch(usual) for job in orphans}
        for job in orphans:
            unrenewed = self.orphans[job.id].look((job.attempt, job.lease_expires_at)) / self.settings.lease_seconds
            if job.lease_owner is not None and not owner_may_live(job.lease_owner):
                reason = "its dispatcher is gone"
            elif unrenewed > 1 or (job.id in expired and unrenewed > GRACE):
                reason = "its lease expired"
            elif self.launcher.outlives_dispatcher:
                reason = "its dispatcher no longer leads"
            else:
                continue
            driver = self.launcher.adopt(job)
            with self.database.writing() as connection:
                if driver is None:
                    state = jobs.mark_lost(connection, job.id, job.attempt, reason)
                    log.warning("%s; the job is now %s", reason, state, extra=_named(job))
                elif jobs.adopt(connection, job.id, job.attempt, self.owner, self.settings.lease_seconds):
                    self.running[job.id] = _Running(job, driver, time.monotonic(), self._stopwatch())
                    log.info("attempt adopted: %s", reason, extra=_named(job))

    def _keep_house(self) -> None:
        """Once an hour, remove finished jobs, and logs of others, that are older than the settings keep them."""
        days_of_jobs, days_of_logs = self.settings.keep_jobs_days, self.settings.keep_logs_days
        if time.monotonic() - self.kept_house_at < HOUSEKEEPING_SECONDS:
            return
        self.kept_house_at = time.monotonic()
        if days_of_jobs is not None:
            pruned = removal.prune_jobs(self.database, self.settings.home, days_of_jobs * SECONDS_A_DAY).jobs
            if pruned:
                log.info("MEMSCORE_KEEP_JOBS_DAYS=%g removed %s", days_of_jobs, counted(pruned, "finished job"))
        if days_of_logs is not None:
            pruned = removal.prune_logs(self.database, self.settings.home, days_of_logs * SECONDS_A_DAY)
            if pruned:
                log.info("MEMSCORE_KEEP_LOGS_DAYS=%g removed the logs of %s", days_of_logs, counted(pruned, "job"))

    def _stopwatch(self) -> Stopwatch:
        return Stopwatch(self.longest_look)

    def _start(self) -> None:
        """Launch drivers for the jobs that are due."""
        while len(self.running) < self.at_most and self.unavailable is None:
            with self.database.reading() as connection:
                if not jobs.due(connection, self.first):
                    return
            with self.database.writing() as connection:
                job = jobs.claim(connection, self.owner, self.settings.lease_seconds, self.first)
            if job is None:
                return
            log.info("attempt %d starts", job.attempt, extra=_named(job))
            try:
                launched = self.launcher.launch(job)
                self.running[job.id] = _Running(job, launched, time.monotonic(), self._stopwatch())
            except LaunchFailed as error:
                log.warning("%s", error, extra=_named(job))
                with self.database.writing() as connection:
                    jobs.mark_lost(connection, job.id, job.attempt, str(error))
                self.asked_at = float("-inf")  # ask the launcher again before the next launch
                return


def make_launcher(settings: Settings) -> Launcher:
    """The launcher that the settings name. Raises InvalidInput if it lacks something."""
    if settings.launcher == "ray-jobs":
        from memscore.farm.ray_jobs import RayJobsLauncher

        return RayJobsLauncher(settings)
    return LocalLauncher(settings)


_PERFECT = {"cancelled": "been cancelled"}


def _named(job: JobRecord) -> dict[str, str | int]:
    """The fields of a structured log line that name its job."""
    return {"job": job.id, "study": job.study_id, "attempt": job.attempt}
