// The form of a new job, from which the body of POST /v1/jobs is read.

import { h } from "../dom.js";
import { counted, whole } from "../format.js";
import { choice, Fields, number } from "./fields.js";
import { RecipeField } from "./recipe_field.js";

/** @import { DatasetMessage, Design, NamedRecipe, Recipe } from "../api.js" */

const DEFAULTS = { trials: 200, standard_error: 0.05, settled_at: 0.15, share: 0.95, max_trials: 2000, full_trials: 5 };

/**
 * What the form begins with, each if there is one.
 * @typedef {{
 *   dataset?: string | null,
 *   recipe?: string | Recipe | null,
 *   trials?: string,
 *   name?: string,
 *   design?: Design | null,
 * }} Given
 */

/** @param {Record<string, unknown>} properties */
const numeric = (properties) => h("input", { type: "number", ...properties });

export class JobForm {
  fields = new Fields();
  #about = h("span", {});
  #chosen; // else the recipe follows the dataset
  #dataset;
  #datasets;
  #design;
  #further;
  #recipe;
  #recipes;
  #target;

  /**
   * `changed` is called after each change.
   * @param {{ datasets: DatasetMessage[], recipes: NamedRecipe[], given: Given, changed: () => void }} options
   */
  constructor({ datasets, recipes, given, changed }) {
    this.#datasets = datasets;
    this.#recipes = recipes;
    const names = datasets.map(({ name }) => name);
    this.#dataset = choice(
      names.map((name) => [name, name]),
      given.dataset && names.includes(given.dataset) ? given.dataset : names[0],
    );
    const { recipe } = given;
    const known = recipe && (typeof recipe === "object" || recipes.some(({ name }) => name === recipe)) ? recipe : null;
    this.#chosen = known !== null;
    this.#recipe = new RecipeField(this.fields, recipes, known ?? this.#fitting(), changed);
    this.#design = new DesignFields(this.fields, given.design ?? {});
    this.#target = new TargetFields(this.fields, given.trials);
    this.#further = new FurtherFields(this.fields, given.name);
    this.#dataset.addEventListener("change", () => {
      if (!this.#chosen) this.#recipe.choose(this.#fitting());
      this.#describe();
    });
    this.#recipe.select.addEventListener("change", () => {
      this.#chosen = true;
    });
    this.element = h(
      "div",
      {},
      this.fields.field("body/dataset", "Dataset", this.#dataset, this.#about),
      this.#recipe.element,
      this.#target.element,
      this.#design.element,
      this.#further.element,
    );
    this.element.addEventListener("input", changed);
    this.element.addEventListener("change", changed);
    this.#describe();
  }

  /** The recipe whose name begins as a dataset's does; the first for a dataset of which none does. */
  #fitting() {
    const found = this.#recipes.find(({ name }) => this.#dataset.value.startsWith(name.split("-")[0]));
    return (found ?? this.#recipes[0]).name;
  }

  #describe() {
    const dataset = this.#datasets.find(({ name }) => name === this.#dataset.value);
    if (!dataset) return;
    const { train_samples: train, test_samples: test, image_shape: shape, class_names: classes } = dataset;
    const images = dataset.kind === "images";
    const noun = images ? "test image" : "test sample";
    const shaped = images ? shape.join(" × ") : counted(shape[0], "feature");
    const samples = `${whole(train)} training and ${test ? counted(test, noun) : `no ${noun}s`} of ${shaped}`;
    this.#about.textContent = `${samples}, ${counted(classes.length, "class", "classes")}`;
  }

  /** Fields of the target that are empty, as a problem names them. */
  missing() {
    return this.#target.missing();
  }

  /** The body of the request. Throws SyntaxError where the recipe is no JSON. */
  body() {
    return {
      dataset: this.#dataset.value,
      recipe: this.#recipe.value(),
      design: this.#design.value(),
      target: this.#target.value(),
      ...this.#further.values(),
    };
  }

  /** What of it is kept in the address. */
  kept() {
    return {
      dataset: this.#dataset.value,
      recipe: this.#chosen ? this.#recipe.name : null,
      trials: this.#target.precise ? null : this.#target.trials,
    };
  }
}

/** What each model trains on. */
class DesignFields {
  #kind;
  #ratio;
  #seed;

  /**
   * @param {Fields} fields
   * @param {Partial<Design>} design
   */
  constructor(fields, { kind = "balanced", subset_ratio: ratio = 0.7, seed = 0 }) {
    /** @type {[string, string][]} */
    const kinds = [
      ["balanced", "balanced"],
      ["uniform", "uniform"],
    ];
    this.#kind = choice(kinds, kind);
    this.#ratio = numeric({ step: "any", value: ratio });
    this.#seed = numeric({ step: "1", value: seed });
    const hints = {
      ratio: "Share of the samples in each subset. Balanced: 0.1, 0.2 … 0.9.",
      kind: "Balanced leaves each sample out equally often; uniform draws at random.",
      seed: "A different seed makes a different study, with its own trials.",
    };
    this.element = fields.group(
      "body/design",
      "Design: the subset each model trains on",
      h(
        "div",
        { class: "trio" },
        fields.field("body/design/subset_ratio", "Subset ratio", this.#ratio, hints.ratio),
        fields.field("body/design/kind", "Kind", this.#kind, hints.kind),
        fields.field("body/design/seed", "Seed", this.#seed, hints.seed),
      ),
    );
  }

  value() {
    return { kind: this.#kind.value, subset_ratio: number(this.#ratio), seed: number(this.#seed) };
  }
}

/** How far the job goes: a number of trials, or a precision. */
class TargetFields {
  #precision = h("input", { type: "radio", name: "target", value: "precision" });
  #limit = numeric({ step: "any", value: DEFAULTS.standard_error });
  #measure = choice(
    [
      ["standard_error", "the standard error of mem is at most"],
      ["settled_at", "the interval is on one side of mem"],
    ],
    "standard_error",
  );
  #most = numeric({ step: "10", value: DEFAULTS.max_trials });
  #share = numeric({ step: "any", value: DEFAULTS.share });
  #trials;

  /**
   * @param {Fields} fields
   * @param {string | undefined} trials
   */
  constructor(fields, trials) {
    this.#trials = numeric({ step: "10", value: trials ?? DEFAULTS.trials });
    const byTrials = h("input", { type: "radio", name: "target", value: "trials", checked: true });
    const limit = fields.field("body/target/standard_error", "Value", this.#limit);
    fields.also("body/target/settled_at", "body/target/standard_error");
    const hint = "Models trained on subsets, in whole blocks of 10.";
    const title = "Trials of the study";
    const counted = h("div", {}, fields.field("body/target/trials", title, this.#trials, hint));
    const precise = h(
      "div",
      {},
      h("div", { class: "field" }, h("label", { for: "measure" }, "Until"), this.#measure),
      limit,
      fields.field("body/target/share", "For this share of the samples", this.#share),
      fields.field("body/target/max_trials", "Maximum number of trials", this.#most),
    );
    this.#measure.id = "measure";
    const draw = () => {
      counted.hidden = this.precise;
      precise.hidden = !this.precise;
    };
    this.#measure.addEventListener("change", () => {
      const { standard_error: error, settled_at: settled } = DEFAULTS;
      this.#limit.value = String(this.#measure.value === "settled_at" ? settled : error);
    });
    const radios = h(
      "div",
      { class: "row radios" },
      h("label", {}, byTrials, "A number of trials"),
      h("label", {}, this.#precision, "A precision"),
    );
    radios.addEventListener("change", draw);
    draw();
    this.element = fields.group("body/target", "Target: when the job is done", radios, counted, precise);
  }

  get precise() {
    return this.#precision.checked;
  }

  get trials() {
    return this.#trials.value;
  }

  /** Fields that are empty, as a problem names them. */
  missing() {
    /** @type {[string, HTMLInputElement][]} */
    const precision = [
      [this.#measure.value, this.#limit],
      ["share", this.#share],
      ["max_trials", this.#most],
    ];
    /** @type {[string, HTMLInputElement][]} */
    const needed = this.precise ? precision : [["trials", this.#trials]];
    const empty = needed.filter(([, input]) => input.value === "");
    return empty.map(([name]) => ({ pointer: `body/target/${name}`, message: "give a number" }));
  }

  value() {
    if (!this.precise) return { trials: number(this.#trials) };
    return {
      [this.#measure.value]: number(this.#limit),
      share: number(this.#share),
      max_trials: number(this.#most),
    };
  }
}

/** The study's name, and what most jobs leave as it is. */
class FurtherFields {
  #full = numeric({ step: "1", value: DEFAULTS.full_trials });
  #name;
  #pairs = choice(
    [
      ["same_class", "of the same class"],
      ["all", "of all classes"],
    ],
    "same_class",
  );
  #evidence = choice(
    [
      ["margins", "margins and predicted classes"],
      ["bits", "only whether predictions are correct"],
    ],
    "margins",
  );
  #probabilities = h("input", { type: "checkbox" });
  #time = numeric({ step: "any", placeholder: "none" });

  /**
   * @param {Fields} fields
   * @param {string | undefined} name
   */
  constructor(fields, name) {
    this.#name = h("input", {
      type: "text",
      value: name ?? "",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "chosen automatically",
    });
    const hints = {
      name: "A name to find the study by.",
      full: "Models trained on all samples; typical test samples need them.",
      time: "The job stops then and can be resumed.",
    };
    const pairs = "Search for high influence in pairs";
    this.element = h(
      "div",
      {},
      fields.field("body/study_name", "Name of the study", this.#name, hints.name),
      h(
        "details",
        { class: "further" },
        h("summary", {}, "More options"),
        fields.field("body/full_trials", "Full trials", this.#full, hints.full),
        fields.field("body/pairs", pairs, this.#pairs, "All classes take longer to search."),
        fields.field("body/time_limit_seconds", "Time limit in hours", this.#time, hints.time),
        fields.field("body/evidence", "Trials record", this.#evidence, "Margins settle scores with fewer trials."),
        h("label", {}, this.#probabilities, "Record the probability of the true class too"),
      ),
    );
  }

  values() {
    const name = this.#name.value.trim();
    const hours = number(this.#time);
    return {
      full_trials: number(this.#full),
      pairs: this.#pairs.value,
      evidence: this.#evidence.value,
      probabilities: this.#probabilities.checked,
      ...(name && { study_name: name }),
      ...(hours !== null && { time_limit_seconds: 3600 * hours }),
    };
  }
}
