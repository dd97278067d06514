// Which view an address shows. A view module exports `show(page)`; types.d.ts has what a page is.

/** @import { View } from "./types.js" */

/**
 * Where a view stands in the navigation; null: nowhere.
 * @typedef {"overview" | "datasets" | "jobs" | "studies" | "runs" | "compare" | "storage" | null} Place
 */

/** @type {{ path: string, load: () => Promise<View>, place: Place }[]} */
const ROUTES = [
  { path: "/", load: () => import("./views/overview.js"), place: "overview" },
  { path: "/studies", load: () => import("./views/overview.js"), place: "overview" },
  { path: "/datasets", load: () => import("./views/datasets.js"), place: "datasets" },
  { path: "/datasets/:dataset", load: () => import("./views/dataset.js"), place: "datasets" },
  { path: "/jobs", load: () => import("./views/jobs.js"), place: "jobs" },
  { path: "/jobs/new", load: () => import("./views/new_job.js"), place: "jobs" },
  { path: "/jobs/:job", load: () => import("./views/job.js"), place: "jobs" },
  { path: "/studies/:study", load: () => import("./views/study.js"), place: "studies" },
  { path: "/studies/:study/train/:index", load: () => import("./views/train_sample.js"), place: "studies" },
  { path: "/studies/:study/test/:index", load: () => import("./views/test_sample.js"), place: "studies" },
  { path: "/studies/:study/duplicates", load: () => import("./views/duplicates.js"), place: "studies" },
  { path: "/studies/:study/pairs", load: () => import("./views/pairs.js"), place: "studies" },
  { path: "/studies/:study/review", load: () => import("./views/review.js"), place: "studies" },
  { path: "/studies/:study/sets", load: () => import("./views/sets.js"), place: "studies" },
  { path: "/runs", load: () => import("./views/runs.js"), place: "runs" },
  { path: "/runs/*run", load: () => import("./views/run.js"), place: "runs" },
  { path: "/sweeps", load: () => import("./views/runs.js"), place: "runs" }, // which lists all of them
  { path: "/sweeps/*sweep", load: () => import("./views/sweep.js"), place: "runs" },
  { path: "/reproductions", load: () => import("./views/runs.js"), place: "runs" },
  { path: "/reproductions/*reproduction", load: () => import("./views/reproduction.js"), place: "runs" },
  { path: "/compare-runs", load: () => import("./views/compare_runs.js"), place: "runs" },
  { path: "/compare", load: () => import("./views/compare.js"), place: "compare" },
  { path: "/storage", load: () => import("./views/storage.js"), place: "storage" },
  { path: "/sign-in", load: () => import("./views/sign_in.js"), place: null },
];

/**
 * The route of a path and its parameters; null if it is none of ours.
 * @param {string} path
 */
export function find(path) {
  const parts = path.replace(/(.)\/$/, "$1").split("/");
  for (const route of ROUTES) {
    const wanted = route.path.split("/");
    const open = wanted[wanted.length - 1].startsWith("*"); // takes all the parts that are left
    if (open ? wanted.length > parts.length : wanted.length !== parts.length) continue;
    /** @type {Record<string, string>} */
    const params = {};
    const fits = wanted.every((part, place) => {
      if (!/^[:*]/.test(part)) return part === parts[place];
      const values = part.startsWith("*") ? parts.slice(place) : [parts[place]];
      try {
        params[part.slice(1)] = values.map(decodeURIComponent).join("/");
      } catch {
        return false;
      }
      return !values.includes("");
    });
    if (fits) return { route, params };
  }
  return null;
}
