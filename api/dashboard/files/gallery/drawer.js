// A sample beside the gallery: what its page says first, while the list stays in view.

import { fill, h } from "../dom.js";
import { className, whole } from "../format.js";
import { get, path } from "../http.js";
import { about } from "../parts/about_sample.js";
import { problem } from "../parts/problem.js";
import { sampleUrl } from "../parts/sample.js";
import { measures, picture } from "../parts/train_facts.js";

/** @import { Decisions, Explanation } from "../api.js" */
/** @import { Loaded, Page, Query, Shown } from "../types.js" */

const CALM_MILLISECONDS = 80; // a key held down shows only the sample that it stops at

/**
 * `at` is Pages.at, `listed` what a link to a sample keeps of the list, `size` the length of the list, `go` makes another
 * place the active one, `closed` is called when the reader is done.
 * @typedef {Loaded & {
 *   at: (position: number) => Shown | null,
 *   listed: (position: number) => Query,
 *   size: () => number,
 *   go: (position: number) => void,
 *   closed: () => void,
 * }} Options
 */

export class Drawer {
  /** The place in the list that it shows; null while it is closed. @type {number | null} */
  position = null;
  #body = h("div", {});
  /** @type {AbortController | null} */
  #loading = null;
  #next;
  #open = h("a", {}, "Open its page");
  #options;
  #page;
  #place = h("p", { class: "soft small", role: "status" });
  #previous;
  /** What it shows, or is about to. @type {string | null} */
  #shown = null;
  /** @type {number | undefined} */
  #waiting;

  /**
   * @param {Page} page
   * @param {Options} options
   */
  constructor(page, options) {
    this.#page = page;
    this.#options = options;
    /**
     * @param {string} text
     * @param {string} label
     * @param {number} by
     */
    const step = (text, label, by) => {
      const click = () => this.position !== null && options.go(this.position + by);
      return h("button", { type: "button", "aria-label": label, on: { click } }, text);
    };
    this.#previous = step("←", "The sample before", -1);
    this.#next = step("→", "The sample behind", 1);
    const close = h("button", { type: "button", on: { click: () => this.close() } }, "Close");
    this.element = h(
      "section",
      {
        class: "drawer",
        tabindex: "-1",
        "aria-label": "The sample that is active in the list",
        "data-part": "drawer",
        hidden: true,
      },
      h("div", { class: "row spread" }, h("div", { class: "actions" }, this.#previous, this.#next), close),
      this.#place,
      this.#body,
      h("p", {}, this.#open),
    );
    this.element.addEventListener("keydown", ({ key }) => key === "Escape" && this.close());
    page.signal.addEventListener("abort", () => {
      clearTimeout(this.#waiting);
      this.#loading?.abort();
    });
  }

  /**
   * Show the sample at a place of the list, now or once it is there.
   * @param {number} position
   */
  show(position) {
    this.position = position;
    this.element.hidden = false;
    this.refresh();
  }

  /** Take over what the list has at its place. */
  refresh() {
    const { position } = this;
    if (position === null) return;
    const total = this.#options.size();
    this.#previous.disabled = position <= 0;
    this.#next.disabled = position >= total - 1;
    this.#place.textContent = total ? `${whole(position + 1)} of ${whole(total)} in this list` : "";
    this.#open.hidden = total === 0;
    if (total === 0) {
      this.again();
      fill(this.#body);
      return;
    }
    const row = this.#options.at(position)?.row;
    const shown = row ? `${row.index} ${row.mem}` : null;
    if (shown !== null && shown === this.#shown) return;
    this.#shown = shown;
    this.element.setAttribute("aria-busy", "true");
    if (!row) return; // it is on its way
    this.#open.href = sampleUrl(this.#options.study, "train", row.index, this.#options.listed(position));
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => this.#load(row.index), CALM_MILLISECONDS);
  }

  /** Ask again, even for the sample that it shows: reviewers may have said something of it. */
  again() {
    this.#shown = null;
    clearTimeout(this.#waiting);
    this.#loading?.abort();
    this.element.removeAttribute("aria-busy");
  }

  close() {
    this.position = null;
    this.again();
    this.element.hidden = true;
    fill(this.#body);
    this.#options.closed();
  }

  /**
   * @param {number} index
   * @param {boolean} [focused] whether the reader has asked for it here
   */
  async #load(index, focused = false) {
    const { study, dataset } = this.#options;
    this.#loading?.abort();
    const loading = new AbortController();
    this.#loading = loading;
    const { signal } = loading;
    try {
      /** @type {[Explanation, Decisions]} */
      const [found, decided] = await Promise.all([
        get(path`/v1/studies/${study.name}/explain/${index}`, { limit: 1, holding: true }, { signal }),
        get(path`/v1/studies/${study.name}/decisions`, { index }, { signal }),
      ]);
      if (signal.aborted) return;
      fill(
        this.#body,
        h("h3", {}, `Training sample ${index}: ${className(dataset, found.score.label)}`),
        picture(dataset, found.score),
        about(dataset, "train", index),
        h("p", {}, found.sentence),
        measures(dataset, found, decided),
      );
    } catch (error) {
      if (signal.aborted || this.#page.signal.aborted) return;
      fill(this.#body, problem(error, { retry: () => this.#load(index, true), compact: true }));
    } finally {
      if (!signal.aborted) this.element.removeAttribute("aria-busy");
    }
    if (focused) this.element.focus();
  }
}
