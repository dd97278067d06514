// A study in the overview: what it is, its most memorized images, how mem is distributed, and what to look at.

import { ATYPICAL, d3, kind, TYPICAL } from "../charts.js";
import { fill, h, put } from "../dom.js";
import { counted, fixed, whole } from "../format.js";
import { address, get, path } from "../http.js";
import { barsOf, plan } from "../study/bars.js";
import { findingsOf } from "../study/findings.js";
import { tellGone } from "./images_gone.js";
import { problem } from "./problem.js";
import { sampleUrl } from "./sample.js";
import { loadDataset } from "./study_head.js";
import { cut, spriteUrl } from "./tile.js";
import { inWords, isRemoved, words as wordsOf } from "./words.js";

/** @import { DatasetDetail, Findings, Histogram, SampleScore, Scores, StudyMessage } from "../api.js" */
/** @import { Bar } from "../study/bars.js" */

const IMAGES = 12;
const HEIGHT = 64;

/**
 * A card, and what asks for its pictures.
 * @typedef {{ element: HTMLElement, load: () => unknown }} Card
 */

/**
 * The card of a study; its pictures are asked for once it comes near the screen (see `nearScreen`).
 * @param {StudyMessage} study
 * @param {AbortSignal} signal
 * @returns {Card}
 */
export function studyCard(study, signal) {
  const pictures = h("div", { class: "study-pictures" });
  const figures = h("ul", {
    class: "study-findings small",
    "aria-label": `What was found in ${study.name}`,
    hidden: !study.table,
  });
  const element = h(
    "article",
    { class: "panel study-card", "data-study": study.name, "aria-labelledby": `study-${study.id}` },
    h("h3", { id: `study-${study.id}` }, h("a", { href: address(path`/studies/${study.name}`) }, study.name)),
    h("p", { class: "soft small" }, madeOf(study)),
    pictures,
    figures,
    quality(study),
  );
  const load = () => {
    if (!study.table) return;
    draw(pictures, study, signal);
    find(figures, study, signal);
  };
  const none = "No scores yet; they appear after the first block of trials.";
  if (!study.table) put(pictures, h("p", { class: "soft" }, none));
  return { element, load };
}

/**
 * Calls `load` of a card when it comes near the screen, once. Returns the function that takes cards.
 * @param {AbortSignal} signal
 * @returns {(card: Card) => void}
 */
export function nearScreen(signal) {
  /** @type {Map<Element, () => unknown>} */
  const loads = new Map();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        loads.get(target)?.();
        loads.delete(target);
      }
    },
    { rootMargin: "300px" },
  );
  signal.addEventListener("abort", () => observer.disconnect());
  return ({ element, load }) => {
    loads.set(element, load);
    observer.observe(element);
  };
}

/** @param {StudyMessage} study */
function madeOf(study) {
  const from = study.table?.trials ? ` from ${counted(study.table.trials, "trial")} elsewhere,` : "";
  if (study.imported) return `Imported scores${from} of ${study.dataset}`;
  const recipe = study.recipe_name ? `recipe ${study.recipe_name}` : `a recipe of ${study.recipe?.network}`;
  const ratio = study.design ? `, subsets of ${Math.round(100 * study.design.subset_ratio)} %` : "";
  const seed = study.design?.seed ? `, seed ${study.design.seed}` : "";
  return `${counted(study.trials, "trial")} on ${study.dataset}, ${recipe}${ratio}${seed}`;
}

const SHOWN = ["atypical", "suspects", "pairs", "undecided"];

/**
 * Draw the most important findings.
 * @param {HTMLElement} place
 * @param {StudyMessage} study
 * @param {AbortSignal} signal
 */
async function find(place, study, signal) {
  try {
    /** @type {Findings} */
    const found = await get(path`/v1/studies/${study.name}/findings`, {}, { signal });
    const shown = findingsOf(study, found).filter(({ key }) => SHOWN.includes(key));
    fill(
      place,
      shown.map(({ key, number, text, to }) =>
        h("li", { "data-finding": key }, h("a", { href: to }, h("strong", {}, number), " ", text)),
      ),
    );
  } catch (error) {
    if (!signal.aborted)
      fill(place, h("li", {}, problem(error, { compact: true, retry: () => find(place, study, signal) })));
  }
}

/** @param {StudyMessage} study */
function quality({ table }) {
  if (!table) return null;
  if (!table.warnings.length) {
    const sign = h("span", { class: "sign pass", "aria-hidden": "true" }, "✓");
    return h("p", { class: "flag small" }, sign, "No warning");
  }
  const sign = () => h("span", { class: "sign look", role: "img", "aria-label": "Warning:" }, "!");
  const items = table.warnings.map((text) => h("li", { class: "flag" }, sign(), h("span", {}, text)));
  return h("ul", { class: "flags small" }, items);
}

/**
 * @param {HTMLElement} place
 * @param {StudyMessage} study
 * @param {AbortSignal} signal
 */
async function draw(place, study, signal) {
  const bins = plan(study);
  try {
    /** @type {[Scores, Histogram, DatasetDetail]} */
    const [{ scores }, histogram] = await Promise.all([
      get(path`/v1/studies/${study.name}/scores`, { sort: "-mem", limit: IMAGES }, { signal }),
      get(path`/v1/studies/${study.name}/histogram`, { bins: bins.bins }, { signal }),
      loadDataset(study, signal),
    ]);
    fill(place, strip(study, scores), bars(barsOf(histogram, bins)));
  } catch (error) {
    if (!signal.aborted) fill(place, problem(error, { compact: true, retry: () => draw(place, study, signal) }));
  }
}

/**
 * @param {StudyMessage} study
 * @param {SampleScore[]} scores
 */
function strip(study, scores) {
  const indices = scores.map(({ index }) => index);
  const url = spriteUrl(study.dataset, "train", indices, scores.length);
  const cells = scores.map(({ index, mem }, cell) => {
    const link = h("a", {
      class: "picture",
      href: sampleUrl(study, "train", index),
      title: `train ${index}, mem ${fixed(mem)}`,
      "aria-label": `Training image ${index}, mem ${fixed(mem)}`,
    });
    if (inWords(study.dataset) || isRemoved(study.dataset, "train", index))
      link.replaceChildren(wordsOf(study.dataset, "train", index));
    else cut(link, url, cell, scores.length, 1);
    return h("li", {}, link);
  });
  const images = h("ul", { class: "study-strip", "aria-label": `Most memorized images of ${study.name}` }, cells);
  if (inWords(study.dataset)) return images;
  const sprite = new Image();
  sprite.addEventListener("error", () => {
    images.classList.add("without"); // the links stay
    tellGone(url);
    images.before(h("p", { class: "soft small" }, `The service has no images of ${study.dataset}.`));
  });
  sprite.src = url;
  return images;
}

/**
 * A small histogram of mem, on a logarithmic scale; the pages of studies have the whole one.
 * @param {Bar[]} all
 */
function bars(all) {
  if (!all.length) return null;
  const least = Math.min(0, all[0].from);
  const x = d3.scaleLinear().domain([least, 1]).range([0, 300]).clamp(true);
  const most = Math.max(...all.map(({ count }) => count));
  const y = d3.scaleSymlog().domain([0, most]).range([0, HEIGHT]);
  const svg = d3.create("svg").attr("class", "chart study-bars").attr("role", "img").attr("aria-label", words(all));
  svg.attr("viewBox", `0 0 300 ${HEIGHT}`).attr("preserveAspectRatio", "none").attr("height", HEIGHT);
  svg
    .selectAll("rect")
    .data(all.filter(({ count }) => count))
    .enter()
    .append("rect")
    .attr("class", ({ from, to }) => kind((from + to) / 2))
    .attr("x", ({ from }) => x(from))
    .attr("width", ({ from, to }) => Math.max(1, x(to) - x(from) - 1))
    .attr("y", ({ count }) => HEIGHT - y(count))
    .attr("height", ({ count }) => y(count));
  const ends = h(
    "div",
    { class: "study-ends soft", "aria-hidden": "true" },
    h("span", {}, "mem 0"),
    h("span", {}, "1"),
  );
  return h("div", {}, svg.node(), ends);
}

/** @param {Bar[]} all */
function words(all) {
  /** @param {"typical" | "between" | "atypical"} name */
  const total = (name) => whole(d3.sum(all, (bar) => bar[name]));
  const outer = `${total("atypical")} over ${ATYPICAL}`;
  const counts = `${total("typical")} samples under ${TYPICAL}, ${total("between")} between, ${outer}`;
  return `Histogram of mem on a logarithmic scale: about ${counts}`;
}
