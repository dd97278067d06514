// The log of a job, followed while it is open. It stays at its end, unless the reader has scrolled up.

import { h, pause } from "../dom.js";
import { get, path } from "../http.js";
import { sentence } from "./problem.js";
import { backOff } from "./up_to_date.js";

/** @import { LogMessage } from "../api.js" */
/** @import { Page } from "../types.js" */

const FOLLOW_MILLISECONDS = 2000;
const MOST_CHUNKS = 2000; // of one answer each; older ones leave the page
const NEAR_END = 24; // pixels

export class JobLog {
  #after = 0;
  #following = false;
  #id;
  #note = h("p", { class: "soft small" });
  #over = false;
  #page;
  #text = h("pre", { class: "log", tabindex: "0", role: "region", "aria-label": "Log of this job" });

  /**
   * @param {Page} page
   * @param {string} id
   */
  constructor(page, id) {
    this.#page = page;
    this.#id = id;
    this.element = h(
      "details",
      { class: "job-log", open: page.query.has("log") },
      h("summary", {}, h("h2", {}, "Log")),
      this.#note,
      this.#text,
    );
    this.element.addEventListener("toggle", () => {
      page.keep({ log: this.element.open ? "open" : null });
      this.#follow();
    });
    this.#follow();
  }

  /**
   * Say whether the job has ended: then the log is read to its end, and no further.
   * @param {boolean} over
   */
  ended(over) {
    const goesOn = this.#over && !over;
    this.#over = over;
    if (goesOn) this.#follow();
  }

  async #follow() {
    if (this.#following) return;
    this.#following = true;
    const { signal } = this.#page;
    let failures = 0;
    while (this.element.open && !signal.aborted) {
      const over = this.#over;
      try {
        const query = { format: "json", after: this.#after };
        /** @type {LogMessage} */
        const { lines, next } = await get(path`/v1/jobs/${this.#id}/log`, query, { signal });
        this.#after = next;
        this.#add(lines);
        failures = 0;
        const none = over ? "The log is empty." : "The log is still empty.";
        this.#note.textContent = this.#text.childNodes.length ? "" : none;
        if (over && !lines.length) break;
        await pause(FOLLOW_MILLISECONDS, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#note.textContent = `${sentence(error)} Trying again.`;
        await pause(backOff(failures), signal).catch(() => {});
        failures += 1;
      }
    }
    this.#following = false;
  }

  /** @param {string[]} lines */
  #add(lines) {
    if (!lines.length) return;
    const text = this.#text;
    const atEnd = text.scrollHeight - text.scrollTop - text.clientHeight < NEAR_END;
    text.append(`${lines.join("\n")}\n`);
    while (text.childNodes.length > MOST_CHUNKS) text.firstChild?.remove();
    if (atEnd) text.scrollTop = text.scrollHeight;
  }
}
