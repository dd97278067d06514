// The job that a study's scores grow by, while one runs.

import { fill, h } from "../dom.js";
import { get, path } from "../http.js";
import { ended, jobList } from "../parts/job_card.js";
import { sentence } from "../parts/problem.js";
import { upToDate } from "../parts/up_to_date.js";

/** @import { Jobs, StudyMessage } from "../api.js" */
/** @import { Page } from "../types.js" */

const RUNNING_MILLISECONDS = 2000;
const IDLE_MILLISECONDS = 15_000;

/**
 * Keep the line in `place` up to date until the view is left; `changed(study)` is called for newer scores.
 * @param {Page} page
 * @param {HTMLElement} place
 * @param {StudyMessage} study
 * @param {(study: StudyMessage) => unknown} changed
 */
export function followJobs(page, place, study, changed) {
  const { signal } = page;
  let digest = study.table?.digest;
  const list = jobList("Jobs of this study that have not ended");
  const look = async () => {
    /** @type {Jobs} */
    const { jobs } = await get("/v1/jobs", { study: study.name, limit: 5 }, { signal });
    const running = jobs.filter((one) => !ended(one));
    list.show(running);
    if (!running.length) fill(place);
    else if (!place.contains(list.element)) fill(place, list.element);
    /** @type {StudyMessage} */
    const now = await get(path`/v1/studies/${study.name}`, {}, { signal });
    if (now.table && now.table.digest !== digest) {
      digest = now.table.digest;
      await changed(now);
    }
    return running.length ? RUNNING_MILLISECONDS : IDLE_MILLISECONDS;
  };
  return upToDate(page, 0, look, (error) =>
    fill(place, h("p", { class: "soft" }, `Its jobs could not be loaded: ${sentence(error)}`)),
  );
}
