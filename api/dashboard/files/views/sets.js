// Typical and atypical sets: thresholds as sliders, live counts, and the samples at their edges.

import { ATYPICAL, axes, Chart, countScale, d3, drawThresholds, kind, TYPICAL } from "../charts.js";
import { debounce, fill, h, put, say } from "../dom.js";
import { fixed, percent, whole } from "../format.js";
import { get, newest, path } from "../http.js";
import { choice } from "../parts/fields.js";
import { slider } from "../parts/number_field.js";
import { empty, problem } from "../parts/problem.js";
import { sampleCard } from "../parts/sample.js";
import { head, load, noScores } from "../parts/study_head.js";
import { curlTo, pythonClient, serviceUrl, takeAway } from "../parts/take_away.js";
import { barsOf, plan } from "../study/bars.js";

/** @import { Histogram, Rule, SampleScore, Scores, SetsMessage, StudyMessage, TestScore } from "../api.js" */
/** @import { Group, Size } from "../charts.js" */
/** @import { Bar } from "../study/bars.js" */
/** @import { Loaded, Page, Query } from "../types.js" */

/** @typedef {{ atypical: number, typical: number, test_accuracy: number }} Thresholds */
/** @typedef {Thresholds & { rule: Rule }} Chosen */

/** @type {Thresholds} */
const PAPER = { atypical: ATYPICAL, typical: TYPICAL, test_accuracy: 0.8 };
/** @type {{ name: keyof Thresholds, label: string, hint: string }[]} */
const SLIDERS = [
  {
    name: "atypical",
    label: "Atypical above",
    hint: "mem of a training sample; infl of an atypical training sample on a test sample.",
  },
  {
    name: "typical",
    label: "Typical below",
    hint: "mem of a training sample; infl of every atypical training sample on a test sample.",
  },
  {
    name: "test_accuracy",
    label: "Typical test accuracy from",
    hint: "Share of models that classify a typical test sample correctly.",
  },
];
/** The rules for atypical test samples, the usual one first. @type {[Rule, string][]} */
const RULES = [
  ["posterior", "by the probability of influence"],
  ["raw", "by its raw estimate, as in the paper"],
];
const SETS = [
  ["train_atypical", "Atypical training samples"],
  ["train_typical", "Typical training samples"],
  ["test_atypical", "Atypical test samples"],
  ["test_typical", "Typical test samples"],
];
const EXAMPLES = 8;

/** @param {Page} page */
export async function show(page) {
  page.title(`Sets of ${page.params.study}`);
  const { study, dataset } = await load(page);
  put(page.main, head(study, dataset, "sets", "Typical and atypical sets"));
  if (study.table) await new SetsView(page, { study, dataset }).start();
  else put(page.main, noScores(study));
}

class SetsView {
  #away = h("div", {});
  #chart;
  #chosen;
  #counts = h("dl", { class: "facts" });
  #dataset;
  #examples = h("div", {});
  #fault = h("div", {});
  /** @type {Bar[] | null} */
  #bars = null; // once they have arrived
  #newest;
  #page;
  #plot = h("div", {});
  #study;
  #worth = h("div", { "data-part": "worth" });
  /** By index, each asked for once. @type {Map<number, TestScore>} */
  #tests = new Map();

  /**
   * @param {Page} page
   * @param {Loaded} loaded
   */
  constructor(page, { study, dataset }) {
    this.#page = page;
    this.#study = study;
    this.#dataset = dataset;
    this.#newest = newest(page.signal);
    this.#chart = new Chart(this.#plot, { height: 190, margin: { left: 66 }, signal: page.signal });
    this.#chosen = given(page);
    put(
      page.main,
      h("section", { "aria-label": "Thresholds", class: "columns" }, this.#controls(), this.#plot),
      this.#fault,
      this.#counts,
      this.#worth,
      this.#examples,
      this.#away,
    );
  }

  /** Ask for the sets and for the histogram at once, and draw both. */
  async start() {
    const { signal } = this.#page;
    const bins = plan(this.#study);
    const histogram = get(path`/v1/studies/${this.#study.name}/histogram`, { bins: bins.bins }, { signal });
    await this.#draw();
    try {
      /** @type {Histogram} */
      const found = await histogram;
      this.#bars = barsOf(found, bins);
      this.#drawPlot();
    } catch (error) {
      if (!signal.aborted) fill(this.#plot, problem(error, { compact: true }));
    }
  }

  #controls() {
    const refresh = debounce(120, () => this.#draw(), this.#page.signal);
    /**
     * @param {keyof Thresholds} name
     * @param {number} value
     */
    const change = (name, value) => {
      this.#chosen[name] = value;
      this.#page.keep({ [name]: value === PAPER[name] ? null : value });
      refresh();
    };
    const sliders = SLIDERS.map(({ name, label, hint }) =>
      slider({ name, label, hint, value: this.#chosen[name], changed: (value) => change(name, value) }),
    );
    const rule = choice(RULES, this.#chosen.rule);
    rule.addEventListener("change", () => {
      const value = ruleOf(rule.value);
      this.#chosen.rule = value;
      this.#page.keep({ rule: value === RULES[0][0] ? null : value });
      refresh();
    });
    const reset = () => {
      this.#chosen = { ...this.#chosen, ...PAPER };
      SLIDERS.forEach(({ name }, place) => {
        sliders[place].set(PAPER[name]);
      });
      this.#page.keep({ atypical: null, typical: null, test_accuracy: null });
      refresh();
    };
    const elements = sliders.map((one) => one.element);
    rule.id = "rule";
    const named = h("div", { class: "field" }, h("label", { for: rule.id }, "Choose atypical test samples"), rule);
    return h(
      "div",
      {},
      elements,
      named,
      h("button", { type: "button", on: { click: reset } }, "The paper's thresholds"),
    );
  }

  async #draw() {
    const chosen = { ...this.#chosen };
    const signal = this.#newest();
    try {
      const query = { format: "json", limit: EXAMPLES, ...chosen };
      /** @type {SetsMessage} */
      const found = await get(path`/v1/studies/${this.#study.name}/sets`, query, { signal });
      fill(this.#fault);
      const { counts } = found;
      fill(this.#counts, this.#sizes(counts));
      fill(this.#worth, worth(found), notes(this.#study, found));
      say(`${whole(counts.train_atypical)} atypical and ${whole(counts.train_typical)} typical training samples`);
      fill(this.#away, taken(this.#study, chosen));
      this.#drawPlot();
      await this.#drawExamples(found, signal);
    } catch (error) {
      if (signal.aborted) return;
      // What is shown would be of other thresholds.
      for (const one of [this.#counts, this.#worth, this.#examples, this.#away]) fill(one);
      this.#drawPlot();
      fill(this.#fault, problem(error, { compact: true, retry: () => this.#draw() }));
    }
  }

  /** @param {Record<string, number>} counts */
  #sizes(counts) {
    const { train_samples: train, test_samples: test } = this.#dataset;
    return SETS.map(([name, text]) => {
      const share = h("small", {}, percent(counts[name] / (name.startsWith("train") ? train : test)));
      return h("div", {}, h("dt", {}, text), h("dd", { "data-count": name }, whole(counts[name]), " ", share));
    });
  }

  /** mem of all training samples with the thresholds in it. */
  #drawPlot() {
    const bars = this.#bars;
    if (!bars) return;
    const chosen = { ...this.#chosen };
    const label = `Histogram of mem with the thresholds ${chosen.typical} and ${chosen.atypical}`;
    this.#chart.show(label, (group, size) => drawHistogram(group, size, bars, chosen));
  }

  /**
   * The samples at the edges of the training sets, the most extreme ones, and some of the test sets.
   * @param {SetsMessage} found
   * @param {AbortSignal} signal
   */
  async #drawExamples({ thresholds, indices, counts }, signal) {
    const above = beside(thresholds.atypical, 1);
    const below = beside(thresholds.typical, -1);
    const [most, justAbove, justBelow, least, atypical, typical] = await Promise.all([
      this.#scores({ sort: "-mem", mem_min: above }, signal),
      this.#scores({ sort: "mem", mem_min: above }, signal),
      this.#scores({ sort: "-mem", mem_max: below }, signal),
      this.#scores({ sort: "mem", mem_max: below }, signal),
      this.#testScores(indices.test_atypical, signal),
      this.#testScores(indices.test_typical, signal),
    ]);
    const none = empty("Both training sets are empty", h("p", {}, "Move the thresholds."));
    const strips = h(
      "div",
      { class: "columns" },
      this.#trainStrip("Atypical: the most memorized", most),
      this.#trainStrip("Atypical: just above the threshold", justAbove),
      this.#trainStrip("Typical: just below the threshold", justBelow),
      this.#trainStrip("Typical: the least memorized", least),
      this.#testStrip("Atypical test samples, with their largest infl", atypical, (one) => fixed(one.infl_max)),
      this.#testStrip("Typical test samples, with the share of correct models", typical, (one) =>
        percent(one.p_full ?? one.p, 0),
      ),
    );
    fill(this.#examples, h("h2", {}, "Examples"), counts.train_atypical + counts.train_typical ? strips : none);
  }

  /**
   * @param {string} title
   * @param {SampleScore[]} scores
   */
  #trainStrip(title, scores) {
    const cards = scores.map((one) => sampleCard(this.#study, this.#dataset, "train", one, { right: fixed(one.mem) }));
    return strip(title, cards);
  }

  /**
   * @param {string} title
   * @param {TestScore[]} scores
   * @param {(score: TestScore) => string} right
   */
  #testStrip(title, scores, right) {
    const cards = scores.map((one) => sampleCard(this.#study, this.#dataset, "test", one, { right: right(one) }));
    return strip(title, cards);
  }

  /**
   * @param {{ sort: string, mem_min?: number, mem_max?: number }} query
   * @param {AbortSignal} signal
   * @returns {Promise<SampleScore[]>}
   */
  async #scores(query, signal) {
    if (query.mem_min !== undefined && query.mem_min > 1) return [];
    /** @type {Scores} */
    const found = await get(path`/v1/studies/${this.#study.name}/scores`, { limit: EXAMPLES, ...query }, { signal });
    return found.scores;
  }

  /**
   * @param {number[]} indices
   * @param {AbortSignal} signal
   */
  #testScores(indices, signal) {
    /** @param {number} index */
    const ask = async (index) => {
      /** @type {TestScore} */
      const score =
        this.#tests.get(index) ??
        (await get(path`/v1/studies/${this.#study.name}/test-scores/${index}`, {}, { signal }));
      this.#tests.set(index, score);
      return score;
    };
    return Promise.all(indices.map(ask));
  }
}

/** @param {string | null} text */
const ruleOf = (text) => RULES.find(([name]) => name === text)?.[0] ?? RULES[0][0];

/**
 * What the numbers of test samples are worth.
 * @param {SetsMessage} found
 */
function worth({ rule, expected_false: wrong, typical_false: influenced, by_chance: byChance, counts }) {
  const by = rule === "raw" ? "the raw estimate of influence" : "the probability of influence";
  const parts = [`Atypical test samples by ${by} (rule ${rule}).`];
  if (wrong !== null) parts.push(`Expected not to be: ${fixed(wrong, 1)} of ${whole(counts.test_atypical)}.`);
  if (influenced !== null)
    parts.push(
      `Of the ${whole(counts.test_typical)} typical ones, ${fixed(influenced, 1)} are expected to be influenced by an ` +
        "atypical training sample all the same.",
    );
  if (byChance !== null) parts.push(`By chance alone, the raw estimate would name ${fixed(byChance, 1)}.`);
  return h("p", { class: "soft" }, parts.join(" "));
}

/**
 * What the service says of these sets, beyond its warnings about the study.
 * @param {StudyMessage} study
 * @param {SetsMessage} found
 */
function notes({ table }, { warnings }) {
  const own = warnings.filter((text) => !table?.warnings.includes(text));
  if (!own.length) return null;
  const items = own.map((text) => h("li", {}, text));
  return h("ul", { class: "notice warnings", "aria-label": "Notes on the sets" }, items);
}

/**
 * The thresholds and the rule as the address has them.
 * @param {Page} page
 * @returns {Chosen}
 */
function given(page) {
  /** @param {keyof Thresholds} name */
  const one = (name) => {
    const value = Number(page.query.get(name) || Number.NaN);
    return value >= 0 && value <= 1 ? value : PAPER[name];
  };
  const thresholds = { atypical: one("atypical"), typical: one("typical"), test_accuracy: one("test_accuracy") };
  return { ...thresholds, rule: ruleOf(page.query.get("rule")) };
}

/**
 * @param {Group} group
 * @param {Size} size
 * @param {Bar[]} bars
 * @param {Thresholds} thresholds
 */
function drawHistogram(group, { width, height }, bars, { typical, atypical }) {
  const ends = [Math.min(0, bars[0].from), Math.max(1, bars[bars.length - 1].to)];
  const x = d3.scaleLinear().domain(ends).range([0, width]);
  const { scale: y, ticks } = countScale(d3.max(bars, (bar) => bar.count) ?? 0, height);
  group
    .selectAll("rect")
    .data(bars)
    .enter()
    .append("rect")
    .attr("class", (bar) => kind((bar.from + bar.to) / 2, typical, atypical))
    .attr("x", (bar) => x(bar.from))
    .attr("width", (bar) => Math.max(1, x(bar.to) - x(bar.from) - 0.5))
    .attr("y", (bar) => y(bar.count))
    .attr("height", (bar) => height - y(bar.count));
  drawThresholds(group, x, height, [typical, atypical]);
  const titles = { xTitle: "mem", yTitle: "samples (log)", yTitleAt: 54 };
  axes(group, { x, y, width, height, ...titles, yValues: ticks, yFormat: d3.format(",") });
}

/**
 * @param {string} title
 * @param {HTMLElement[]} cards
 */
function strip(title, cards) {
  const none = h("p", { class: "soft" }, "No sample.");
  return h("div", {}, h("h3", {}, title), cards.length ? h("div", { class: "cards strip" }, cards) : none);
}

/**
 * The single-precision number next to a threshold (0 to 1): sets leave out samples at it, while bounds of lists let
 * them in.
 * @param {number} threshold
 * @param {1 | -1} direction
 */
function beside(threshold, direction) {
  const number = new Float32Array([threshold]);
  const bits = new Int32Array(number.buffer);
  if (number[0] === 0 && direction < 0) return -(2 ** -149);
  bits[0] += direction;
  return number[0];
}

/**
 * @param {StudyMessage} study
 * @param {Chosen} chosen
 */
function taken({ name }, chosen) {
  const { atypical, typical, test_accuracy: accuracy, rule } = chosen;
  const usual = rule === RULES[0][0];
  const sets = path`/v1/studies/${name}/sets`;
  const table = path`/v1/studies/${name}/table`;
  /** @type {Query} */
  const query = { ...chosen };
  return takeAway({
    files: [
      { text: "Masks, .npz", path: sets, query },
      { text: "Score table, .npz", path: table, query: {} },
      { text: "Score table, .csv", path: table, query: { format: "csv" } },
    ],
    python: [
      pythonClient("from memscore.scores.sets import Thresholds"),
      `thresholds = Thresholds(atypical=${atypical}, typical=${typical}, test_accuracy=${accuracy}` +
        `${usual ? "" : `, rule="${rule}"`})`,
      `sets = client.sets("${name}", thresholds)`,
      "print(sets.counts())",
      "atypical = sets.train_atypical  # a boolean mask in the dataset's order",
      `table = client.table("${name}")`,
    ].join("\n"),
    shell: [
      `memscore sets ${name} --atypical ${atypical} --typical ${typical}` +
        ` --test-accuracy ${accuracy}${usual ? "" : ` --rule ${rule}`} -o masks.npz --url ${serviceUrl()}`,
      curlTo("masks.npz", sets, query),
    ].join("\n"),
  });
}
