// What one does with the list of a study's samples: change the size of its images, go to one, download what is listed.

import { debounce, fill, h, say } from "../dom.js";
import { counted, whole } from "../format.js";
import { get, send } from "../http.js";
import { confirmed } from "../parts/confirm.js";
import { quoted, save } from "../parts/csv_file.js";
import { choice } from "../parts/fields.js";
import { problem } from "../parts/problem.js";
import { reviewerName } from "../parts/reviewer.js";
import { sampleUrl } from "../parts/sample.js";
import { session } from "../session.js";

/** @import { SampleScore, ScoreColumns, Scores, Suspects } from "../api.js" */
/** @import { Gallery } from "../gallery/gallery.js" */
/** @import { Selection } from "../gallery/selection.js" */
/** @import { Loaded, Page, Query, Split } from "../types.js" */
/** @import { Choices } from "./choices.js" */

const REMEMBERED = "memscore-card-width";
const [LEAST, USUAL, MOST] = [48, 96, 256]; // pixels
const A_PAGE = 1000; // samples of one call
const MOST_JUDGED = 2000; // samples that get one verdict at once
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
 * `judged`: called when verdicts were given.
 * @param {{ gallery: Gallery, selection: Selection, judged: () => void, choices: Choices, root: string }} list
 */
export function workbench(page, { study, dataset }, { gallery, selection, judged, choices, root }) {
  const trouble = h("div", {});
  const listed = () => all(page, `${root}/${choices.call.list}`, choices.call.query);
  return h(
    "div",
    {},
    h(
      "div",
      { class: "filters workbench", role: "group", "aria-label": "Work with the list" },
      sizeField(page, gallery),
      besideButton(gallery),
      goTo(page, study.name, { train: dataset.train_samples, test: dataset.test_samples }),
      download(page, { choices, root, name: study.name, trouble }),
      selectionBar(page, { selection, listed, judged, root, name: study.name, trouble }),
    ),
    trouble,
  );
}

/**
 * What is selected, and what can be done with it.
 * @param {Page} page
 * @param {{
 *   selection: Selection,
 *   listed: () => Promise<SampleScore[]>,
 *   judged: () => void,
 *   root: string,
 *   name: string,
 *   trouble: HTMLElement,
 * }} options
 */
function selectionBar(page, { selection, listed, judged, root, name, trouble }) {
  const { signal } = page;
  const count = h("p", { class: "number small", role: "status" });
  /**
   * @param {string} text
   * @param {() => Promise<unknown> | void} act
   */
  const button = (text, act) => {
    const made = h("button", { type: "button" }, text);
    made.addEventListener("click", async () => {
      made.disabled = true;
      fill(trouble);
      try {
        await act();
      } catch (error) {
        if (!signal.aborted) fill(trouble, problem(error, { compact: true }));
      } finally {
        made.disabled = false;
      }
    });
    return made;
  };
  const every = button("Select all", async () => selection.add((await listed()).map(({ index }) => index)));
  const some = h(
    "div",
    { class: "picked", hidden: true },
    button("Clear", () => selection.clear()),
    button("Download selected", async () => {
      /** @type {ScoreColumns} */
      const found = await send("POST", `${root}/scores/lookup`, { indices: selection.indices }, { signal });
      save(`${name}.selected.csv`, csv(asRows(found), false));
      say(`Downloaded ${counted(found.index.length, "sample")}`);
    }),
    session.may("write") && [
      button("Labels are right", () => judge("fine")),
      button("Cannot tell", () => judge("unsure")),
      button("Take verdicts back", () => judge(null)),
    ],
  );
  /** @param {"fine" | "unsure" | null} verdict */
  const judge = async (verdict) => {
    const { indices } = selection;
    if (indices.length > MOST_JUDGED) {
      const advice = `Select at most ${whole(MOST_JUDGED)} samples for one verdict; ${whole(indices.length)} are selected.`;
      fill(trouble, h("p", { class: "notice", role: "alert" }, advice));
      return;
    }
    const says = verdict === null ? "Take your verdicts back" : `Say "${verdict}"`;
    const yes = await confirmed({
      title: `${says} on ${counted(indices.length, "sample")}?`,
      text:
        "An earlier verdict of yours on one of them is replaced. Those of others stay. Stay on this page until all are " +
        "kept: what is kept by then stays.",
      yes: "Do it",
      no: "Leave them",
      signal,
    });
    if (!yes) return;
    for (const [place, index] of indices.entries()) {
      const body = { verdict, label: null, reviewer: reviewerName() };
      await send("PUT", `${root}/reviews/${index}`, body, { signal });
      count.textContent = `${counted(place + 1, "verdict")} of ${whole(indices.length)} kept`;
    }
    say(`${counted(indices.length, "verdict")} kept`);
    selection.clear();
    judged();
  };
  const gone = () => {
    some.hidden = !selection.size;
    count.textContent = selection.size ? `${counted(selection.size, "sample")} selected` : "";
  };
  selection.listeners.push(gone);
  return h("div", { class: "picked", role: "group", "aria-label": "Selected samples" }, every, count, some);
}

/**
 * Samples that were looked up, one by one.
 * @param {ScoreColumns} found
 */
function asRows({ index, label, mem, se, mem_low: low, mem_high: high, p_in, p_out, n_in, n_out }) {
  return index.map((one, at) => ({
    ...{ index: one, label: label[at], mem: mem[at], se: se[at], p_in: p_in[at], p_out: p_out[at] },
    ...{ n_in: n_in[at], n_out: n_out[at], interval: [low[at], high[at]] },
  }));
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
 * A button that shows the active sample beside the list.
 * @param {Gallery} gallery
 */
function besideButton(gallery) {
  const click = () => gallery.toggle();
  const button = h("button", { type: "button", "aria-pressed": "false", on: { click } }, "Details beside the list");
  gallery.toggled = (open) => button.setAttribute("aria-pressed", String(open));
  return button;
}

/**
 * A field that leads to the page of a training or test sample; the key / leads to it.
 * @param {Page} page
 * @param {string} name
 * @param {Record<Split, number>} samples
 */
function goTo(page, name, samples) {
  /** @type {[Split, string][]} */
  const splits = [
    ["train", "training"],
    ["test", "test"],
  ];
  const split = choice(
    splits.filter(([one]) => samples[one]),
    "train",
  );
  split.setAttribute("aria-label", "Kind of sample to go to");
  split.addEventListener("change", () => {
    field.max = String(samples[/** @type {Split} */ (split.value)] - 1);
  });
  const field = h("input", {
    type: "number",
    min: "0",
    max: String(samples.train - 1),
    step: "1",
    placeholder: "index",
    "aria-keyshortcuts": "/",
  });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const to = /** @type {Split} */ (split.value);
    if (field.value !== "" && field.reportValidity()) page.go(sampleUrl({ name }, to, field.value));
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
    samples.test > 0 && split,
    h("button", { type: "submit" }, "Go"),
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
 * @param {{ interval: (number | null)[] }[]} rows
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
