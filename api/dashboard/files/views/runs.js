// All runs in the service's folder of runs, with its sweeps and reproductions.

import { fill, h, put } from "../dom.js";
import { counted, whole } from "../format.js";
import { get } from "../http.js";
import { empty, problem } from "../parts/problem.js";
import { upToDate } from "../parts/up_to_date.js";
import { reproductionUrl, sweepUrl } from "../runs/addresses.js";
import { RunList } from "../runs/list.js";

/** @import { Runs } from "../api.js" */
/** @import { Page } from "../types.js" */

const PAGE = 100;
const BUSY_MILLISECONDS = 5000; // between two looks, while a run is not finished
const IDLE_MILLISECONDS = 20_000;

/** @param {Page} page */
export async function show(page) {
  page.title("Runs");
  const places = { above: h("div", {}), more: h("div", {}), trouble: h("div", {}) };
  const list = new RunList();
  let shown = PAGE;
  const look = async () => {
    /** @type {Runs} */
    const found = await get("/v1/runs", { limit: Math.min(1000, shown) }, { signal: page.signal });
    draw(found);
    return found.runs.some((one) => one.state === "unfinished") ? BUSY_MILLISECONDS : IDLE_MILLISECONDS;
  };
  /** @param {Runs} found */
  const draw = (found) => {
    list.element.hidden = !found.runs.length;
    if (found.folder === null) fill(places.above, without());
    else if (!found.runs.length && !found.reproductions.length) fill(places.above, nothing(found.folder));
    else fill(places.above, found.note && h("p", { class: "notice" }, found.note), reproductions(found), sweeps(found));
    if (found.runs.length) list.show(found.runs);
    const left = found.matching - found.runs.length;
    const more = async () => {
      shown += PAGE;
      await look();
    };
    fill(
      places.more,
      left > 0 &&
        shown < 1000 &&
        h("button", { type: "button", on: { click: more } }, `Show more of ${whole(found.matching)}`),
    );
  };
  put(
    page.main,
    h("div", { class: "head" }, h("h1", {}, "Runs")),
    places.trouble,
    places.above,
    list.element,
    places.more,
  );
  const wait = await look();
  upToDate(
    page,
    wait,
    async () => {
      const next = await look();
      fill(places.trouble);
      return next;
    },
    (error) => fill(places.trouble, problem(error, { compact: true })),
  );
}

const without = () =>
  empty(
    "No folder of runs",
    h(
      "p",
      {},
      "Training runs, sweeps and reproduced figures are shown here once the service has the folder that they are in:",
    ),
    h("pre", {}, "MEMSCORE_RUNS_FOLDER=runs memscore serve"),
    h("p", {}, "It only reads that folder."),
  );

/** @param {string} folder */
const nothing = (folder) =>
  empty(
    "No run yet",
    h("p", {}, "The folder ", h("code", {}, folder), " holds no training run. This makes one:"),
    h("pre", {}, `memscore train --method pgd --dataset digits --output ${folder}/pgd`),
  );

/** @param {Runs} found */
function sweeps({ sweeps: all }) {
  if (!all.length) return null;
  return h(
    "section",
    { "aria-labelledby": "sweeps" },
    h("h2", { id: "sweeps" }, "Sweeps"),
    h(
      "ul",
      {},
      all.map((one) =>
        h(
          "li",
          {},
          h("a", { href: sweepUrl(one.path) }, one.path),
          h("span", { class: "soft" }, ` ${counted(one.runs, "run")}, ${whole(one.finished)} finished`),
        ),
      ),
    ),
  );
}

/** @param {Runs} found */
function reproductions({ reproductions: all }) {
  if (!all.length) return null;
  return h(
    "section",
    { "aria-labelledby": "reproductions" },
    h("h2", { id: "reproductions" }, "The paper, reproduced"),
    h(
      "ul",
      {},
      all.map((one) =>
        h(
          "li",
          {},
          h("a", { href: reproductionUrl(one.path) }, one.path),
          h("span", { class: "soft" }, ` ${counted(one.items, "figure or table", "figures and tables")}`),
        ),
      ),
    ),
  );
}
