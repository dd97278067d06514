// One job, live: how far it is and how long it will take, its history, its log, and stopping it and going on.

import { fill, focusIn, h, put, say } from "../dom.js";
import { counted, duration, moment, whole } from "../format.js";
import { address, get, path, send } from "../http.js";
import { confirmed } from "../parts/confirm.js";
import { ended, goal, pace, state } from "../parts/job_card.js";
import { JobLog } from "../parts/job_log.js";
import { JobStream } from "../parts/job_stream.js";
import { Precision } from "../parts/precision.js";
import { problem } from "../parts/problem.js";
import { notesOn } from "../parts/said_of_jobs.js";
import { upToDate } from "../parts/up_to_date.js";
import { session } from "../session.js";

/** @import { Design, JobEvent, JobMessage, StudyMessage } from "../api.js" */
/** @import { Child, Page } from "../types.js" */

const CAN_BE_CANCELLED = ["queued", "running", "recovering"];
const CAN_BE_RESUMED = ["failed", "cancelled"];

const PRECISION_MILLISECONDS = 5000;
const ENDED_MILLISECONDS = 60_000; // the same, for a job that has ended

const LOST =
  "The connection to the service is lost; trying again. Stored trials are kept in any case, and the job continues " +
  "from them.";

/** @param {Page} page */
export async function show(page) {
  const { signal } = page;
  /** @type {JobMessage} */
  const job = await get(path`/v1/jobs/${page.params.job}`, {}, { signal });
  /** @type {StudyMessage | null} */
  const study = await get(path`/v1/studies/${job.study}`, {}, { signal }).catch(() => null);
  if (signal.aborted) return;
  const view = new JobView(page, job, study);
  await view.start();
}

class JobView {
  #actions = h("div", { class: "actions" });
  #bar = h("progress", { class: "large", value: 0, max: 1, "aria-label": "Trials of the study" });
  #connection = h("p", { class: "notice lost", role: "status", hidden: true }, LOST);
  #events = h("ol", { class: "history", reversed: true });
  #facts = h("dl", { class: "facts" });
  #job;
  #log;
  #mark = h("span", {});
  #page;
  #precision;
  #remarks = h("div", { class: "remarks" });
  #stream;
  #study;
  #trouble = h("div", {});

  /**
   * @param {Page} page
   * @param {JobMessage} job
   * @param {StudyMessage | null} study
   */
  constructor(page, job, study) {
    this.#page = page;
    this.#job = job;
    this.#study = study;
    this.#log = new JobLog(page, job.id);
    this.#precision = new Precision(page.signal, "Precision over trials");
    this.#stream = new JobStream(page, job.id, {
      job: (now) => this.#take(now),
      event: (event) => this.#remember(event),
      connected: (yes) => this.#connected(yes),
      failed: (error) => fill(this.#trouble, problem(error, { compact: true })),
    });
    put(
      page.main,
      h(
        "header",
        {},
        h("p", { class: "crumbs" }, h("a", { href: address("/jobs") }, "Jobs")),
        h("div", { class: "row" }, h("h1", {}, `${job.study_name}: ${goal(job)}`), this.#mark),
      ),
      this.#connection,
      this.#actions,
      this.#trouble,
      h("section", { "aria-label": "Progress" }, this.#bar, this.#facts, this.#remarks),
      h(
        "div",
        { class: "columns job-columns" },
        asked(job, study),
        h("section", { "aria-labelledby": "history" }, h("h2", { id: "history" }, "History"), this.#events),
      ),
      this.#precision.element,
      this.#log.element,
    );
  }

  /** Show the job, and follow it. */
  async start() {
    const job = this.#job;
    this.#drawState(job);
    this.#drawProgress(job);
    followPrecision(this.#page, this.#precision, () => this.#job);
    await this.#stream.begin(job);
  }

  /**
   * Show the job as it is now.
   * @param {JobMessage} job
   */
  #take(job) {
    const before = this.#job;
    this.#job = job;
    this.#drawProgress(job);
    if (before.state === job.state) return;
    this.#drawState(job);
    say(`The job is now ${job.state}.`);
  }

  /** @param {JobMessage} job */
  #drawProgress(job) {
    const { done, total } = job.progress;
    const share = `${total ? Math.floor((100 * done) / total) : 0} % of ${job.study_name}`;
    this.#page.title(ended(job) ? `${job.state}: ${job.study_name}` : share);
    this.#bar.max = total || 1;
    this.#bar.value = done;
    fill(this.#facts, facts(job));
    fill(this.#remarks, remarks(job));
    this.#log.ended(ended(job));
  }

  /** @param {JobMessage} job */
  #drawState(job) {
    fill(this.#mark, state(job));
    this.#drawActions();
  }

  /**
   * What failed for want of a connection is no longer said once there is one.
   * @param {boolean} yes
   */
  #connected(yes) {
    if (yes && !this.#connection.hidden) fill(this.#trouble);
    this.#connection.hidden = yes;
  }

  /** @param {JobEvent} event */
  #remember(event) {
    this.#events.prepend(
      h(
        "li",
        {},
        h("time", { class: "soft number", datetime: event.at }, moment(event.at)),
        h("strong", {}, event.state),
        h("span", {}, event.message),
      ),
    );
  }

  /** The buttons that would not be refused now. */
  #drawActions() {
    const [job, study] = [this.#job, this.#study];
    const may = session.may("write");
    /**
     * @param {string} text
     * @param {() => void} click
     */
    const button = (text, click) => h("button", { type: "button", on: { click } }, text);
    /**
     * @param {string} text
     * @param {string} href
     */
    const link = (text, href) => h("a", { class: "button", href }, text);
    const trials = 2 * job.progress.total;
    fill(
      this.#actions,
      link("Scores of the study", address(path`/studies/${job.study_name}`)),
      may && CAN_BE_CANCELLED.includes(job.state) && button("Cancel", () => this.#cancel()),
      may && CAN_BE_RESUMED.includes(job.state) && button("Resume", () => this.#change("resume")),
      may &&
        study &&
        job.state === "succeeded" &&
        link("More trials", address("/jobs/new", { study: study.name, trials })),
    );
  }

  async #cancel() {
    const { done } = this.#job.progress;
    const yes = await confirmed({
      title: "Cancel this job?",
      text:
        `Its evidence is kept: the study keeps its ${counted(done, "trial")} and their scores, and resuming this job, or ` +
        "a later job, continues from there. Blocks in training are lost.",
      yes: "Cancel the job",
      no: "Let it run",
      signal: this.#page.signal,
    });
    if (yes) await this.#change("cancel");
  }

  /** @param {"cancel" | "resume"} what */
  async #change(what) {
    const { signal } = this.#page;
    for (const button of this.#actions.querySelectorAll("button")) button.disabled = true;
    fill(this.#trouble);
    try {
      /** @type {JobMessage} */
      const job = await send("POST", path`/v1/jobs/${this.#job.id}/${what}`, undefined, { signal });
      this.#take(job);
      this.#drawActions();
      focusIn(this.#actions, "button, a");
      await this.#stream.begin(job);
    } catch (error) {
      if (signal.aborted) return;
      this.#drawActions();
      fill(this.#trouble, problem(error, { compact: true }));
    }
  }
}

/**
 * Ask for the precision now, and again for newer scores while the job runs, until the view is left. `current` gives the
 * job as it is.
 * @param {Page} page
 * @param {Precision} precision
 * @param {() => JobMessage} current
 */
function followPrecision(page, precision, current) {
  const { signal } = page;
  let digest = "";
  const look = async () => {
    const job = current();
    const last = ended(job);
    /** @type {StudyMessage} */
    const study = await get(path`/v1/studies/${job.study}`, {}, { signal });
    if (study.table && study.table.digest !== digest) {
      digest = study.table.digest;
      await precision.ask(study.name, Math.max(3 * study.table.trials, job.wanted.target.trials ?? 0));
    }
    return last ? ENDED_MILLISECONDS : PRECISION_MILLISECONDS; // somebody may resume it
  };
  return upToDate(page, 0, look, () => {}); // the stream says that the connection is lost
}

/**
 * @param {JobMessage} job
 * @returns {Child[]}
 */
function facts(job) {
  const { done, total, phase, seconds_left: left } = job.progress;
  /**
   * @param {string} name
   * @param {string} value
   * @param {string} [note]
   */
  const one = (name, value, note) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, value, note && h("small", {}, ` ${note}`)));
  const running = job.state === "running";
  const rate = pace(job)?.replace(" a minute", "") ?? "–";
  return [
    one("Trials", whole(done), `of ${job.wanted.target.trials || ended(job) ? "" : "about "}${whole(total)}`),
    !ended(job) && one("Phase", phase),
    running && one("Pace", rate, "trials a minute"),
    running && one("Time left", duration(left), "forecast"),
    job.finished_at && job.started_at && one("From start to end", between(job.started_at, job.finished_at)),
    job.attempt > 1 && one("Attempt", whole(job.attempt)),
  ];
}

/**
 * @param {string} start
 * @param {string} end
 */
const between = (start, end) => duration((Date.parse(end) - Date.parse(start)) / 1000);

/**
 * @param {JobMessage} job
 * @returns {Child[]}
 */
function remarks(job) {
  /**
   * @param {string} kind
   * @param {string} title
   * @param {string} text
   */
  const remark = (kind, title, text) => h("p", { class: `notice ${kind}` }, h("strong", {}, title), " ", text);
  const outcome = job.outcome === job.error ? null : job.outcome;
  return [
    job.waiting_for && remark("waits", "Waits:", job.waiting_for),
    job.error && remark("failed", "Failed:", job.error),
    outcome && remark(job.state === "succeeded" ? "good" : "", "Outcome:", outcome),
    notesOn(job.id).map((note) => remark("", "Note:", note)),
  ];
}

/**
 * What was asked for, as rows of a list.
 * @param {JobMessage} job
 * @param {StudyMessage | null} study
 */
function asked(job, study) {
  const { wanted } = job;
  const { target } = wanted;
  /**
   * @param {string} name
   * @param {...Child} value
   */
  const row = (name, ...value) => [h("dt", {}, name), h("dd", {}, ...value)];
  return h(
    "section",
    { "aria-labelledby": "asked" },
    h("h2", { id: "asked" }, "Request"),
    h(
      "dl",
      { class: "measure" },
      row("Study", h("a", { href: address(path`/studies/${job.study_name}`) }, job.study_name)),
      study?.recipe && row("Based on", `${study.dataset}, ${recipeOf(study)}`),
      study?.design && row("Subsets", subsets(study.design)),
      row(
        "Target",
        goal(job),
        target.trials || target.pairs_found ? "" : ` (${thousandths(target.share)} % of the samples)`,
      ),
      row("Full trials", whole(wanted.full_trials)),
      row("Pairs", wanted.pairs === "all" ? "of all classes" : "of the same class"),
      row("Evidence", wanted.evidence === "bits" ? "correctness only" : "margins and predicted classes"),
      wanted.probabilities && row("Probabilities", "recorded for the true class"),
      wanted.time_limit_seconds && row("Time limit", duration(wanted.time_limit_seconds)),
      row("Posted", moment(job.created_at)),
      row("Id", h("code", {}, job.id)),
    ),
  );
}

/** @param {StudyMessage} study */
const recipeOf = ({ recipe, recipe_name: name }) => (name ? `recipe ${name}` : `a recipe of ${recipe?.network}`);

/** @param {Design} design */
const subsets = ({ kind, subset_ratio: ratio, seed }) =>
  `${kind}, ${thousandths(ratio)} % of the samples, seed ${seed}`;

/**
 * A share in per cent, with at most one digit behind the point.
 * @param {number} share
 */
const thousandths = (share) => Math.round(1000 * share) / 10;
