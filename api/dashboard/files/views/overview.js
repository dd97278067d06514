// What there is and what runs: studies with their size, precision and quality, and jobs with live progress.

import { fill, h, pause, put } from "../dom.js";
import { percent, whole } from "../format.js";
import { address, get, path } from "../http.js";
import { jobCard } from "../parts/job_card.js";
import { empty, problem } from "../parts/problem.js";
import { session } from "../session.js";

const REFRESH_MILLISECONDS = 2000; // while jobs run
const IDLE_MILLISECONDS = 15_000;
const JOBS = 6;

export async function show(page) {
  page.title("Overview");
  const jobs = h("div", { "aria-live": "off" });
  const studies = h("div", {});
  put(
    page.main,
    h("div", { class: "row spread" }, h("h1", {}, "Overview"), session.may("write") && h("a", { class: "button primary", href: address("/jobs/new") }, "New job")),
    h("section", { "aria-labelledby": "jobs" }, h("h2", { id: "jobs" }, "Jobs"), jobs),
    h("section", { "aria-labelledby": "studies" }, h("h2", { id: "studies" }, "Studies"), studies),
  );
  await Promise.all([drawStudies(page, studies), drawJobs(page, jobs)]);
  follow(page, jobs, studies);
}

/** Keep both lists up to date, faster while something runs; an outage is shown and waited for. */
async function follow(page, jobs, studies) {
  let known = null;
  while (!page.signal.aborted) {
    try {
      await pause(known?.running ? REFRESH_MILLISECONDS : IDLE_MILLISECONDS, page.signal);
      if (document.hidden) continue;
      const now = await drawJobs(page, jobs);
      if (known && now.finished !== known.finished) await drawStudies(page, studies);
      known = now;
    } catch (error) {
      if (page.signal.aborted) return;
      fill(jobs, problem(error, { compact: true }));
    }
  }
}

async function drawJobs(page, place) {
  const { jobs } = await get("/v1/jobs", { limit: JOBS }, { signal: page.signal });
  const running = jobs.filter((job) => !["succeeded", "failed", "cancelled"].includes(job.state));
  if (!jobs.length) {
    fill(place, empty("No job yet", h("p", {}, "A job trains the models of a study. ", session.may("write") ? h("a", { href: address("/jobs/new") }, "Start one") : "Starting one needs a key with the scope write", ".")));
  } else {
    fill(place, h("ul", { class: "list" }, jobs.map((job) => h("li", {}, jobCard(job)))), h("p", {}, h("a", { href: address("/jobs") }, "All jobs")));
  }
  return { running: running.length > 0, finished: jobs.length - running.length };
}

async function drawStudies(page, place) {
  const { studies, next } = await get("/v1/studies", { limit: 200 }, { signal: page.signal });
  if (!studies.length) {
    fill(
      place,
      empty(
        "No study yet",
        h("p", {}, "A study holds the scores of one dataset, from models trained by one recipe. Its first job makes it:"),
        session.may("write") && h("p", {}, h("a", { class: "button", href: address("/jobs/new") }, "New job")),
        h("p", {}, "Or on the service's machine: ", h("code", {}, "memscore estimate --dataset digits --trials 200")),
      ),
    );
    return;
  }
  fill(place, h("div", { class: "wide" }, table([...studies].reverse())), next && h("p", { class: "soft" }, "The oldest 200 studies are shown; the command ", h("code", {}, "memscore"), " and REST list all."));
}

function table(studies) {
  const heads = ["Study", "Dataset", "Recipe", "Trials", "In-sample accuracy", "Held-out accuracy", "Quality"];
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, studies.map(row)),
  );
}

function row(study) {
  const { table: scores } = study;
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("a", { href: address(path`/studies/${study.name}`) }, study.name)),
    h("td", {}, study.dataset),
    h("td", {}, study.imported ? "imported" : (study.recipe_name ?? study.recipe.network)),
    h("td", {}, study.imported ? "–" : whole(study.trials)),
    h("td", {}, percent(scores?.in_sample_accuracy)),
    h("td", {}, percent(scores?.held_out_accuracy)),
    h("td", {}, flags(scores)),
  );
}

function flags(scores) {
  if (!scores) return "no scores yet";
  if (!scores.warnings.length) return [h("span", { class: "sign pass", "aria-hidden": "true" }, "✓"), "no warning"];
  return h("span", { title: scores.warnings.join("\n") }, h("span", { class: "sign look", "aria-hidden": "true" }, "!"), `${scores.warnings.length} to look at`);
}
