// What there is and what runs: jobs with live progress, and studies with their images, scores and quality.

import { fill, h, put } from "../dom.js";
import { whole } from "../format.js";
import { address, get, path, send } from "../http.js";
import { actionButton } from "../parts/act.js";
import { copyable } from "../parts/copy.js";
import { ended, jobList } from "../parts/job_card.js";
import { empty, problem } from "../parts/problem.js";
import { nearScreen, studyCard } from "../parts/study_card.js";
import { upToDate } from "../parts/up_to_date.js";
import { session } from "../session.js";

/** @import { Datasets, JobMessage, Jobs, Studies, StudyMessage } from "../api.js" */
/** @import { Page } from "../types.js" */

const BUSY_MILLISECONDS = 2000; // between two looks, while jobs run
const IDLE_MILLISECONDS = 15_000;
const JOBS = 6;
const PAGE = 200; // studies of one call
const MOST = 1000; // studies that are shown
const MANY = 12; // studies, from which on a field finds one

/** @param {Page} page */
export async function show(page) {
  page.title("Overview");
  const jobs = new JobsPanel(page);
  const studies = new StudiesPanel(page);
  const trouble = h("div", {});
  put(
    page.main,
    h(
      "div",
      { class: "row spread" },
      h("h1", {}, "Overview"),
      session.may("write") && h("a", { class: "button primary", href: address("/jobs/new") }, "New job"),
    ),
    trouble,
  );
  await jobs.start();
  const of = (/** @type {string} */ id, /** @type {string} */ title, /** @type {HTMLElement} */ place) =>
    h("section", { "aria-labelledby": id }, h("h2", { id }, title), place);
  const section = of("jobs", "Jobs", jobs.place);
  const running = jobs.running && section; // above the studies; else below, where nothing moves it
  put(page.main, running, of("studies", "Studies", studies.place));
  await studies.start();
  if (!running) page.main.append(section);
  section.hidden = !jobs.any && !studies.any; // the first run has one thing to say
  const look = async () => {
    await studies.renew(await jobs.look());
    if (jobs.any) section.hidden = false;
    fill(trouble);
    return jobs.running ? BUSY_MILLISECONDS : IDLE_MILLISECONDS;
  };
  upToDate(page, BUSY_MILLISECONDS, look, (error) => fill(trouble, problem(error, { compact: true })));
}

/** The newest jobs. */
class JobsPanel {
  #all = h("p", { class: "actions" }, h("a", { href: address("/jobs") }, "All jobs"));
  #list = jobList("Newest jobs");
  /** By id. @type {Map<string, JobMessage>} */
  #known = new Map();
  #page;
  place = h("div", {});

  /** @param {Page} page */
  constructor(page) {
    this.#page = page;
  }

  get any() {
    return this.#known.size > 0;
  }

  get running() {
    return [...this.#known.values()].some((job) => !ended(job));
  }

  async start() {
    try {
      await this.look();
    } catch (error) {
      if (!this.#page.signal.aborted) fill(this.place, problem(error, { compact: true, retry: () => this.start() }));
    }
  }

  /** Ask again; the names of studies whose jobs have moved since. */
  async look() {
    /** @type {Jobs} */
    const { jobs, next } = await get("/v1/jobs", { limit: JOBS }, { signal: this.#page.signal });
    const moved = jobs.filter((job) => {
      const before = this.#known.get(job.id);
      if (!before) return this.#known.size > 0;
      return before.progress.done !== job.progress.done || before.state !== job.state;
    });
    this.#known = new Map(jobs.map((job) => [job.id, job]));
    this.#list.show(jobs);
    if (!jobs.length) fill(this.place, noJob());
    else if (!this.#list.element.isConnected) fill(this.place, this.#list.element, this.#all);
    this.#all.hidden = next === null && jobs.length < JOBS;
    return new Set(moved.map((job) => job.study_name));
  }
}

/** All studies, newest first; pictures come as the reader gets near. */
class StudiesPanel {
  /**
   * By name; `text` is what was drawn.
   * @type {Map<string, { element: HTMLElement, study: StudyMessage, text: string }>}
   */
  #cards = new Map();
  /** @type {HTMLElement | null} */
  #finder = null;
  #grid = h("div", { class: "study-cards" });
  #page;
  #whenNear;
  place = h("div", {}, h("div", { class: "awaited" }));

  /** @param {Page} page */
  constructor(page) {
    this.#page = page;
    this.#whenNear = nearScreen(page.signal);
  }

  get any() {
    return this.#cards.size > 0;
  }

  async start() {
    try {
      /** @type {string | null} */
      let cursor = null;
      do {
        /** @type {Studies} */
        const { studies, next } = await get("/v1/studies", { limit: PAGE, cursor }, { signal: this.#page.signal });
        for (const study of studies) this.#take(study);
        cursor = next;
        if (!this.#cards.size) fill(this.place, await noStudy(this.#page));
        else if (!this.#grid.isConnected) fill(this.place, this.#grid);
      } while (cursor && this.#cards.size < MOST);
      if (this.#cards.size > MANY && !this.#finder) {
        this.#finder = this.#find();
        this.#grid.before(this.#finder);
      }
      const more = `The oldest ${whole(MOST)} studies are shown; REST lists all.`;
      if (cursor) this.#grid.after(h("p", { class: "soft" }, more));
    } catch (error) {
      if (!this.#page.signal.aborted) fill(this.place, problem(error, { compact: true, retry: () => this.start() }));
    }
  }

  /**
   * Draw the studies of these names again.
   * @param {Iterable<string>} names
   */
  async renew(names) {
    for (const name of names) {
      this.#take(await get(path`/v1/studies/${name}`, {}, { signal: this.#page.signal }));
      if (!this.#grid.isConnected) fill(this.place, this.#grid);
    }
  }

  /** @param {StudyMessage} study */
  #take(study) {
    const before = this.#cards.get(study.name);
    const text = JSON.stringify(study);
    if (before?.text === text) return;
    const card = studyCard(study, this.#page.signal);
    if (before) before.element.replaceWith(card.element);
    else this.#grid.prepend(card.element);
    this.#cards.set(study.name, { element: card.element, study, text });
    this.#whenNear(card);
  }

  #find() {
    const choose = () => {
      const wanted = field.value.trim().toLowerCase();
      for (const { element, study } of this.#cards.values()) {
        element.hidden = ![study.name, study.dataset].some((text) => text.toLowerCase().includes(wanted));
      }
      this.#page.keep({ find: field.value });
    };
    const field = h("input", {
      type: "search",
      value: this.#page.query.get("find"),
      placeholder: "name or dataset",
      on: { input: choose },
    });
    if (field.value) choose();
    return h(
      "form",
      { class: "filters", role: "search", on: { submit: (event) => event.preventDefault() } },
      h("label", {}, "Find", field),
      h("span", { class: "soft" }, `of ${whole(this.#cards.size)} studies`),
    );
  }
}

const startOne = () =>
  session.may("write")
    ? h("p", {}, h("a", { class: "button", href: address("/jobs/new") }, "Start one"))
    : h("p", { class: "soft" }, "Starting one needs a key with the scope write.");

const noJob = () => empty("No job yet", h("p", {}, "A job trains the models of a study."), startOne());

const DEMO = "digits";
const DEMO_TRIALS = 100;

/** @param {Page} page */
async function noStudy(page) {
  /** @type {Datasets} */
  const { datasets } = await get("/v1/datasets", { limit: 1 }, { signal: page.signal });
  const trouble = h("div", {});
  const tryIt = async () => {
    fill(trouble, h("p", { role: "status" }, "Adding the digits and queueing a job …"));
    await send("POST", "/v1/datasets", { source: DEMO }, { signal: page.signal });
    const wanted = { dataset: DEMO, recipe: DEMO, target: { trials: DEMO_TRIALS } };
    /** @type {JobMessage} */
    const job = await send("POST", "/v1/jobs", wanted, { signal: page.signal });
    page.go(address(path`/jobs/${job.id}`));
  };
  const button = actionButton(page, { text: "Try it: digits, about a minute", action: "try", trouble }, tryIt);
  button.classList.add("primary");
  const own = datasets.length
    ? h("a", { href: address("/jobs/new") }, "Start a job")
    : h("a", { href: address("/datasets") }, "Add a dataset");
  return h(
    "div",
    { class: "empty", "data-part": "first-run" },
    h("p", { class: "problem-title" }, "No study yet"),
    h(
      "p",
      {},
      "A classifier learns most training samples from others like them, and memorizes the rest. memscore trains many " +
        "models on random subsets, and shows which samples those are: wrong labels, rare variants and near-duplicates.",
    ),
    picture(),
    session.may("write")
      ? h("p", { class: "actions" }, button, h("span", {}, "or ", own, " of your own."))
      : h("p", { class: "soft" }, "Starting a job needs a key with the scope write."),
    trouble,
    h("p", { class: "soft" }, "The same in a shell, on the service's machine:"),
    copyable(`memscore estimate --dataset ${DEMO} --trials ${DEMO_TRIALS}`, "the command that estimates a study"),
  );
}

/** What mem is, as two bars. */
function picture() {
  /**
   * @param {string} text
   * @param {number} share
   */
  const bar = (text, share) =>
    h(
      "div",
      { class: "vote" },
      h("span", {}, text),
      h("span", { class: "share-bar", "aria-hidden": "true" }, h("i", { style: { width: `${100 * share}%` } })),
      h("span", { class: "number" }, `${100 * share} %`),
    );
  return h(
    "figure",
    { class: "mem-picture" },
    h("figcaption", {}, "An example: how often models classify one training sample correctly"),
    bar("trained on it", 1),
    bar("not trained on it", 0.2),
    h("p", { class: "small" }, "Its memorization value mem is the difference: 1.00 − 0.20 = 0.80."),
  );
}
