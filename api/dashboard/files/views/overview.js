// What there is and what runs: jobs with live progress, and studies with their images, scores and quality.

import { fill, h, put } from "../dom.js";
import { whole } from "../format.js";
import { address, get, path } from "../http.js";
import { copyable } from "../parts/copy.js";
import { ended, jobList } from "../parts/job_card.js";
import { empty, problem } from "../parts/problem.js";
import { nearScreen, studyCard } from "../parts/study_card.js";
import { upToDate } from "../parts/up_to_date.js";
import { session } from "../session.js";

const BUSY_MILLISECONDS = 2000; // between two looks, while jobs run
const IDLE_MILLISECONDS = 15_000;
const JOBS = 6;
const PAGE = 200; // studies of one call
const MOST = 1000; // studies that are shown
const MANY = 12; // studies, from which on a field finds one

export async function show(page) {
  page.title("Overview");
  const jobs = new Jobs(page);
  const studies = new Studies(page);
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
    h("section", { "aria-labelledby": "jobs" }, h("h2", { id: "jobs" }, "Jobs"), jobs.place),
    h("section", { "aria-labelledby": "studies" }, h("h2", { id: "studies" }, "Studies"), studies.place),
  );
  await Promise.all([studies.start(), jobs.start()]);
  const look = async () => {
    await studies.renew(await jobs.look());
    fill(trouble);
    return jobs.running ? BUSY_MILLISECONDS : IDLE_MILLISECONDS;
  };
  upToDate(page, BUSY_MILLISECONDS, look, (error) => fill(trouble, problem(error, { compact: true })));
}

/** The newest jobs. */
class Jobs {
  constructor(page) {
    this.page = page;
    this.place = h("div", {});
    this.list = jobList("Newest jobs");
    this.known = new Map();
  }

  get running() {
    return [...this.known.values()].some((job) => !ended(job));
  }

  async start() {
    try {
      await this.look();
    } catch (error) {
      if (!this.page.signal.aborted) fill(this.place, problem(error, { compact: true, retry: () => this.start() }));
    }
  }

  /** Ask again; the names of studies whose jobs have moved since. */
  async look() {
    const { jobs, next } = await get("/v1/jobs", { limit: JOBS }, { signal: this.page.signal });
    const moved = jobs.filter((job) => {
      const before = this.known.get(job.id);
      return before ? before.progress.done !== job.progress.done || before.state !== job.state : this.known.size > 0;
    });
    this.known = new Map(jobs.map((job) => [job.id, job]));
    this.list.show(jobs);
    if (!jobs.length) fill(this.place, noJob());
    else if (!this.list.element.isConnected)
      fill(this.place, this.list.element, h("p", { class: "actions" }, h("a", { href: address("/jobs") }, "All jobs")));
    if (jobs.length) this.place.lastChild.hidden = next === null && jobs.length < JOBS;
    return new Set(moved.map((job) => job.study_name));
  }
}

/** All studies, newest first; pictures come as the reader gets near. */
class Studies {
  constructor(page) {
    this.page = page;
    this.place = h("div", {});
    this.grid = h("div", { class: "study-cards" });
    this.whenNear = nearScreen(page.signal);
    this.cards = new Map(); // by name
  }

  async start() {
    try {
      let cursor;
      do {
        const { studies, next } = await get("/v1/studies", { limit: PAGE, cursor }, { signal: this.page.signal });
        for (const study of studies) this.take(study);
        cursor = next;
        if (!this.cards.size) fill(this.place, await noStudy(this.page));
        else if (!this.grid.isConnected) fill(this.place, this.grid);
      } while (cursor && this.cards.size < MOST);
      if (this.cards.size > MANY && !this.finder) this.grid.before((this.finder = this.find()));
      if (cursor)
        this.grid.after(h("p", { class: "soft" }, `The oldest ${whole(MOST)} studies are shown; REST lists all.`));
    } catch (error) {
      if (!this.page.signal.aborted) fill(this.place, problem(error, { compact: true, retry: () => this.start() }));
    }
  }

  /** Draw the studies of these names anew. */
  async renew(names) {
    for (const name of names) {
      this.take(await get(path`/v1/studies/${name}`, {}, { signal: this.page.signal }));
      if (!this.grid.isConnected) fill(this.place, this.grid);
    }
  }

  take(study) {
    const before = this.cards.get(study.name);
    const told = JSON.stringify(study);
    if (before?.told === told) return;
    const card = { ...studyCard(study, this.page.signal), told };
    if (before) before.element.replaceWith(card.element);
    else this.grid.prepend(card.element);
    this.cards.set(study.name, card);
    this.whenNear(card);
  }

  find() {
    const choose = () => {
      const wanted = field.value.trim().toLowerCase();
      for (const [name, { element, told }] of this.cards) {
        element.hidden =
          !name.toLowerCase().includes(wanted) && !JSON.parse(told).dataset.toLowerCase().includes(wanted);
      }
      this.page.keep({ find: field.value });
    };
    const field = h("input", {
      type: "search",
      value: this.page.query.get("find"),
      placeholder: "name or dataset",
      on: { input: choose },
    });
    if (field.value) choose();
    return h(
      "form",
      { class: "filters", role: "search", on: { submit: (event) => event.preventDefault() } },
      h("label", {}, "Find", field),
      h("span", { class: "soft" }, `of ${whole(this.cards.size)} studies`),
    );
  }
}

const startOne = () =>
  session.may("write")
    ? h("p", {}, h("a", { class: "button", href: address("/jobs/new") }, "Start one"))
    : h("p", { class: "soft" }, "Starting one needs a key with the scope write.");

const noJob = () => empty("No job yet", h("p", {}, "A job trains the models of a study."), startOne());

async function noStudy({ signal }) {
  const { datasets } = await get("/v1/datasets", { limit: 1 }, { signal });
  return empty(
    "No study yet",
    h("p", {}, "A study holds the scores of one dataset, from models trained by one recipe. Its first job makes it."),
    !datasets.length && [
      h(
        "p",
        {},
        "There is no dataset either. On the service's machine, this registers the digits, which come with memscore:",
      ),
      copyable("memscore datasets add digits", "the command that registers a dataset"),
    ],
    h("p", {}, "This runs a first study on the service's machine:"),
    copyable("memscore estimate --dataset digits --trials 200", "the command that estimates a study"),
  );
}
