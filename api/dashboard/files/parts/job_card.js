// A job in a list: its state, how far it is, and how long it will take.

import { fill, h } from "../dom.js";
import { counted, duration, moment, whole } from "../format.js";
import { address, path } from "../http.js";

/** @import { JobMessage } from "../api.js" */

/**
 * A list of jobs that is brought up to date in place: what has the focus keeps it. `show(jobs)` draws.
 * @param {string} label
 * @param {"h2" | "h3"} heading
 */
export function jobList(label, heading = "h3") {
  const element = h("ul", { class: "list", "aria-label": label });
  /** @type {Map<string, ReturnType<typeof card>>} */
  let cards = new Map(); // by the job's id
  /** @param {JobMessage[]} jobs */
  const show = (jobs) => {
    const kept = jobs.map((job) => cards.get(job.id) ?? card(job, heading));
    jobs.forEach((job, place) => {
      kept[place].update(job);
    });
    /** @type {Element[]} */
    const items = kept.map(({ item }) => item);
    for (const item of [...element.children]) if (!items.includes(item)) item.remove();
    items.forEach((item, place) => {
      const there = element.children[place] ?? null;
      if (there !== item) element.insertBefore(item, there);
    });
    cards = new Map(jobs.map(({ id }, place) => [id, kept[place]]));
  };
  return { element, show };
}

/**
 * @param {JobMessage} job
 * @param {"h2" | "h3"} heading
 */
function card(job, heading) {
  const mark = h("span", {});
  const progress = h("progress", { value: 0, max: 1, "aria-label": `Trials of ${job.study_name}` });
  const text = h("p", { class: "soft small" });
  const element = h(
    "article",
    { class: "panel job-card", "data-job": job.id },
    h(heading, {}, h("a", { href: address(path`/jobs/${job.id}`) }, `${job.study_name}: ${goal(job)}`)),
    text,
    mark,
    progress,
  );
  /** @param {JobMessage} now */
  const update = (now) => {
    fill(mark, state(now));
    progress.hidden = !now.progress.total || ended(now);
    progress.max = now.progress.total || 1;
    progress.value = now.progress.done;
    text.textContent = line(now);
  };
  update(job);
  return { item: h("li", {}, element), update };
}

/**
 * What a job is to reach, in a few words.
 * @param {JobMessage} job
 */
export function goal(job) {
  const { target } = job.wanted;
  const most = ` or ${counted(job.target_trials, "trial")}`;
  if (target.standard_error) return `standard error ${target.standard_error}${most}`;
  if (target.settled_at !== null) return `settled at ${target.settled_at}${most}`;
  if (target.pairs_found) return `pairs of infl 0.2 found: ${Math.round(1000 * target.pairs_found) / 10} %${most}`;
  return `${counted(job.target_trials, "trial")}`;
}

/**
 * The state as a mark.
 * @param {JobMessage} job
 */
export const state = (job) => h("span", { class: `state ${job.state}`, "data-state": job.state }, job.state);

/**
 * Whether a job has ended.
 * @param {JobMessage} job
 */
export const ended = (job) => ["succeeded", "failed", "cancelled"].includes(job.state);

/**
 * Trials a minute of a running job; null where that is not known.
 * @param {JobMessage} job
 */
export const pace = (job) => {
  const rate = job.progress.trials_per_second;
  return rate ? `${whole(Number((60 * rate).toPrecision(3)))} a minute` : null;
};

/**
 * What is happening, in a line.
 * @param {JobMessage} job
 */
export function line(job) {
  const { done, total, phase, seconds_left: left } = job.progress;
  if (ended(job)) {
    const at = job.finished_at ? ` (${moment(job.finished_at)})` : "";
    return `${job.error ?? job.outcome ?? job.state}${at}`;
  }
  if (job.waiting_for) return `Waits: ${job.waiting_for}`;
  const parts = [`${whole(done)} of ${counted(total, "trial")}`];
  if (phase && phase !== job.state) parts.push(phase);
  const rate = pace(job);
  if (rate) parts.push(rate);
  if (left !== null && left !== undefined) parts.push(`about ${duration(left)} left`);
  return parts.join(", ");
}
