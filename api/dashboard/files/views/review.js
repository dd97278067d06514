// Review: one suspicious sample at a time, with what models say of its label, and keys for a verdict on it.

import { fill, h, put, say } from "../dom.js";
import { className, counted, fixed, percent, whole } from "../format.js";
import { address, get, Problem, path, send } from "../http.js";
import { about, nearest } from "../parts/about_sample.js";
import { actionButton } from "../parts/act.js";
import { copyable } from "../parts/copy.js";
import { quoted, save } from "../parts/csv_file.js";
import { choice } from "../parts/fields.js";
import { empty, problem } from "../parts/problem.js";
import { REMEMBERED, reader } from "../parts/reviewer.js";
import { sampleCard, sampleUrl } from "../parts/sample.js";
import { head, load, noScores } from "../parts/study_head.js";
import { serviceUrl } from "../parts/take_away.js";
import { image } from "../parts/tile.js";
import { session } from "../session.js";

/** @import { Decisions, Review, ReviewCounts, Reviews, SampleScore, Scores, Suspect, Suspects, Verdict } from "../api.js" */
/** @import { Child, Loaded, Page, Query } from "../types.js" */

/** @typedef {{ verdict: Verdict | null, label?: number | null }} Said */

const A_PAGE = 1000; // as many as the service gives at once
const WITHOUT_CUTOFF = 100; // suspects shown where the service knows no cut-off
const TYPICAL = 4;
const ANYBODY = "reviewer";

/** @param {Page} page */
export async function show(page) {
  page.title(`Review of ${page.params.study}`);
  const { study, dataset } = await load(page);
  put(page.main, head(study, dataset, "review", "Review of suspicious labels"));
  if (!study.table) put(page.main, noScores(study));
  else await new ReviewView(page, { study, dataset }).start();
}

class ReviewView {
  #busy = false;
  #counts = h("p", { class: "soft", "data-part": "counts" });
  #dataset;
  /** What all reviewers say, by sample and reviewer. @type {Map<number, Map<string, Review>>} */
  #given = new Map();
  #note = h("p", { class: "soft" });
  #page;
  #place = 0;
  #progress = h("progress", { "aria-label": "Samples with a verdict of yours" });
  #reviewer = h("input", { type: "text", maxlength: 63, autocomplete: "off", spellcheck: "false" });
  #sample = h("div", { "data-part": "sample" });
  #study;
  /** @type {Suspect[]} */
  #suspects = [];
  #digest = "";
  #done = h("span", { "data-part": "done" });
  #trouble = h("div", {});
  /** Typical samples of a class, each class asked for once. @type {Map<number, Promise<SampleScore[]>>} */
  #typical = new Map();
  /** Places whose verdicts were given here, the newest last. @type {number[]} */
  #history = [];

  /**
   * @param {Page} page
   * @param {Loaded} loaded
   */
  constructor(page, { study, dataset }) {
    this.#page = page;
    this.#study = study;
    this.#dataset = dataset;
    this.#reviewer.value = reader();
    this.#reviewer.disabled = session.name !== null;
    this.#reviewer.addEventListener("input", () => {
      localStorage.setItem(REMEMBERED, this.#name);
      if (this.#suspects.length) this.#draw();
    });
  }

  /** Ask for the suspects and their verdicts, and show the first one without a verdict of this reviewer. */
  async start() {
    const { signal } = this.#page;
    const where = path`/v1/studies/${this.#study.name}`;
    /** @type {[Suspects, void]} */
    const [found] = await Promise.all([get(`${where}/suspects`, { limit: A_PAGE }, { signal }), this.#load()]);
    const { suspected, scores, note } = found;
    this.#suspects = suspected === null ? scores.slice(0, WITHOUT_CUTOFF) : scores.filter((one) => one.suspected);
    this.#digest = found.digest;
    const shown = this.#suspects.length;
    const part = (suspected ?? found.matching) > shown ? ` These are the first ${whole(shown)}.` : "";
    fill(this.#note, note, part);
    if (!this.#suspects.length) {
      const all = address(path`/studies/${this.#study.name}`, { set: "suspects" });
      const link = h("a", { href: all }, "All samples by that probability");
      put(this.#page.main, empty("No suspicious label", h("p", {}, note), h("p", {}, link)));
      return;
    }
    this.#place = this.#next(-1);
    document.addEventListener("keydown", (event) => this.#press(event), { signal });
    const who = h("label", {}, "Reviewer", this.#reviewer);
    put(
      this.#page.main,
      h(
        "section",
        { "aria-label": "Progress", class: "review-progress" },
        this.#progress,
        this.#done,
        who,
        this.#counts,
      ),
      this.#trouble,
      this.#sample,
      this.#note,
      this.#afterwards(),
    );
    this.#draw();
  }

  get #name() {
    return this.#reviewer.value.trim() || ANYBODY;
  }

  /** Ask for all verdicts, page by page. Throws Problem. */
  async #load() {
    /** @type {string | null} */
    let cursor = null;
    do cursor = await this.#look({ limit: A_PAGE, cursor });
    while (cursor !== null);
  }

  /**
   * Ask for a page of verdicts, keep them, and tell what all come to; the cursor of the next one. Throws Problem.
   * @param {Query} query
   */
  async #look(query) {
    const { signal } = this.#page;
    /** @type {Reviews} */
    const found = await get(path`/v1/studies/${this.#study.name}/reviews`, query, { signal });
    for (const one of found.reviews) this.#keep(one);
    this.#tell(found.counts);
    return found.next;
  }

  /** @param {Review} one */
  #keep(one) {
    const of = this.#given.get(one.index) ?? new Map();
    if (one.verdict === null) of.delete(one.reviewer);
    else of.set(one.reviewer, one);
    this.#given.set(one.index, of);
  }

  /** @param {ReviewCounts} counts */
  #tell({ reviewed, relabel, leave_out: out, fine, unsure, disputed }) {
    const parts = [
      relabel && `${whole(relabel)} to relabel`,
      out && `${whole(out)} to leave out`,
      fine && `${whole(fine)} fine`,
      unsure && `${whole(unsure)} unsure`,
      disputed && `${whole(disputed)} disputed`,
    ].filter(Boolean);
    const all = counted(reviewed, "sample");
    fill(
      this.#counts,
      reviewed ? `By all reviewers: ${all}, ${parts.join(", ")}.` : "Nobody has reviewed a sample yet.",
    );
  }

  /** @param {number} place */
  #mine(place) {
    return this.#given.get(this.#suspects[place].index)?.get(this.#name) ?? null;
  }

  /**
   * The next place without a verdict of this reviewer, or the last one.
   * @param {number} from
   */
  #next(from) {
    for (let place = from + 1; place < this.#suspects.length; place += 1) if (!this.#mine(place)) return place;
    return Math.min(Math.max(from + 1, 0), this.#suspects.length - 1);
  }

  #draw() {
    const done = this.#suspects.filter((_, place) => this.#mine(place)).length;
    this.#progress.max = this.#suspects.length;
    this.#progress.value = done;
    fill(this.#done, `${whole(done)} of ${whole(this.#suspects.length)} judged by ${this.#name}`);
    const suspect = this.#suspects[this.#place];
    const mine = this.#mine(this.#place);
    const { index, label, suggested, share } = suspect;
    const name = className(this.#dataset, label);
    const large = image(this.#dataset.name, "train", index, { label: name, scale: 8 });
    large.classList.add("large");
    if (large instanceof HTMLImageElement) large.loading = "eager";
    const others = [...(this.#given.get(index)?.values() ?? [])].filter((one) => one.reviewer !== this.#name);
    const votes =
      suggested === null
        ? "Models that were not trained on it suggest no other class."
        : `Models that were not trained on it say ${className(this.#dataset, suggested)}, with ${percent(share, 0)} of their votes.`;
    const evidence = h("div", { class: "review-evidence" });
    fill(
      this.#sample,
      h(
        "section",
        { class: "sample", "aria-labelledby": "suspect" },
        h("div", {}, large, about(this.#dataset, "train", index)),
        h(
          "div",
          {},
          h(
            "h2",
            { id: "suspect" },
            `${this.#place + 1} of ${this.#suspects.length}: training sample ${index}, labelled ${name}`,
          ),
          h("p", {}, votes),
          h("p", { class: "soft" }, this.#described(suspect)),
          h("p", { "data-part": "mine" }, mine ? `You said: ${this.#words(mine)}.` : "You have not said anything yet."),
          others.length > 0 &&
            h(
              "p",
              { class: "soft" },
              `Others: ${others.map((one) => `${one.reviewer}, ${this.#words(one)}`).join("; ")}.`,
            ),
          this.#buttons(suspect),
          this.#steps(index),
        ),
      ),
      evidence,
    );
    this.#compare(evidence, suspect);
  }

  /** @param {Suspect} suspect */
  #described({ mem, p_out: out, label_error: wrong }) {
    const chance = wrong === null ? "" : `Probability that the label is wrong: ${percent(wrong, 0)}. `;
    return `${chance}mem ${fixed(mem)}; ${percent(out, 0)} of the models that were not trained on it agree with the label.`;
  }

  /** @param {Review} one */
  #words({ verdict, label }) {
    if (verdict !== "error") return verdict === "fine" ? "the label is right" : "unsure";
    return label === null ? "wrong, and no class is right" : `wrong, it is ${className(this.#dataset, label)}`;
  }

  /** @param {Suspect} suspect */
  #buttons({ label, suggested }) {
    /**
     * @param {string} key
     * @param {string} text
     * @param {Said} said
     * @param {boolean} [primary]
     */
    const button = (key, text, said, primary = false) =>
      h(
        "button",
        {
          type: "button",
          "data-key": key,
          "aria-keyshortcuts": key,
          class: primary ? "primary" : undefined,
          disabled: !session.may("write"),
          on: { click: () => this.#say(said) },
        },
        text,
        h("kbd", { "aria-hidden": "true" }, key),
      );
    /** @type {[string, string][]} */
    const classes = this.#dataset.class_names.map((name, number) => [String(number), name]);
    const other = choice([["", "another class …"], ...classes.filter(([number]) => number !== String(label))], "");
    other.setAttribute("aria-label", "Wrong, and another class is right");
    other.setAttribute("data-key", "l");
    other.disabled = !session.may("write");
    other.addEventListener("change", () => other.value && this.#say({ verdict: "error", label: Number(other.value) }));
    const wrong =
      suggested !== null &&
      suggested !== label &&
      button("e", `Wrong: ${className(this.#dataset, suggested)}`, { verdict: "error", label: suggested }, true);
    const readOnly = h("p", { class: "soft" }, "Verdicts need a key with the scope write.");
    return [
      h(
        "div",
        { class: "actions", role: "group", "aria-label": "Your verdict" },
        wrong,
        button("f", `Right: ${className(this.#dataset, label)}`, { verdict: "fine" }),
        button("u", "Unsure", { verdict: "unsure" }),
        button("n", "Wrong: no class", { verdict: "error" }),
        other,
      ),
      !session.may("write") && readOnly,
    ];
  }

  /** @param {number} index */
  #steps(index) {
    /**
     * @param {string} key
     * @param {string} text
     * @param {boolean} possible
     * @param {() => unknown} act
     */
    const step = (key, text, possible, act) =>
      h(
        "button",
        {
          type: "button",
          class: "small",
          "data-key": key,
          "aria-keyshortcuts": key,
          disabled: !possible,
          on: { click: act },
        },
        text,
        h("kbd", { "aria-hidden": "true" }, key),
      );
    const last = this.#suspects.length - 1;
    return h(
      "div",
      { class: "actions", role: "group", "aria-label": "Other samples" },
      step("k", "Before", this.#place > 0, () => this.#go(this.#place - 1)),
      step("j", "Next", this.#place < last, () => this.#go(this.#place + 1)),
      step("z", "Undo", this.#history.length > 0, () => this.#undo()),
      h("a", { href: sampleUrl(this.#study, "train", index) }, "All about this sample"),
    );
  }

  /**
   * Typical samples of the given and of the suggested class, or the nearest ones by feature.
   * @param {HTMLElement} place
   * @param {Suspect} suspect
   */
  async #compare(place, { index, label, suggested }) {
    try {
      const near = await nearest(this.#page, this.#study, this.#dataset, "train", index);
      const wanted = suggested === null || suggested === label ? [label] : [label, suggested];
      const found = await Promise.all(wanted.map((one) => this.#typicalOf(one)));
      const strips = wanted.map((one, number) => {
        const title = `Typical ${className(this.#dataset, one)}`;
        const cards = found[number].map((sample) => sampleCard(this.#study, this.#dataset, "train", sample));
        const none = h("p", { class: "soft" }, "No sample of this class is typical.");
        return h(
          "section",
          { "aria-label": title },
          h("h3", {}, title),
          h("div", { class: "cards strip" }, cards),
          !cards.length && none,
        );
      });
      if (this.#suspects[this.#place].index === index) fill(place, h("div", { class: "columns" }, strips), near);
    } catch (error) {
      if (!this.#page.signal.aborted) fill(place, problem(error, { compact: true }));
    }
  }

  /** @param {number} label */
  #typicalOf(label) {
    const ask = async () => {
      /** @type {Scores} */
      const { scores } = await get(
        path`/v1/studies/${this.#study.name}/scores`,
        { label, set: "typical", sort: "mem", limit: TYPICAL },
        { signal: this.#page.signal },
      );
      return scores;
    };
    const known = this.#typical.get(label) ?? ask();
    this.#typical.set(label, known);
    return known;
  }

  /**
   * Send a verdict on the present sample, and go on to the next one without.
   * @param {Said} said
   */
  async #say(said) {
    const place = this.#place;
    if (await this.#send(place, said)) {
      this.#history.push(place);
      this.#place = this.#next(place);
      this.#draw();
    }
  }

  /** Take the newest verdict that was given here back, and show its sample. */
  async #undo() {
    const place = this.#history.at(-1);
    if (place !== undefined && (await this.#send(place, { verdict: null }))) {
      this.#history.pop();
      this.#go(place);
    }
  }

  /**
   * Whether the service has kept it.
   * @param {number} place
   * @param {Said} said
   */
  async #send(place, { verdict, label = null }) {
    if (this.#busy || !session.may("write")) return false;
    this.#busy = true;
    const { index } = this.#suspects[place];
    const reviewer = session.name === null ? this.#name : null;
    const body = { verdict, label, reviewer, digest: verdict === null ? null : this.#digest };
    try {
      fill(this.#trouble);
      /** @type {Review} */
      const made = await send("PUT", path`/v1/studies/${this.#study.name}/reviews/${index}`, body, {
        signal: this.#page.signal,
      });
      this.#keep(made);
      say(verdict === null ? "Verdict taken back." : `Sample ${index}: ${this.#words(made)}.`);
      await this.#look({ limit: 1 }); // for the counts, which others change too
      return true;
    } catch (error) {
      if (error instanceof Problem || !this.#page.signal.aborted)
        fill(this.#trouble, problem(error, { compact: true }));
      return false;
    } finally {
      this.#busy = false;
    }
  }

  /** @param {number} place */
  #go(place) {
    this.#place = place;
    this.#draw();
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.querySelector("dialog[open]"))
      return;
    if (event.target instanceof Element && event.target.closest("input, select, textarea")) return;
    const control = this.#sample.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (control instanceof HTMLSelectElement) control.focus();
    else if (control instanceof HTMLButtonElement && !control.disabled) control.click();
    else return;
    event.preventDefault();
  }

  /** @returns {Child} */
  #afterwards() {
    const name = this.#study.name;
    const where = `--url ${serviceUrl()}`;
    const trouble = h("div", {});
    const code = [
      "# on the service's machine, which has the images:",
      `memscore review apply ${name} --name ${name}-reviewed`,
      "# anywhere:",
      `memscore review export ${name} --output changes.csv ${where}`,
    ].join("\n");
    return h(
      "section",
      { "aria-labelledby": "afterwards" },
      h("h2", { id: "afterwards" }, "Take the result home"),
      h(
        "p",
        { class: "soft" },
        "What all reviewers agree on becomes a corrected dataset, or a list of changes. Disputed samples stay as they are.",
      ),
      h("p", {}, this.#download(trouble)),
      trouble,
      copyable(code, "commands"),
    );
  }

  /**
   * A button for the list of changes, as `memscore review export` writes it.
   * @param {HTMLElement} trouble
   */
  #download(trouble) {
    const { name } = this.#study;
    const options = { text: "Download the changes (.csv)", action: "download", trouble };
    return actionButton(this.#page, options, async () => {
      /** @type {Decisions} */
      const { index, decision, label } = await get(
        path`/v1/studies/${name}/decisions`,
        {},
        { signal: this.#page.signal },
      );
      const lines = index.flatMap((one, at) => {
        const to = label[at];
        if (decision[at] === "leave_out") return [`${one},`];
        return decision[at] === "relabel" && to !== null ? [`${one},${quoted(this.#dataset.class_names[to])}`] : [];
      });
      save(`${name}.changes.csv`, `${["index,label", ...lines].join("\n")}\n`);
      say(`Downloaded ${counted(lines.length, "change")}`);
    });
  }
}
