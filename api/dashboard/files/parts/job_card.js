// A job in a list: its state, how far it is, and how long it will take.

import { h } from "../dom.js";
import { duration, moment, whole } from "../format.js";
import { address, path } from "../http.js";

/** A job as a panel of a list. */
export function jobCard(job) {
  return h(
    "article",
    { class: "panel", "data-job": job.id },
    h(
      "div",
      { class: "row spread" },
      h("h3", {}, h("a", { href: address(path`/jobs/${job.id}`) }, `${job.study_name}: ${goal(job)}`)),
      state(job),
    ),
    bar(job),
    h("p", { class: "soft small" }, line(job)),
  );
}

/** What a job is to reach, in a few words. */
export function goal(job) {
  const { target } = job.wanted;
  if (target.standard_error) return `standard error ${target.standard_error}`;
  if (target.settled_at) return `settled at ${target.settled_at}`;
  return `${whole(job.target_trials)} trials`;
}

/** The state as a mark. */
export const state = (job) => h("span", { class: `state ${job.state}`, "data-state": job.state }, job.state);

/** Whether a job has ended. */
export const ended = (job) => ["succeeded", "failed", "cancelled"].includes(job.state);

/** How far a job is. */
export function bar(job) {
  const { done, total } = job.progress;
  if (!total) return null;
  return h("progress", { value: done, max: total, "aria-label": `Trials of ${job.study_name}` });
}

/** What is happening, in a line. */
export function line(job) {
  const { done, total, phase, trials_per_second: rate, seconds_left: left } = job.progress;
  if (ended(job)) return `${job.outcome ?? job.error ?? job.state}${job.finished_at ? ` (${moment(job.finished_at)})` : ""}`;
  if (job.waiting_for) return `Waits: ${job.waiting_for}`;
  const parts = [`${whole(done)} of ${whole(total)} trials`];
  if (phase) parts.push(phase);
  if (rate) parts.push(`${(60 * rate).toPrecision(3)} a minute`);
  if (left !== null && left !== undefined) parts.push(`about ${duration(left)} left`);
  return parts.join(", ");
}
