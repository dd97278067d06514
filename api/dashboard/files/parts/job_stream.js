// A job as it changes, over server-sent events, through restarts of the service and lost connections.

import { pause } from "../dom.js";
import { address, calls, get, Problem, path } from "../http.js";
import { ended } from "./job_card.js";
import { backOff } from "./up_to_date.js";

/** @import { JobEvent, JobEvents, JobMessage } from "../api.js" */
/** @import { Page } from "../types.js" */

const SILENT_MILLISECONDS = 45_000; // the service sends a comment every 15 s, which browsers do not report

/**
 * What a stream calls: `event` for each change once, `failed` for errors that trying again cannot fix.
 * @typedef {{
 *   job: (job: JobMessage) => void,
 *   event: (event: JobEvent) => void,
 *   connected: (yes: boolean) => void,
 *   failed: (error: unknown) => void,
 * }} Listeners
 */

/** Follows a job until it has ended. A tab that nobody sees holds no connection: browsers have six. */
export class JobStream {
  #after = 0; // id of the last event that is known
  #failures = 0;
  #id;
  #listeners;
  #page;
  /** @type {number | undefined} */
  #silence;
  /** @type {EventSource | null} */
  #source = null;
  #turn = 0;

  /**
   * @param {Page} page
   * @param {string} id
   * @param {Listeners} listeners
   */
  constructor(page, id, listeners) {
    this.#page = page;
    this.#id = id;
    this.#listeners = listeners;
    page.signal.addEventListener("abort", () => this.#close());
    const seen = () => (document.hidden ? this.#close() : this.#again());
    document.addEventListener("visibilitychange", seen, { signal: page.signal });
  }

  /**
   * Begin, or go on, with a job that was asked for just now.
   * @param {JobMessage} job
   */
  async begin(job) {
    this.#close();
    if (ended(job)) await this.#history();
    else if (!document.hidden) this.#open();
  }

  #open() {
    const started = performance.now();
    const url = address(path`/v1/jobs/${this.#id}/events`, { after: this.#after || null });
    const source = new EventSource(url);
    this.#source = source;
    this.#listen();
    source.addEventListener("open", () => {
      this.#failures = 0;
      calls.note({ method: "GET", url, status: "stream", milliseconds: performance.now() - started });
      this.#listeners.connected(true);
    });
    source.addEventListener("state", ({ data }) => {
      this.#listen();
      this.#take(JSON.parse(data));
    });
    source.addEventListener("progress", ({ data }) => {
      this.#listen();
      /** @type {JobMessage} */
      const job = JSON.parse(data);
      this.#listeners.job(job);
      if (ended(job)) this.#close();
    });
    source.addEventListener("error", () => {
      if (source !== this.#source) return;
      this.#listeners.connected(false);
      if (source.readyState === EventSource.CLOSED) this.#again(); // else the browser tries by itself
    });
  }

  /** Take a silent connection for lost. */
  #listen() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#again(), SILENT_MILLISECONDS);
  }

  /** @param {JobEvent} event */
  #take(event) {
    if (event.id <= this.#after) return;
    this.#after = event.id;
    this.#listeners.event(event);
  }

  #close() {
    this.#turn += 1;
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = null;
  }

  /** Ask for the job after a while, and open the stream again behind the last event that is known. */
  async #again() {
    this.#close();
    const turn = this.#turn;
    const { signal } = this.#page;
    const current = () => turn === this.#turn && !signal.aborted;
    while (current()) {
      try {
        if (this.#failures) await pause(backOff(this.#failures - 1), signal);
        this.#failures += 1;
        if (!current()) return;
        /** @type {JobMessage} */
        const job = await get(path`/v1/jobs/${this.#id}`, {}, { signal });
        if (!current()) return;
        this.#listeners.job(job);
        await this.begin(job);
        if (ended(job)) this.#listeners.connected(true);
        return;
      } catch (error) {
        if (!current()) return;
        if (error instanceof Problem && (error.status === 404 || error.status === 403)) {
          this.#listeners.failed(error);
          return;
        }
        this.#listeners.connected(false);
      }
    }
  }

  /** The changes that are not known yet, of a job that has ended. */
  async #history() {
    const query = { format: "json", after: this.#after };
    /** @type {JobEvents} */
    const { events } = await get(path`/v1/jobs/${this.#id}/events`, query, { signal: this.#page.signal });
    for (const event of events) this.#take(event);
  }
}
