// Copies of training samples, within training and in the test part, side by side.

import { fill, focusIn, h, put, say } from "../dom.js";
import { className, counted, fixed, known, whole } from "../format.js";
import { get, newest, path } from "../http.js";
import { choice } from "../parts/fields.js";
import { pairCard } from "../parts/pair_card.js";
import { empty, problem } from "../parts/problem.js";
import { sampleUrl } from "../parts/sample.js";
import { head, load, noScores } from "../parts/study_head.js";
import { curlTo, pythonClient, serviceUrl, takeAway } from "../parts/take_away.js";

/** @import { Duplicate, Duplicates } from "../api.js" */
/** @import { Loaded, Page, Picture, Split } from "../types.js" */

const A_PAGE = 48;
const START = "0.995";
/** @type {[string, string][]} */
const ALIKE = [
  ["1", "equal only"],
  ["0.999", "0.999"],
  [START, START],
  ["0.99", "0.99"],
  ["0.98", "0.98"],
];
const ABOUT =
  "A copy in the test part lets models be right from memory; copies in training count twice. Of equal samples with " +
  "different labels, one label is wrong.";
const SEARCHING = "Looking for copies. In a dataset of tens of thousands of images, the first search takes minutes.";

/** @param {Page} page */
export async function show(page) {
  page.title(`Duplicates in ${page.params.study}`);
  const { study, dataset } = await load(page);
  put(page.main, head(study, dataset, "duplicates", "Duplicates"));
  if (study.table) await new DuplicatesView(page, { study, dataset }).show();
  else put(page.main, noScores(study));
}

class DuplicatesView {
  #alike;
  #away = h("div", {});
  #dataset;
  #list = h("div", {});
  #newest;
  #page;
  #study;

  /**
   * @param {Page} page
   * @param {Loaded} loaded
   */
  constructor(page, { study, dataset }) {
    this.#page = page;
    this.#study = study;
    this.#dataset = dataset;
    this.#newest = newest(page.signal);
    const given = page.query.get("alike") ?? START;
    this.#alike = ALIKE.some(([value]) => value === given) ? given : START;
    const label = dataset.kind === "images" ? "Correlation of pixels from" : "Likeness of features from";
    const select = choice(ALIKE, this.#alike);
    select.addEventListener("change", () => {
      this.#alike = select.value;
      page.keep({ alike: this.#alike === START ? null : this.#alike });
      this.show();
    });
    put(
      page.main,
      h("p", {}, ABOUT),
      h("div", { class: "filters" }, h("label", {}, label, select)),
      this.#list,
      this.#away,
    );
  }

  /** Ask for the copies, and show them. */
  async show() {
    const signal = this.#newest();
    fill(this.#list, h("p", { role: "status", class: "awaited" }, SEARCHING));
    try {
      const found = await this.#ask(0, signal);
      fill(this.#away, this.#taken());
      const cards = h("ul", { class: "pairs" });
      const more = h("p", {});
      this.#add({ cards, more, signal }, found);
      fill(
        this.#list,
        h("p", { "data-part": "matching" }, `${counted(found.matching, "copy", "copies")}.`),
        found.matching ? [cards, more] : empty("No copies", h("p", {}, "No two samples are this alike.")),
        h("p", { class: "soft" }, found.note),
      );
      say(counted(found.matching, "copy", "copies"));
    } catch (error) {
      if (!signal.aborted) fill(this.#list, problem(error, { compact: true, retry: () => this.show() }));
    }
  }

  /**
   * @param {number} offset
   * @param {AbortSignal} signal
   * @returns {Promise<Duplicates>}
   */
  #ask(offset, signal) {
    const query = { alike: this.#alike, limit: A_PAGE, offset };
    return get(path`/v1/studies/${this.#study.name}/duplicates`, query, { signal });
  }

  /**
   * Append copies, and a button for those that follow.
   * @param {{ cards: HTMLElement, more: HTMLElement, signal: AbortSignal }} list
   * @param {Duplicates} found
   */
  #add(list, { copies, matching }) {
    const { cards, more, signal } = list;
    put(
      cards,
      copies.map((one) => h("li", {}, this.#card(one))),
    );
    const shown = cards.childElementCount;
    const next = async () => {
      try {
        this.#add(list, await this.#ask(shown, signal));
        focusIn(cards.children[shown], "a");
      } catch (error) {
        if (!signal.aborted) fill(more, problem(error, { compact: true, retry: next }));
      }
    };
    const left = matching - shown;
    fill(more, left > 0 && h("button", { type: "button", on: { click: next } }, `More copies (${whole(left)} left)`));
  }

  /** @param {Duplicate} one */
  #card(one) {
    const dataset = this.#dataset;
    const differ = one.label !== one.other_label;
    /**
     * @param {Split} split
     * @param {number} index
     * @param {number} label
     * @returns {Picture}
     */
    const picture = (split, index, label) => {
      return { split, index, label: className(dataset, label), href: sampleUrl(this.#study, split, index) };
    };
    const both = [picture("train", one.index, one.label), picture(one.split, one.other, one.other_label)];
    const kinds = { equal: "equal", near: "nearly equal", mirrored: "mirrored" };
    const alike =
      one.kind === "equal"
        ? ""
        : `, ${dataset.kind === "images" ? "correlation" : "likeness"} ${fixed(one.correlation, 4)}`;
    return pairCard(this.#page, dataset, both, {
      data: { "data-train": one.index, "data-other": one.other, "data-split": one.split },
      brief: () => [
        h("p", {}, h("strong", {}, kinds[one.kind]), alike),
        h("p", { class: "soft" }, one.split === "test" ? "in the test part" : "both in training"),
        differ && h("p", {}, h("span", { class: "mark suspect" }, "labels differ")),
        known(one.mem) && h("p", { class: "soft" }, `mem ${fixed(one.mem)}`),
        known(one.infl) && h("p", { class: "soft" }, `infl ${fixed(one.infl)}`),
      ],
    });
  }

  #taken() {
    const { name } = this.#study;
    const address = path`/v1/studies/${name}/duplicates`;
    const other = this.#alike === START ? null : this.#alike;
    return takeAway({
      python: [
        pythonClient(),
        `for copy in client.duplicates("${name}"${other ? `, alike=${other}` : ""}).copies:`,
        "    print(copy.index, copy.split, copy.other, copy.kind)",
      ].join("\n"),
      shell: [
        `memscore pairs duplicates ${name}${other ? ` --alike ${other}` : ""} --url ${serviceUrl()}`,
        curlTo(`${name}.duplicates.json`, address, { alike: other }),
      ].join("\n"),
    });
  }
}
