// What one does with the list of a study's samples: change the size of its images, go to one, download what is listed.

import { debounce, fill, h, say } from "../dom.js";
import { counted } from "../format.js";
import { get } from "../http.js";
import { problem } from "../parts/problem.js";
import { sampleUrl } from "../parts/sample.js";

/** @import { SampleScore, Scores, Suspects } from "../api.js" */
/** @import { Gallery } from "../gallery/gallery.js" */
/** @import { Loaded, Page, Query } from "../types.js" */
/** @import { Choices } from "./choices.js" */

const REMEMBERED = "memscore-card-width";
const [LEAST, USUAL, MOST] = [48, 96, 256]; // pixels
const A_PAGE = 1000; // samples of one call
const COLUMNS = /** @type {const} */ (["index", "name", "label", "mem", "se", "p_in", "p_out", "n_in", "n_out", "set"]);
const OF_SUSPECTS = /** @type {const} */ (["label_error", "suggested", "share", "suspected"]);

/** The width of a card that the reader has chosen, in pixels. */
export function cardWidth() {
  const kept = Number(localStorage.getItem(REMEMBERED) ?? USUAL);
  return kept >= LEAST && kept <= MOST ? kept : USUAL;
}

/**
 * The controls of a list.
 * @param {Page} page
 * @param {Loaded} loaded
 * @param {{ gallery: Gallery, choices: Choices, root: string }} list
 */
export function workbench(page, { study, dataset }, { gallery, choices, root }) {
  const trouble = h("div", {});
  return h(
    "div",
    {},
    h(
      "div",
      { class: "filters workbench", role: "group", "aria-label": "Work with the list" },
      sizeField(page, gallery),
      goTo(page, study.name, dataset.train_samples),
      download(page, { choices, root, name: study.name, trouble }),
    ),
    trouble,
  );
}

/**
 * A slider for the size of the images.
 * @param {Page} page
 * @param {Gallery} gallery
 */
function sizeField(page, gallery) {
  const slider = h("input", {
    type: "range",
    min: String(LEAST),
    max: String(MOST),
    step: "8",
    value: String(cardWidth()),
  });
  const resize = debounce(60, () => gallery.resize(Number(slider.value)), page.signal);
  slider.addEventListener("input", () => {
    localStorage.setItem(REMEMBERED, slider.value);
    resize();
  });
  return h("label", {}, "Size", slider);
}

/**
 * A field that leads to the page of a sample; the key / leads to it.
 * @param {Page} page
 * @param {string} name
 * @param {number} samples
 */
function goTo(page, name, samples) {
  const field = h("input", {
    type: "number",
    min: "0",
    max: String(samples - 1),
    step: "1",
    placeholder: "index",
    "aria-keyshortcuts": "/",
  });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (field.value !== "" && field.reportValidity()) page.go(sampleUrl({ name }, "train", field.value));
  };
  /** @param {KeyboardEvent} event */
  const press = (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof Element && event.target.closest("input, select, textarea, dialog")) return;
    event.preventDefault();
    field.focus();
  };
  document.addEventListener("keydown", press, { signal: page.signal });
  return h(
    "form",
    { class: "go-to", novalidate: true, on: { submit } },
    h("label", {}, "Go to sample", field, h("kbd", { "aria-hidden": "true" }, "/")),
  );
}

/**
 * A button that downloads what is listed, as CSV.
 * @param {Page} page
 * @param {{ choices: Choices, root: string, name: string, trouble: HTMLElement }} options
 */
function download(page, { choices, root, name, trouble }) {
  const button = h("button", { type: "button" }, "Download this list");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      fill(trouble);
      const { list, query } = choices.call;
      const rows = await all(page, `${root}/${list}`, query);
      save(`${name}.${choices.set ?? "scores"}.csv`, csv(rows, list === "suspects"));
      say(`Downloaded ${counted(rows.length, "sample")}`);
    } catch (error) {
      if (!page.signal.aborted) fill(trouble, problem(error, { compact: true }));
    } finally {
      button.disabled = false;
    }
  });
  return button;
}

/**
 * All samples of a list, in its order, of one version of the scores. Throws Problem.
 * @param {Page} page
 * @param {string} path
 * @param {Query} query
 * @returns {Promise<SampleScore[]>}
 */
async function all(page, path, query) {
  /** @type {SampleScore[]} */
  const rows = [];
  let digest = "";
  for (let offset = 0, matching = 1; offset < matching; offset += A_PAGE) {
    /** @type {Scores | Suspects} */
    const found = await get(path, { ...query, offset, limit: A_PAGE }, { signal: page.signal });
    if (offset && found.digest !== digest) return all(page, path, query); // newer scores: from the start
    ({ digest, matching } = found);
    rows.push(...found.scores);
  }
  return rows;
}

/**
 * @param {SampleScore[]} rows
 * @param {boolean} suspects
 */
function csv(rows, suspects) {
  /** @type {string[]} */
  const names = [...COLUMNS, "mem_low", "mem_high", ...(suspects ? OF_SUSPECTS : [])];
  const lines = rows.map((row) => {
    /** @type {Record<string, unknown>} */
    const values = { ...row, mem_low: row.interval[0], mem_high: row.interval[1] };
    return names.map((one) => quoted(values[one])).join(",");
  });
  return `${[names.join(","), ...lines].join("\n")}\n`;
}

/** @param {unknown} value */
function quoted(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * @param {string} file
 * @param {string} text
 */
function save(file, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  h("a", { href: url, download: file }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
