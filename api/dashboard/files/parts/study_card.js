// A study in the overview: what it is, its most memorized images, how mem is distributed, and what to look at.

import { ATYPICAL, d3, kind, TYPICAL } from "../charts.js";
import { fill, h, put } from "../dom.js";
import { fixed, percent, whole } from "../format.js";
import { address, get, path } from "../http.js";
import { barsOf, plan } from "../study/bars.js";
import { heldOut } from "../study/histogram.js";
import { tellGone } from "./images_gone.js";
import { problem } from "./problem.js";
import { sampleUrl } from "./sample.js";
import { cut, spriteUrl } from "./tile.js";

const IMAGES = 12;
const HEIGHT = 64;

/** The card of a study; its pictures are asked for once it comes near the screen (see `nearScreen`). */
export function studyCard(study, signal) {
  const pictures = h("div", { class: "study-pictures" });
  const element = h(
    "article",
    { class: "panel study-card", "data-study": study.name, "aria-labelledby": `study-${study.id}` },
    h("h3", { id: `study-${study.id}` }, h("a", { href: address(path`/studies/${study.name}`) }, study.name)),
    h("p", { class: "soft small" }, madeOf(study)),
    pictures,
    study.table && figures(study),
    quality(study),
  );
  const load = () => (study.table ? draw(pictures, study, signal) : null);
  if (!study.table)
    put(pictures, h("p", { class: "soft" }, "No scores yet: they appear when the first block of trials has finished."));
  return { element, load };
}

/** Calls `load` of a card when it comes near the screen, once. Returns the function that is given cards. */
export function nearScreen(signal) {
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

function madeOf(study) {
  if (study.imported) return `Imported scores of ${study.dataset}`;
  const ratio = study.design ? `, subsets of ${Math.round(100 * study.design.subset_ratio)} %` : "";
  const seed = study.design?.seed ? `, seed ${study.design.seed}` : "";
  return `${study.dataset}, ${study.recipe_name ? `recipe ${study.recipe_name}` : `a recipe of ${study.recipe.network}`}${ratio}${seed}`;
}

function figures({ trials, imported, table }) {
  const one = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  return h(
    "dl",
    { class: "study-figures" },
    one("Trials", imported ? "–" : whole(trials)),
    one("In-sample", percent(table.in_sample_accuracy)),
    one("Held-out", percent(table.held_out_accuracy)),
  );
}

function quality({ table }) {
  if (!table) return null;
  if (!table.warnings.length)
    return h("p", { class: "flag small" }, h("span", { class: "sign pass", "aria-hidden": "true" }, "✓"), "No warning");
  return h(
    "ul",
    { class: "flags small" },
    table.warnings.map((text) =>
      h(
        "li",
        { class: "flag" },
        h("span", { class: "sign look", role: "img", "aria-label": "To look at:" }, "!"),
        h("span", {}, text),
      ),
    ),
  );
}

async function draw(place, study, signal) {
  try {
    const [{ scores }, histogram] = await Promise.all([
      get(path`/v1/studies/${study.name}/scores`, { sort: "-mem", limit: IMAGES }, { signal }),
      get(path`/v1/studies/${study.name}/histogram`, { bins: plan(heldOut(study)).bins }, { signal }),
    ]);
    fill(place, strip(study, scores), bars(barsOf(histogram, plan(heldOut(study)))));
  } catch (error) {
    if (!signal.aborted) fill(place, problem(error, { compact: true, retry: () => draw(place, study, signal) }));
  }
}

function strip(study, scores) {
  const url = spriteUrl(
    study.dataset,
    "train",
    scores.map(({ index }) => index),
    scores.length,
  );
  const cells = scores.map(({ index, mem }, cell) => {
    const link = h("a", {
      class: "picture",
      href: sampleUrl(study, "train", index),
      title: `train ${index}, mem ${fixed(mem)}`,
      "aria-label": `Training image ${index}, mem ${fixed(mem)}`,
    });
    cut(link, url, cell, scores.length, 1);
    return h("li", {}, link);
  });
  const images = h("ul", { class: "study-strip", "aria-label": `Most memorized images of ${study.name}` }, cells);
  const sprite = new Image();
  sprite.addEventListener("error", () => {
    images.classList.add("without"); // the links stay
    tellGone(url);
    images.before(h("p", { class: "soft small" }, `The images of ${study.dataset} are not on the service's machine.`));
  });
  sprite.src = url;
  return images;
}

/** A small histogram of mem, on a logarithmic scale; the pages of studies have the whole one. */
function bars(all) {
  if (!all.length) return null;
  const shown = all.map(({ count, from, to, ...kinds }) => ({ count, low: from, high: to, ...kinds }));
  const x = d3
    .scaleLinear()
    .domain([Math.min(0, shown[0].low), 1])
    .range([0, 300])
    .clamp(true);
  const y = d3
    .scaleLog()
    .domain([1, Math.max(...shown.map(({ count }) => count)) + 1])
    .range([0, HEIGHT]);
  const total = (name) => d3.sum(shown, (bar) => bar[name]);
  const label = `Histogram of mem on a logarithmic scale: about ${whole(total("typical"))} samples under ${TYPICAL}, ${whole(total("between"))} between, ${whole(total("atypical"))} over ${ATYPICAL}`;
  const svg = d3
    .create("svg")
    .attr("class", "chart study-bars")
    .attr("role", "img")
    .attr("aria-label", label)
    .attr("viewBox", `0 0 300 ${HEIGHT}`)
    .attr("preserveAspectRatio", "none")
    .attr("height", HEIGHT);
  svg
    .selectAll("rect")
    .data(shown.filter(({ count }) => count))
    .enter()
    .append("rect")
    .attr("class", ({ low, high }) => kind((low + high) / 2))
    .attr("x", ({ low }) => x(low))
    .attr("width", ({ low, high }) => Math.max(1, x(high) - x(low) - 1))
    .attr("y", ({ count }) => HEIGHT - y(count + 1))
    .attr("height", ({ count }) => y(count + 1));
  const ends = h(
    "div",
    { class: "study-ends soft", "aria-hidden": "true" },
    h("span", {}, "mem 0"),
    h("span", {}, "1"),
  );
  return h("div", {}, svg.node(), ends);
}
