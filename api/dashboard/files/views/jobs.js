// All jobs, newest first, by state and study; what runs is kept up to date.

import { fill, focusIn, h, put } from "../dom.js";
import { whole } from "../format.js";
import { address, get } from "../http.js";
import { ended, jobList } from "../parts/job_card.js";
import { empty, problem } from "../parts/problem.js";
import { upToDate } from "../parts/up_to_date.js";
import { session } from "../session.js";

/** @import { JobMessage, Jobs, Studies } from "../api.js" */
/** @import { Page } from "../types.js" */

const PAGE = 50;
const BUSY_MILLISECONDS = 2000; // between two looks, while a job of the list runs
const IDLE_MILLISECONDS = 10_000;
const STATES = ["queued", "running", "recovering", "cancelling", "succeeded", "failed", "cancelled"];

/** @param {Page} page */
export async function show(page) {
  page.title("Jobs");
  const place = h("div", {});
  const trouble = h("div", {});
  const list = new Listing(page, place);
  put(
    page.main,
    h(
      "div",
      { class: "row spread" },
      h("h1", {}, "Jobs"),
      session.may("write") && h("a", { class: "button primary", href: address("/jobs/new") }, "New job"),
    ),
    filters(page, () => list.start()),
    trouble,
    place,
  );
  await list.start();
  upToDate(
    page,
    list.milliseconds,
    async () => {
      await list.look();
      fill(trouble);
      return list.milliseconds;
    },
    (error) => fill(trouble, problem(error, { compact: true })),
  );
}

/**
 * @param {Page} page
 * @param {() => void} changed
 */
function filters(page, changed) {
  /**
   * @param {string} name
   * @param {HTMLInputElement | HTMLSelectElement} control
   */
  const keeping = (name, control) => {
    control.addEventListener("change", () => {
      page.keep({ [name]: control.value.trim() });
      changed();
    });
    return control;
  };
  const chosen = page.query.get("state") ?? "";
  const states = h(
    "select",
    {},
    ["", ...STATES].map((value) => h("option", { value, selected: value === chosen }, value || "all")),
  );
  const names = h("datalist", { id: "studies" });
  const study = h("input", {
    type: "search",
    list: "studies",
    value: page.query.get("study"),
    placeholder: "all",
    autocomplete: "off",
  });
  study.addEventListener("focus", () => offer(page, names), { once: true });
  return h(
    "form",
    { class: "filters", "aria-label": "Filter jobs", on: { submit: (event) => event.preventDefault() } },
    h("label", {}, "State", keeping("state", states)),
    h("label", {}, "Study", keeping("study", study), names),
  );
}

/**
 * Offer the names of all studies.
 * @param {Page} page
 * @param {HTMLElement} list
 */
async function offer(page, list) {
  try {
    /** @type {Studies} */
    const { studies } = await get("/v1/studies", { limit: 500 }, { signal: page.signal });
    put(
      list,
      studies.map(({ name }) => h("option", { value: name })),
    );
  } catch {
    // A name can be typed without the list.
  }
}

/** The jobs that are shown: the pages that were asked for, of which the first is looked at again. */
class Listing {
  #cards = jobList("Jobs", "h2");
  #count = h("p", { class: "soft small" });
  /** @type {JobMessage[]} */
  #jobs = [];
  #more = h("button", { type: "button" }, "Older jobs");
  /** @type {string | null} */
  #next = null;
  #page;
  #place;
  #starts = 0;

  /**
   * @param {Page} page
   * @param {HTMLElement} place
   */
  constructor(page, place) {
    this.#page = page;
    this.#place = place;
    this.#more.addEventListener("click", () => this.#further());
  }

  get milliseconds() {
    return this.#jobs.some((job) => !ended(job)) ? BUSY_MILLISECONDS : IDLE_MILLISECONDS;
  }

  /**
   * @param {string | null} [cursor]
   * @returns {Promise<Jobs>}
   */
  #ask(cursor) {
    const { query, signal } = this.#page;
    return get("/v1/jobs", { state: query.get("state"), study: query.get("study"), limit: PAGE, cursor }, { signal });
  }

  /** Show the first page, as the filters are now. */
  async start() {
    this.#starts += 1;
    const start = this.#starts;
    try {
      const { jobs, next } = await this.#ask();
      if (start === this.#starts) this.#take(jobs, next);
    } catch (error) {
      if (this.#page.signal.aborted || start !== this.#starts) return;
      this.#jobs = [];
      fill(this.#place, problem(error, { compact: true, retry: () => this.start() }));
    }
  }

  /** Look at the first page again; jobs behind it stay as they are. */
  async look() {
    const start = this.#starts;
    const { jobs, next } = await this.#ask();
    if (start !== this.#starts) return;
    const oldest = jobs.at(-1)?.created_at ?? "";
    const behind = next === null ? [] : this.#jobs.filter((job) => job.created_at < oldest);
    this.#take([...jobs, ...behind], behind.length ? this.#next : next);
  }

  async #further() {
    this.#more.disabled = true;
    const start = this.#starts;
    try {
      const { jobs, next } = await this.#ask(this.#next);
      if (start !== this.#starts) return;
      const before = this.#jobs.length;
      this.#take([...this.#jobs, ...jobs.filter((job) => !this.#jobs.some(({ id }) => id === job.id))], next);
      focusIn(this.#cards.element.children[before], "a");
    } catch (error) {
      if (!this.#page.signal.aborted) this.#more.before(problem(error, { compact: true }));
    } finally {
      this.#more.disabled = false;
    }
  }

  /**
   * @param {JobMessage[]} jobs
   * @param {string | null} next
   */
  #take(jobs, next) {
    this.#jobs = jobs;
    this.#next = next;
    if (!jobs.length) {
      fill(this.#place, none(this.#page));
      return;
    }
    this.#cards.show(jobs);
    this.#more.hidden = next === null;
    const all = `${whole(jobs.length)} ${jobs.length === 1 ? "job" : "jobs"}`;
    this.#count.textContent = next === null ? all : `The newest ${all}`;
    if (!this.#cards.element.isConnected) {
      fill(this.#place, this.#count, this.#cards.element, h("p", { class: "actions" }, this.#more));
    }
  }
}

/** @param {Page} page */
function none({ query }) {
  if (query.get("state") || query.get("study")) {
    return empty("No matching job", h("p", {}, h("a", { href: address("/jobs") }, "All jobs")));
  }
  return empty("No job yet", h("p", {}, "A job trains the models of a study."), startOne());
}

function startOne() {
  if (session.may("write")) return h("p", {}, h("a", { class: "button", href: address("/jobs/new") }, "Start one"));
  return h("p", { class: "soft" }, "Starting one needs a key with the scope write.");
}
