// One job, live: how far it is and how long it will take, its history, its log, and stopping it and going on.

import { fill, h, put, say } from "../dom.js";
import { duration, moment, whole } from "../format.js";
import { address, get, path, send } from "../http.js";
import { confirmed } from "../parts/confirm.js";
import { ended, goal, pace, state } from "../parts/job_card.js";
import { JobLog } from "../parts/job_log.js";
import { JobStream } from "../parts/job_stream.js";
import { problem } from "../parts/problem.js";
import { notesOn } from "../parts/said_of_jobs.js";
import { session } from "../session.js";

const CAN_BE_CANCELLED = ["queued", "running", "recovering"];
const CAN_BE_RESUMED = ["failed", "cancelled"];

export async function show(page) {
  const job = await get(path`/v1/jobs/${page.params.job}`, {}, { signal: page.signal });
  const study = await get(path`/v1/studies/${job.study}`, {}, { signal: page.signal }).catch(() => null);
  if (page.signal.aborted) return;
  const view = new JobView(page, job, study);
  view.take(job);
  await view.stream.begin(job);
}

class JobView {
  constructor(page, job, study) {
    Object.assign(this, { page, study, job: null });
    this.mark = h("span", {});
    this.connection = h(
      "p",
      { class: "notice lost", role: "status", hidden: true },
      "The connection to the service is lost, and tried again. Whatever happened there, stored trials are kept and the job goes on from them.",
    );
    this.trouble = h("div", {});
    this.actions = h("div", { class: "actions" });
    this.bar = h("progress", { class: "large", value: 0, max: 1, "aria-label": "Trials of the study" });
    this.facts = h("dl", { class: "facts" });
    this.remarks = h("div", { class: "remarks" });
    this.events = h("ol", { class: "history", reversed: true });
    this.log = new JobLog(page, job.id);
    this.stream = new JobStream(page, job.id, {
      job: (now) => this.take(now),
      event: (event) => this.remember(event),
      connected: (yes) => this.connected(yes),
      failed: (error) => fill(this.trouble, problem(error, { compact: true })),
    });
    put(
      page.main,
      h(
        "header",
        {},
        h("p", { class: "crumbs" }, h("a", { href: address("/jobs") }, "Jobs")),
        h("div", { class: "row" }, h("h1", {}, `${job.study_name}: ${goal(job)}`), this.mark),
      ),
      this.connection,
      this.actions,
      this.trouble,
      h("section", { "aria-label": "Progress" }, this.bar, this.facts, this.remarks),
      h(
        "div",
        { class: "columns job-columns" },
        asked(job, study),
        h("section", { "aria-labelledby": "history" }, h("h2", { id: "history" }, "History"), this.events),
      ),
      this.log.element,
    );
  }

  /** Show the job as it is now. */
  take(job) {
    const before = this.job;
    this.job = job;
    const { done, total } = job.progress;
    this.page.title(
      ended(job)
        ? `${job.state}: ${job.study_name}`
        : `${total ? Math.floor((100 * done) / total) : 0} % of ${job.study_name}`,
    );
    this.bar.max = total || 1;
    this.bar.value = done;
    fill(this.facts, facts(job));
    fill(this.remarks, remarks(job));
    this.log.ended(ended(job));
    if (before?.state === job.state) return;
    fill(this.mark, state(job));
    this.drawActions();
    if (before) say(`The job is ${job.state} now.`);
  }

  /** What failed for want of a connection is no longer said once there is one. */
  connected(yes) {
    if (yes && !this.connection.hidden) fill(this.trouble);
    this.connection.hidden = yes;
  }

  remember(event) {
    this.events.prepend(
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
  drawActions() {
    const { job, study } = this;
    const may = session.may("write");
    const button = (text, act) => h("button", { type: "button", on: { click: act } }, text);
    fill(
      this.actions,
      h("a", { class: "button", href: address(path`/studies/${job.study_name}`) }, "Scores of the study"),
      may && CAN_BE_CANCELLED.includes(job.state) && button("Cancel", () => this.cancel()),
      may && CAN_BE_RESUMED.includes(job.state) && button("Resume", () => this.change("resume")),
      may &&
        study &&
        job.state === "succeeded" &&
        h(
          "a",
          { class: "button", href: address("/jobs/new", { study: study.name, trials: 2 * job.progress.total }) },
          "More trials",
        ),
    );
  }

  async cancel() {
    const { done } = this.job.progress;
    const yes = await confirmed({
      title: "Cancel this job?",
      text: `Its evidence stays: the study keeps its ${whole(done)} trials and their scores, and this job resumed, or a later one, goes on from there. Blocks that are being trained now are lost.`,
      yes: "Cancel the job",
      no: "Let it run",
      signal: this.page.signal,
    });
    if (yes) await this.change("cancel");
  }

  async change(what) {
    for (const button of this.actions.querySelectorAll("button")) button.disabled = true;
    fill(this.trouble);
    try {
      const job = await send("POST", path`/v1/jobs/${this.job.id}/${what}`, undefined, { signal: this.page.signal });
      this.take(job);
      this.drawActions();
      this.actions.querySelector("button, a").focus();
      await this.stream.begin(job);
    } catch (error) {
      if (this.page.signal.aborted) return;
      this.drawActions();
      fill(this.trouble, problem(error, { compact: true }));
    }
  }
}

function facts(job) {
  const { done, total, phase, seconds_left: left } = job.progress;
  const one = (name, value, note) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, value, note && h("small", {}, ` ${note}`)));
  const runs = job.state === "running";
  return [
    one("Trials", whole(done), `of ${job.wanted.target.trials || ended(job) ? "" : "about "}${whole(total)}`),
    !ended(job) && one("Phase", phase),
    runs && one("Pace", pace(job) ? `${pace(job).replace(" a minute", "")}` : "–", "trials a minute"),
    runs && one("Time left", left === null ? "–" : duration(left), "forecast"),
    job.finished_at &&
      job.started_at &&
      one("From start to end", duration((new Date(job.finished_at) - new Date(job.started_at)) / 1000)),
    job.attempt > 1 && one("Attempt", whole(job.attempt)),
  ];
}

function remarks(job) {
  const remark = (kind, title, text) => h("p", { class: `notice ${kind}` }, h("strong", {}, title), " ", text);
  return [
    job.waiting_for && remark("waits", "Waits:", job.waiting_for),
    job.error && remark("failed", "Failed:", job.error),
    job.outcome &&
      job.outcome !== job.error &&
      remark(job.state === "succeeded" ? "good" : "", "Outcome:", job.outcome),
    notesOn(job.id).map((note) => remark("", "Note:", note)),
  ];
}

function asked(job, study) {
  const { wanted } = job;
  const { target } = wanted;
  const row = (name, ...value) => [h("dt", {}, name), h("dd", {}, ...value)];
  return h(
    "section",
    { "aria-labelledby": "asked" },
    h("h2", { id: "asked" }, "What was asked for"),
    h(
      "dl",
      { class: "measure" },
      row("Study", h("a", { href: address(path`/studies/${job.study_name}`) }, job.study_name)),
      study?.recipe &&
        row(
          "Made of",
          `${study.dataset}, ${study.recipe_name ? `recipe ${study.recipe_name}` : `a recipe of ${study.recipe.network}`}`,
        ),
      study?.design &&
        row(
          "Subsets",
          `${study.design.kind}, ${Math.round(1000 * study.design.subset_ratio) / 10} % of the samples, seed ${study.design.seed}`,
        ),
      row("Target", goal(job), target.trials ? "" : ` (${Math.round(1000 * target.share) / 10} % of the samples)`),
      row("Full trials", whole(wanted.full_trials)),
      row("Pairs", wanted.pairs === "all" ? "of all classes" : "of the same class"),
      wanted.probabilities && row("Probabilities", "of the true class are recorded"),
      wanted.time_limit_seconds && row("Time limit", duration(wanted.time_limit_seconds)),
      row("Posted", moment(job.created_at)),
      row("Id", h("code", {}, job.id)),
    ),
  );
}
