// One dataset: what it is, what reading it found, its studies, and its samples.

import { fill, h, put } from "../dom.js";
import { className, counted } from "../format.js";
import { address, get, path } from "../http.js";
import { choice } from "../parts/fields.js";
import { importScores } from "../parts/import_scores.js";
import { image } from "../parts/tile.js";
import { learnKind, sampleOf } from "../parts/words.js";
import { session } from "../session.js";
import { shape } from "./datasets.js";

/** @import { DatasetDetail, Studies } from "../api.js" */
/** @import { Page, Split } from "../types.js" */

const SHOWN = 60; // samples at once

/** @param {Page} page */
export async function show(page) {
  const { dataset: name } = page.params;
  page.title(`Dataset ${name}`);
  /** @type {[DatasetDetail, Studies]} */
  const [dataset, { studies }] = await Promise.all([
    get(path`/v1/datasets/${name}`, {}, { signal: page.signal }),
    get("/v1/studies", { dataset: name, limit: 100 }, { signal: page.signal }),
  ]);
  learnKind(dataset);
  const { train_samples: train, test_samples: test, class_names: classes } = dataset;
  const parts = `${counted(train, "training sample")} and ${test ? counted(test, "test sample") : "no test part"}`;
  const about = `${parts}, ${counted(classes.length, "class", "classes")}, ${shape(dataset)}. Source: ${dataset.source}.`;
  put(
    page.main,
    h(
      "div",
      { class: "row spread" },
      h("h1", {}, name),
      session.may("write") &&
        h("a", { class: "button primary", href: address("/jobs/new", { dataset: name }) }, "Estimate scores"),
    ),
    h("p", { class: "soft" }, about),
    dataset.flipped > 0 && h("p", {}, `${counted(dataset.flipped, "label")} flipped on purpose.`),
    dataset.notes.length > 0 &&
      h(
        "ul",
        { class: "notice warnings", "aria-label": "What reading it found" },
        dataset.notes.map((text) => h("li", {}, text)),
      ),
    h(
      "section",
      { "aria-labelledby": "studies" },
      h("h2", { id: "studies" }, "Studies"),
      studies.length
        ? h(
            "ul",
            {},
            studies.map((one) =>
              h(
                "li",
                {},
                h("a", { href: address(path`/studies/${one.name}`) }, one.name),
                `, ${one.imported ? "imported" : counted(one.trials, "trial")}`,
              ),
            ),
          )
        : h("p", { class: "soft" }, "None yet."),
      session.may("write") && importScores(page, name),
    ),
    new SamplesPanel(page, dataset).element,
  );
}

/** A part of the samples at a time. */
class SamplesPanel {
  #cards = h("div", { class: "cards" });
  #dataset;
  #page;
  #place = h("p", { class: "actions" });
  /** @type {Split} */
  #split;
  #start;
  element;

  /**
   * @param {Page} page
   * @param {DatasetDetail} dataset
   */
  constructor(page, dataset) {
    this.#page = page;
    this.#dataset = dataset;
    this.#split = page.query.get("part") === "test" && dataset.test_samples ? "test" : "train";
    const from = Number(page.query.get("from"));
    this.#start = Number.isInteger(from) && from > 0 && from < this.#samples ? from : 0;
    /** @type {[string, string][]} */
    const parts = [
      ["train", "training part"],
      ["test", "test part"],
    ];
    const select = choice(dataset.test_samples ? parts : parts.slice(0, 1), this.#split);
    select.addEventListener("change", () => {
      this.#split = select.value === "test" ? "test" : "train";
      this.#go(0);
    });
    const title = h("h2", { id: "samples" }, "Samples");
    const filters = h("div", { class: "filters" }, h("label", {}, "Part", select));
    this.element = h("section", { "aria-labelledby": "samples" }, title, filters, this.#cards, this.#place);
    this.#draw();
  }

  get #samples() {
    return this.#split === "train" ? this.#dataset.train_samples : this.#dataset.test_samples;
  }

  /** @param {number} start */
  #go(start) {
    this.#start = start;
    this.#page.keep({ part: this.#split === "train" ? null : this.#split, from: start || null });
    this.#draw();
  }

  #draw() {
    const [start, end] = [this.#start, Math.min(this.#samples, this.#start + SHOWN)];
    fill(
      this.#cards,
      Array.from({ length: end - start }, (_, place) => this.#card(start + place)),
    );
    /**
     * @param {string} text
     * @param {number} to
     * @param {boolean} there
     */
    const step = (text, to, there) =>
      h("button", { type: "button", disabled: !there, on: { click: () => this.#go(to) } }, text);
    fill(
      this.#place,
      step("Before", Math.max(0, start - SHOWN), start > 0),
      h("span", {}, `${start} to ${end - 1} of ${counted(this.#samples, "sample")}`),
      step("After", end, end < this.#samples),
    );
  }

  /** @param {number} index */
  #card(index) {
    const { name } = this.#dataset;
    const called = h("span", { class: "line" }, "\u00a0");
    sampleOf(name, this.#split, index).then(
      (sample) => fill(called, h("span", { title: sample.name }, className(this.#dataset, sample.label))),
      () => {}, // the image says what is wrong
    );
    return h(
      "div",
      { class: "card", "data-index": index },
      image(name, this.#split, index),
      called,
      h("span", { class: "line soft" }, `${this.#split} ${index}`),
    );
  }
}
