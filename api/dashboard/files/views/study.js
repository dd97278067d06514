// One study: the distribution of mem, a gallery of its samples, its classes, and how far its scores can be trusted.

import { fill, h, pause } from "../dom.js";
import { Gallery } from "../gallery/gallery.js";
import { Selection } from "../gallery/selection.js";
import { get, path } from "../http.js";
import { kept } from "../parts/listed.js";
import { Precision } from "../parts/precision.js";
import { empty, problem } from "../parts/problem.js";
import { described, head, load, noScores } from "../parts/study_head.js";
import { Choices } from "../study/choices.js";
import { drawClasses } from "../study/class_table.js";
import { confusion } from "../study/confusion.js";
import { downloads } from "../study/downloads.js";
import { listFields, matchingText, rangeFields } from "../study/filters.js";
import { drawFindings } from "../study/findings.js";
import { Histogram } from "../study/histogram.js";
import { drawPrivacy } from "../study/privacy_panel.js";
import { followJobs } from "../study/progress.js";
import { QualityPanel } from "../study/quality_panel.js";
import { columnRanges } from "../study/ranges.js";
import { removal } from "../study/removal.js";
import { TwoColumns } from "../study/two_columns.js";
import { warnings } from "../study/warnings.js";
import { cardWidth, workbench } from "../study/workbench.js";

/** @import { Classes, DatasetDetail, Decisions, Duplicates, Findings, Quality, Risks, Scores, StudyMessage, Suspects } from "../api.js" */
/** @import { Finding } from "../study/findings.js" */
/** @import { Decided, Loaded, Page } from "../types.js" */

const SOON_SEARCHED = 10_000; // samples, up to which copies are looked for unasked
const PATIENCE_MILLISECONDS = 1500; // that the rest waits for the first images

/** @param {Page} page */
export async function show(page) {
  page.title(page.params.study);
  const choices = new Choices(page);
  const known = load(page);
  known.catch(() => {}); // awaited below
  const list = new StudyList(page, choices, known); // asks at once
  const { study, dataset } = await known;
  if (study.table) new StudyView(page, { choices, list, study, dataset }).start();
  else wait(page, study, dataset);
}

/**
 * A study without scores, until it has some.
 * @param {Page} page
 * @param {StudyMessage} study
 * @param {DatasetDetail} dataset
 */
function wait(page, study, dataset) {
  const job = h("div", { "data-part": "job" });
  fill(page.main, head(study, dataset, "scores"), job, h("section", {}, noScores(study)), removal(page, study));
  /** @type {StudyView | null} */
  let view = null;
  followJobs(page, job, study, (now) => {
    if (view) return view.renew(now);
    const choices = new Choices(page);
    const list = new StudyList(page, choices, Promise.resolve({ study: now, dataset }));
    view = new StudyView(page, { choices, list, study: now, dataset, job });
    view.start();
    return undefined;
  });
}

/** The gallery of a page; what it says goes to the listeners once there are any. */
class StudyList {
  gallery;
  selection = new Selection();
  /** The list of suspected label errors, with what the service notes on it. @type {Suspects | null} */
  suspects = null;
  /** By sample. @type {Map<number, Decided>} */
  #decided = new Map();
  noted = () => {};
  renewed = () => {};
  /** @type {(matching: number | null) => void} */
  counted = () => {};

  /**
   * @param {Page} page
   * @param {Choices} choices
   * @param {Promise<Loaded>} study
   */
  constructor(page, choices, study) {
    const root = path`/v1/studies/${page.params.study}`;
    let decided = decisions(root, page.signal);
    this.judged = () => {
      decided = decisions(root, page.signal);
      this.gallery.restart();
    };
    this.gallery = new Gallery(page, {
      study,
      ask: async (offset, limit, signal) => {
        const { list, query } = choices.call;
        /** @type {Scores | Suspects} */
        const answer = await get(`${root}/${list}`, { ...query, offset, limit }, { signal });
        this.#decided = await decided;
        this.suspects = "note" in answer ? answer : null;
        this.noted();
        return answer;
      },
      cardWidth: cardWidth(),
      selection: this.selection,
      listed: (position) => kept(choices, position),
      decided: (index) => this.#decided.get(index) ?? null,
      counted: (matching) => this.counted(matching),
      renewed: () => this.renewed(),
    });
  }
}

/**
 * What reviewers decide, by sample; nothing where that cannot be had.
 * @param {string} root
 * @param {AbortSignal} signal
 * @returns {Promise<Map<number, Decided>>}
 */
async function decisions(root, signal) {
  try {
    /** @type {Decisions} */
    const { index, decision, label } = await get(`${root}/decisions`, {}, { signal });
    return new Map(index.map((one, place) => [one, { decision: decision[place], label: label[place] }]));
  } catch {
    return new Map(); // the list itself says what is wrong
  }
}

/** @param {string} name */
const placeFor = (name) => h("div", { "data-part": name });

/**
 * A section with a heading of its own.
 * @param {string} id
 * @param {string} title
 * @param {...HTMLElement} children
 */
const section = (id, title, ...children) =>
  h("section", { "aria-labelledby": id }, h("h2", { id }, title), ...children);

/** The whole page. */
class StudyView {
  #choices;
  /** Copies of training samples; null while nobody has looked. @type {number | null} */
  #copies = null;
  /** @type {Findings | null} */
  #found = null;
  #classes = placeFor("class-table");
  #columns;
  #dataset;
  #followed; // its job is followed already
  #gallery;
  #histogram;
  #job;
  /** Marks the chosen class in the table. */
  #mark = () => {};
  #findings = placeFor("findings");
  #page;
  #panel;
  #precision;
  #privacy = placeFor("privacy");
  #quality = placeFor("quality");
  #samples = h("section", { "aria-labelledby": "samples", class: "samples" });
  #study;
  #warned;

  /**
   * `job`: where the study's job is shown already.
   * @param {Page} page
   * @param {Loaded & { choices: Choices, list: StudyList, job?: HTMLElement }} options
   */
  constructor(page, { choices, list, study, dataset, job }) {
    this.#page = page;
    this.#choices = choices;
    this.#study = study;
    this.#dataset = dataset;
    this.#gallery = list.gallery;
    this.#followed = job !== undefined;
    this.#job = job ?? placeFor("job");
    this.#warned = h("div", {}, warnings(study));
    this.#panel = new QualityPanel(this.#quality, page.signal);
    this.#precision = new Precision(page.signal, "What more trials would bring");
    const matching = matchingText(dataset.train_samples);
    const note = this.#note(list);
    list.counted = (count) => matching.show(count, list.suspects?.suspected ?? null);
    list.renewed = () => this.#askAgain();
    choices.listeners.push(() => this.#gallery.restart());
    const bars = placeFor("histogram");
    this.#histogram = new Histogram(page, bars, study, dataset, choices);
    this.#columns = new TwoColumns(page, study, choices, () => this.#showSamples());
    fill(
      page.main,
      head(study, dataset, "scores"),
      this.#job,
      this.#findings,
      this.#warned,
      section(
        "distribution",
        "Distribution of mem",
        legend(),
        bars,
        h("div", { class: "controls" }, this.#histogram.answers, rangeFields(page, choices)),
        this.#columns.element,
      ),
      fill(
        this.#samples,
        h("div", { class: "row spread" }, h("h2", { id: "samples" }, "Training samples"), matching.element),
        h("div", { class: "controls" }, listFields(dataset, choices), columnRanges(choices)),
        workbench(
          page,
          { study, dataset },
          {
            gallery: this.#gallery,
            selection: list.selection,
            judged: list.judged,
            choices,
            root: path`/v1/studies/${study.name}`,
          },
        ),
        note,
        this.#gallery.attach(study, dataset, noMatch(choices)),
      ),
      section("classes", "Class by class", this.#classes),
      section("quality", "How far to trust the scores", this.#quality),
      this.#precision.element,
      section("privacy", "Privacy of whole models", this.#privacy),
      downloads(study),
      removal(page, study),
    );
    this.#drawFindings();
    this.#gallery.settle();
    choices.listeners.push(() => this.#mark());
  }

  /** Ask for everything beside the gallery: what is in view first. */
  start() {
    this.#histogram.refresh();
    this.#askFindings();
    this.#askClasses();
    const patience = pause(PATIENCE_MILLISECONDS, this.#page.signal);
    Promise.race([this.#gallery.first, patience])
      .then(() => {
        this.#askQuality();
        this.#precision.ask(this.#study.name);
        this.#askPrivacy();
        this.#askCopies();
        if (!this.#followed) followJobs(this.#page, this.#job, this.#study, (study) => this.renew(study));
      })
      .catch(() => {}); // the view was left
  }

  /**
   * Newer scores: everything is asked for again, in place.
   * @param {StudyMessage} study
   */
  async renew(study) {
    this.#study = study;
    const about = this.#page.main.querySelector('[data-part="described"]');
    if (about) about.textContent = described(study, this.#dataset);
    fill(this.#warned, warnings(study));
    this.#gallery.renew(study.table?.digest);
    await Promise.all([
      this.#histogram.refresh(),
      this.#askFindings(),
      this.#askClasses(),
      this.#askQuality(),
      this.#precision.ask(study.name),
      this.#askPrivacy(),
    ]);
  }

  /** The gallery has seen newer scores. */
  async #askAgain() {
    const { signal } = this.#page;
    try {
      await this.renew(await get(path`/v1/studies/${this.#study.name}`, {}, { signal }));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** @param {StudyList} list */
  #note(list) {
    const note = h("p", { class: "notice" });
    const pairs = h("details", { "data-part": "confusion" });
    const place = h("div", { hidden: true }, note, pairs);
    list.noted = () => {
      const { suspects } = list;
      place.hidden = suspects === null;
      if (!suspects) return;
      note.textContent = suspects.note;
      const open = confusion(this.#dataset, suspects);
      pairs.hidden = open.length === 0;
      fill(pairs, open);
    };
    list.noted();
    return place;
  }

  /** @returns {Promise<void>} */
  async #askFindings() {
    const { signal } = this.#page;
    try {
      this.#found = await get(path`/v1/studies/${this.#study.name}/findings`, {}, { signal });
      this.#drawFindings();
    } catch (error) {
      const retry = () => this.#askFindings();
      if (!signal.aborted) fill(this.#findings, problem(error, { retry, compact: true }));
    }
  }

  #drawFindings() {
    const [study, dataset, found, copies] = [this.#study, this.#dataset, this.#found, this.#copies];
    drawFindings(this.#findings, { study, dataset, found, copies, show: (chosen) => this.#show(chosen) });
  }

  /** Look for copies where that takes a moment. */
  async #askCopies() {
    const { signal } = this.#page;
    if (this.#dataset.train_samples + this.#dataset.test_samples > SOON_SEARCHED) return;
    try {
      /** @type {Duplicates} */
      const found = await get(path`/v1/studies/${this.#study.name}/duplicates`, { limit: 1 }, { signal });
      this.#copies = found.matching;
      this.#drawFindings();
    } catch {
      // the page of duplicates says why
    }
  }

  /** @returns {Promise<void>} */
  async #askClasses() {
    const [study, choices] = [this.#study, this.#choices];
    const { signal } = this.#page;
    try {
      /** @type {Classes} */
      const { classes } = await get(path`/v1/studies/${study.name}/classes`, {}, { signal });
      const choose = (/** @type {number} */ label) => this.#choose(label);
      this.#mark = drawClasses(this.#page, this.#classes, study, classes, choices, choose);
    } catch (error) {
      const retry = () => this.#askClasses();
      if (!signal.aborted) fill(this.#classes, problem(error, { retry, compact: true }));
    }
  }

  /** @returns {Promise<void>} */
  async #askQuality() {
    const { signal } = this.#page;
    try {
      /** @type {Quality} */
      const quality = await get(path`/v1/studies/${this.#study.name}/quality`, {}, { signal });
      this.#panel.show(quality);
    } catch (error) {
      const retry = () => this.#askQuality();
      if (!signal.aborted) fill(this.#quality, problem(error, { retry, compact: true }));
    }
  }

  /** @returns {Promise<void>} */
  async #askPrivacy() {
    const { signal } = this.#page;
    try {
      /** @type {Risks} */
      const risks = await get(path`/v1/studies/${this.#study.name}/risk`, { limit: 1 }, { signal });
      drawPrivacy(this.#privacy, risks);
    } catch (error) {
      const retry = () => this.#askPrivacy();
      if (!signal.aborted) fill(this.#privacy, problem(error, { retry, compact: true }));
    }
  }

  /**
   * Show what a finding counts.
   * @param {Finding} finding
   */
  #show({ choose, section: id }) {
    if (id) document.getElementById(id)?.scrollIntoView({ block: "start" });
    if (!choose) return;
    this.#choices.change({ label: null, set: null, review: null, mem_min: null, mem_max: null, ...choose });
    this.#showSamples();
  }

  /**
   * Show the samples of a class.
   * @param {number} label
   */
  #choose(label) {
    this.#choices.change({ label });
    this.#showSamples();
  }

  #showSamples() {
    this.#samples.scrollIntoView({ block: "start" });
    this.#gallery.focus();
  }
}

/** @param {Choices} choices */
function noMatch(choices) {
  const clear = h("button", { type: "button", on: { click: () => choices.clear() } }, "Clear all filters");
  const advice = h("p", {}, "Widen the range of mem, or choose another class, list or review.");
  return empty("No sample matches", advice, h("p", {}, clear));
}

function legend() {
  const kinds = [
    ["typical", "typical"],
    ["between", "in between"],
    ["atypical", "atypical"],
  ];
  return h(
    "ul",
    { class: "legend" },
    kinds.map(([kind, text]) => h("li", {}, h("i", { class: kind, "aria-hidden": "true" }), text)),
  );
}
