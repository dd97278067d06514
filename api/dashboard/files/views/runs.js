// All runs in the service's folder of runs, with its sweeps and reproductions.

import { debounce, fill, h, put } from "../dom.js";
import { counted, whole } from "../format.js";
import { get } from "../http.js";
import { choice } from "../parts/fields.js";
import { empty, problem } from "../parts/problem.js";
import { upToDate } from "../parts/up_to_date.js";
import { reproductionUrl, sweepUrl } from "../runs/addresses.js";
import { RunList } from "../runs/list.js";
import { methodOf, onTest } from "../runs/words.js";

/** @import { Runs, RunSummary } from "../api.js" */
/** @import { Page } from "../types.js" */

const MOST = 1000; // of one answer
const BUSY_MILLISECONDS = 5000; // between two looks, while a run is not finished
const IDLE_MILLISECONDS = 20_000;

/** @type {[string, string][]} */
const SORTS = [
  ["", "last changed"],
  ["path", "name"],
  ["clean", "clean accuracy"],
  ["worst", "accuracy under attack"],
];
/**
 * @param {string} attack
 * @returns {(a: RunSummary, b: RunSummary) => number}
 */
const by = (attack) => (a, b) => (onTest(b, "all", attack)?.share ?? -1) - (onTest(a, "all", attack)?.share ?? -1);
/** @type {Record<string, (a: RunSummary, b: RunSummary) => number>} */
const ORDERS = {
  path: (a, b) => a.path.localeCompare(b.path, "en", { numeric: true }),
  clean: by("clean"),
  worst: by("worst"),
};

/** @param {Page} page */
export async function show(page) {
  page.title("Runs");
  const places = { above: h("div", {}), count: h("p", { class: "soft small", role: "status" }), trouble: h("div", {}) };
  const list = new RunList();
  /** @type {Runs | null} */
  let latest = null;
  const words = h("input", {
    type: "search",
    value: page.query.get("words"),
    placeholder: "bat digits",
    autocomplete: "off",
  });
  const sort = choice(SORTS, page.query.get("sort") ?? "");
  const filters = h(
    "form",
    { class: "filters", "aria-label": "Filter runs", hidden: true, on: { submit: (event) => event.preventDefault() } },
    h("label", {}, "Words in name, method or data", words),
    h("label", {}, "Sort by", sort),
    places.count,
  );
  /** @param {Runs} found */
  const draw = (found) => {
    latest = found;
    const some = found.runs.length > 0;
    list.element.hidden = !some;
    filters.hidden = !some;
    if (found.folder === null) fill(places.above, without());
    else if (!some && !found.reproductions.length) fill(places.above, nothing(found.folder));
    else fill(places.above, found.note && h("p", { class: "notice" }, found.note), reproductions(found), sweeps(found));
    const wanted = words.value.toLowerCase().split(/\s+/);
    const shown = found.runs.filter((run) => wanted.every((word) => described(run).includes(word)));
    if (some) list.show(sort.value in ORDERS ? shown.sort(ORDERS[sort.value]) : shown);
    const left =
      found.matching > found.runs.length ? `, of which the ${whole(found.runs.length)} last changed are looked at` : "";
    places.count.textContent = `${whole(shown.length)} of ${counted(found.matching, "run")}${left}`;
  };
  const look = async () => {
    /** @type {Runs} */
    const found = await get("/v1/runs", { limit: MOST }, { signal: page.signal });
    draw(found);
    return found.runs.some((one) => one.state === "unfinished") ? BUSY_MILLISECONDS : IDLE_MILLISECONDS;
  };
  const again = () => {
    page.keep({ words: words.value.trim(), sort: sort.value });
    if (latest) draw(latest);
  };
  words.addEventListener("input", debounce(120, again, page.signal));
  sort.addEventListener("change", again);
  put(page.main, h("div", { class: "head" }, h("h1", {}, "Runs")), places.trouble, places.above, filters, list.element);
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

/**
 * What words are looked for in.
 * @param {RunSummary} run
 */
const described = (run) => `${run.path} ${methodOf(run)} ${run.dataset} ${run.network} ${run.state}`.toLowerCase();

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
