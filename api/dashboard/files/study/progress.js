// The job that a study's scores grow by, while one runs.

import { fill, h, pause } from "../dom.js";
import { address, get, path } from "../http.js";
import { bar, ended, goal, line, state } from "../parts/job_card.js";

const RUNNING_MILLISECONDS = 2000;
const IDLE_MILLISECONDS = 15_000;

/** Keep the line in `place` up to date until the view is left; `changed(study)` is told of newer scores. */
export async function followJobs(page, place, study, changed) {
  const { signal } = page;
  let digest = study.table?.digest;
  for (;;) {
    let job = null;
    try {
      if (!document.hidden) {
        const { jobs } = await get("/v1/jobs", { study: study.name, limit: 5 }, { signal });
        job = jobs.find((one) => !ended(one)) ?? null;
        draw(place, job);
        const now = await get(path`/v1/studies/${study.name}`, {}, { signal });
        if (now.table && now.table.digest !== digest) {
          digest = now.table.digest;
          await changed(now);
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (typeof error.status !== "number") throw error;
      fill(place, h("p", { class: "soft" }, `Its jobs are not known just now: ${error.message}`));
    }
    try {
      await pause(job ? RUNNING_MILLISECONDS : IDLE_MILLISECONDS, signal);
    } catch {
      return; // the view was left
    }
  }
}

function draw(place, job) {
  if (!job) {
    fill(place);
    return;
  }
  fill(
    place,
    h(
      "div",
      { class: "panel job-line", "data-job": job.id },
      h("div", { class: "row" }, state(job), h("a", { href: address(path`/jobs/${job.id}`) }, `Job: ${goal(job)}`), h("span", { class: "soft" }, line(job))),
      bar(job),
    ),
  );
}
