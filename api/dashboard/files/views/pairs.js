// Pairs of a training and a test sample with high influence, side by side.

import { debounce, fill, focusIn, h, put, say } from "../dom.js";
import { className, counted, fixed, whole } from "../format.js";
import { get, newest, path, send } from "../http.js";
import { DISCOVERY_RATE, influenceText } from "../parts/influence.js";
import { numberField } from "../parts/number_field.js";
import { pairCard } from "../parts/pair_card.js";
import { empty, problem } from "../parts/problem.js";
import { sampleUrl } from "../parts/sample.js";
import { head, load, noScores } from "../parts/study_head.js";
import { curlTo, pythonClient, serviceUrl, takeAway } from "../parts/take_away.js";

/** @import { Pair, Pairs, ScoreColumns, StudyMessage } from "../api.js" */
/** @import { Loaded, Page, Picture, Query } from "../types.js" */

const PAGE = 48;
const WEIGHTED = "q_weighted_max"; // a filter for studies whose pairs have weighted q-values
const FILTERS = [
  { name: "infl_min", label: "infl from" },
  { name: "mem_min", label: "mem of the training sample from" },
  { name: "q_max", label: "q-value up to" },
  { name: WEIGHTED, label: "weighted q-value up to" },
];
const CHANCE = "chance"; // in the address: also pairs that cannot be told from chance
const ABOUT =
  "Without the training image on the left, models classify the test image beside it correctly less often, by infl. " +
  "Near-duplicates and rare variants come first.";

/**
 * Bounds by name; null lets everything pass.
 * @typedef {Record<string, number | null>} Chosen
 */

/**
 * A list of pairs as it grows.
 * @typedef {{ chosen: Chosen, cards: HTMLElement, more: HTMLElement, signal: AbortSignal }} List
 */

/** @param {Page} page */
export async function show(page) {
  page.title(`Pairs of ${page.params.study}`);
  const { study, dataset } = await load(page);
  put(page.main, head(study, dataset, "pairs", "High-influence pairs"));
  if (study.table) await new PairsView(page, { study, dataset }).show();
  else put(page.main, noScores(study));
}

class PairsView {
  #away = h("div", {});
  /** Whether pairs are shown that cannot be told from chance. */
  #chance;
  #chosen;
  #dataset;
  #list = h("div", {}, h("div", { class: "awaited" }));
  #newest;
  #page;
  #study;
  /** The field of the filter WEIGHTED. @type {HTMLElement | undefined} */
  #weighted;

  /**
   * @param {Page} page
   * @param {Loaded} loaded
   */
  constructor(page, { study, dataset }) {
    this.#page = page;
    this.#study = study;
    this.#dataset = dataset;
    this.#newest = newest(page.signal);
    this.#chance = page.query.has(CHANCE);
    /** @type {Chosen} */
    this.#chosen = Object.fromEntries(FILTERS.map(({ name }) => [name, given(page, name)]));
    put(page.main, h("p", {}, ABOUT), this.#filters(), this.#list, this.#away);
  }

  #filters() {
    const begin = debounce(200, () => this.show(), this.#page.signal);
    /**
     * @param {string} name
     * @param {number | null} value
     */
    const change = (name, value) => {
      this.#chosen[name] = value;
      this.#page.keep({ [name]: value });
      begin();
    };
    const bounds = /** @type {const} */ ({ min: 0, max: 1, step: "any", placeholder: "any" });
    const fields = FILTERS.map(({ name, label }) => {
      const changed = (/** @type {number | null} */ value) => change(name, value);
      const field = numberField({ label, value: this.#chosen[name], ...bounds, changed });
      field.hidden = name === WEIGHTED && this.#chosen[name] === null; // until a study is known to have such q-values
      return field;
    });
    this.#weighted = fields[FILTERS.findIndex(({ name }) => name === WEIGHTED)];
    const submit = (/** @type {Event} */ event) => event.preventDefault();
    return h("form", { class: "filters", "aria-label": "Filter pairs", on: { submit } }, fields);
  }

  /** Ask for the pairs that pass the filters, and show them. */
  async show(chosen = { ...this.#chosen }) {
    const signal = this.#newest();
    try {
      const cards = h("ul", { class: "pairs" });
      const more = h("p", {});
      const all = await this.#add({ chosen, cards, more, signal }, null);
      const { pairs, floor } = all;
      const doubtful = all.holding === null ? 0 : all.matching - all.holding;
      if (this.#weighted && all.strong !== null) this.#weighted.hidden = false;
      const listed = this.#chance
        ? "Pairs that hold come first, the strongest of them first."
        : "The strongest come first.";
      const kept = pairs.length ? `${listed} ${stored(floor)}` : "";
      const hidden = doubtful > 0 && !this.#chance;
      const none = `${hidden ? "Show those that cannot be told from chance, or run more trials." : "Lower the bounds."} ${stored(floor)}`;
      fill(
        this.#list,
        h("p", { class: "soft", "data-part": "matching" }, kept),
        holding(all),
        doubtful > 0 && this.#toggle(doubtful),
        pairs.length
          ? [cards, more]
          : empty(hidden ? "No pair is beyond chance" : "No pair passes these filters", h("p", {}, none)),
      );
      fill(this.#away, taken(this.#study, chosen, this.#chance));
      say(pairs.length ? "Pairs are shown" : "No pair passes these filters");
    } catch (error) {
      if (signal.aborted) return;
      fill(this.#list, problem(error, { compact: true, retry: () => this.show(chosen) }));
    }
  }

  /**
   * A box that shows the pairs that cannot be told from chance too.
   * @param {number} count
   */
  #toggle(count) {
    const box = h("input", { type: "checkbox", checked: this.#chance });
    box.addEventListener("change", () => {
      this.#chance = box.checked;
      this.#page.keep({ [CHANCE]: this.#chance ? "shown" : null });
      this.show();
    });
    return h("p", {}, h("label", {}, box, ` Show ${counted(count, "pair")} that cannot be told from chance`));
  }

  /**
   * Append the pairs behind a cursor to a list, and a button for those that follow.
   * @param {List} list
   * @param {string | null} cursor
   */
  async #add(list, cursor) {
    const { chosen, cards, more, signal } = list;
    /** @type {Query} */
    const query = { ...chosen, order: "holds", holding: !this.#chance, limit: PAGE, cursor };
    /** @type {Pairs} */
    const found = await get(path`/v1/studies/${this.#study.name}/pairs`, query, { signal });
    const labels = await this.#labels(found.pairs, signal);
    put(
      cards,
      found.pairs.map((one, place) => h("li", {}, this.#pair(one, labels[place], found.strong))),
    );
    const next = async () => {
      const first = cards.childElementCount;
      try {
        await this.#add(list, found.next);
        focusIn(cards.children[first], "a");
      } catch (error) {
        if (!signal.aborted) fill(more, problem(error, { compact: true, retry: next }));
      }
    };
    const button = h("button", { type: "button" }, "More pairs");
    button.addEventListener("click", () => {
      button.disabled = true;
      next();
    });
    fill(more, found.next && button);
    return found;
  }

  /**
   * The class of each pair's training sample.
   * @param {Pair[]} pairs
   * @param {AbortSignal} signal
   */
  async #labels(pairs, signal) {
    if (!pairs.length) return [];
    const body = { indices: pairs.map((one) => one.train_index) };
    /** @type {ScoreColumns} */
    const found = await send("POST", path`/v1/studies/${this.#study.name}/scores/lookup`, body, { signal });
    return found.label;
  }

  /**
   * @param {Pair} one
   * @param {number} label
   * @param {number | null} strong
   */
  #pair(one, label, strong) {
    const [study, dataset] = [this.#study, this.#dataset];
    const { train_index: train, test_index: test } = one;
    /** @type {Picture[]} */
    const both = [
      { split: "train", index: train, label: className(dataset, label), href: sampleUrl(study, "train", train) },
      { split: "test", index: test, href: sampleUrl(study, "test", test) }, // of any class, where a study has all pairs
    ];
    return pairCard(this.#page, dataset, both, {
      data: { "data-train": train, "data-test": test },
      brief: () => influenceText(one, strong),
      further: one.mem !== null && h("p", { class: "soft" }, `mem ${fixed(one.mem)}`),
    });
  }
}

/**
 * Which pairs there are at all.
 * @param {number} floor
 */
const stored = (floor) => `Stored are pairs with an infl of at least ${floor}, and weaker ones that hold.`;

/**
 * How many pairs hold, and how many are expected to be strong; nothing for tables without weighted q-values.
 * @param {Pairs} all
 */
function holding({ strong, found, expected }) {
  if (strong === null || found === null) return null;
  const strongOnes =
    expected === null ? "" : ` About ${whole(Math.round(expected))} are expected to have an infl above ${strong}.`;
  const held =
    `Of the study's pairs of the same class, ${whole(found)} are beyond chance: their weighted q-value, in which pairs ` +
    `of similar samples count more, is at most ${DISCOVERY_RATE}. The q-value beside it is without weights. A pair may be ` +
    "beyond chance and its influence small.";
  return h("p", { class: "soft", "data-part": "holding" }, held, strongOnes);
}

/**
 * A filter as the address has it; null for none.
 * @param {Page} page
 * @param {string} name
 */
function given(page, name) {
  const value = Number(page.query.get(name) || Number.NaN);
  return Number.isFinite(value) ? value : null;
}

/**
 * @param {StudyMessage} study
 * @param {Chosen} chosen
 * @param {boolean} chance
 */
function taken({ name }, chosen, chance) {
  const table = path`/v1/studies/${name}/pairs/table`;
  const bounds = Object.entries(chosen).filter(([, value]) => value !== null);
  const keywords = bounds.map(([bound, value]) => `, ${bound}=${value}`).join("");
  const options = bounds.map(([bound, value]) => ` --${bound.replaceAll("_", "-")} ${value}`).join("");
  return takeAway({
    title: "Download all pairs",
    files: ["npz", "csv", "parquet"].map((format) => ({
      text: `Pairs table, .${format}`,
      path: table,
      query: { format },
    })),
    python: [
      pythonClient(),
      `for pair in client.iter_pairs("${name}"${keywords}${chance ? "" : ", holding=True"}, order="holds"):`,
      "    print(pair.train_index, pair.test_index, pair.infl)",
      `table = client.pairs_table("${name}")`,
    ].join("\n"),
    shell: [
      `memscore pairs list ${name}${options}${chance ? "" : " --holding"} --limit 100 --url ${serviceUrl()}`,
      curlTo(`${name}.pairs.npz`, table),
    ].join("\n"),
  });
}
