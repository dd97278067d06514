// A job as it changes, over server-sent events, through restarts of the service and lost connections.

import { pause } from "../dom.js";
import { address, calls, get, path } from "../http.js";
import { ended } from "./job_card.js";
import { backOff } from "./up_to_date.js";

const SILENT_MILLISECONDS = 45_000; // the service sends a comment every 15 s, which browsers do not tell of

/**
 * Follows a job until it has ended. `told` has `job(job)`, `event(event)` for each change once, `connected(yes)`, and
 * `failed(error)` for what trying again will not mend. A tab that nobody sees holds no connection: browsers have six.
 */
export class JobStream {
  constructor(page, id, told) {
    Object.assign(this, { page, id, told, after: 0, failures: 0, source: null, turn: 0 });
    page.signal.addEventListener("abort", () => this.close());
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.again()), {
      signal: page.signal,
    });
  }

  /** Begin, or go on, with a job that was asked for just now. */
  async begin(job) {
    this.close();
    if (ended(job)) await this.history();
    else if (!document.hidden) this.open();
  }

  open() {
    const started = performance.now();
    const url = address(path`/v1/jobs/${this.id}/events`, { after: this.after || null });
    const source = new EventSource(url);
    this.source = source;
    this.listen();
    source.addEventListener("open", () => {
      this.failures = 0;
      calls.note({ method: "GET", url, status: "stream", milliseconds: performance.now() - started });
      this.told.connected(true);
    });
    source.addEventListener("state", ({ data }) => {
      this.listen();
      this.take(JSON.parse(data));
    });
    source.addEventListener("progress", ({ data }) => {
      this.listen();
      const job = JSON.parse(data);
      this.told.job(job);
      if (ended(job)) this.close();
    });
    source.addEventListener("error", () => {
      if (source !== this.source) return;
      this.told.connected(false);
      if (source.readyState === EventSource.CLOSED) this.again(); // else the browser tries by itself
    });
  }

  /** Take a silent connection for lost. */
  listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.again(), SILENT_MILLISECONDS);
  }

  take(event) {
    if (event.id <= this.after) return;
    this.after = event.id;
    this.told.event(event);
  }

  close() {
    this.turn += 1;
    clearTimeout(this.silence);
    this.source?.close();
    this.source = null;
  }

  /** Ask for the job after a while, and open the stream again behind the last event that is known. */
  async again() {
    this.close();
    const { turn } = this;
    const { signal } = this.page;
    const current = () => turn === this.turn && !signal.aborted;
    while (current()) {
      try {
        if (this.failures) await pause(backOff(this.failures - 1), signal);
        this.failures += 1;
        if (!current()) return;
        const job = await get(path`/v1/jobs/${this.id}`, {}, { signal });
        if (!current()) return;
        this.told.job(job);
        await this.begin(job);
        if (ended(job)) this.told.connected(true);
        return;
      } catch (error) {
        if (!current()) return;
        if (error.status === 404 || error.status === 403) {
          this.told.failed(error);
          return;
        }
        this.told.connected(false);
      }
    }
  }

  /** The changes that are not known yet, of a job that has ended. */
  async history() {
    const { events } = await get(
      path`/v1/jobs/${this.id}/events`,
      { format: "json", after: this.after },
      { signal: this.page.signal },
    );
    for (const event of events) this.take(event);
  }
}
