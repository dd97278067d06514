// The form of a new job, from which the body of POST /v1/jobs is read.

import { h } from "../dom.js";
import { whole } from "../format.js";
import { choice, Fields, number } from "./fields.js";
import { RecipeField } from "./recipe_field.js";

const DEFAULTS = { trials: 200, standard_error: 0.05, settled_at: 0.15, share: 0.95, max_trials: 2000, full_trials: 5 };

/** `given`: dataset, recipe, trials, name and design to begin with, each if there is one. `changed` is told of changes. */
export class JobForm {
  constructor({ datasets, recipes, given, changed }) {
    Object.assign(this, { datasets, recipes, fields: new Fields() });
    const names = datasets.map(({ name }) => name);
    const dataset = names.includes(given.dataset) ? given.dataset : names[0];
    this.dataset = choice(
      names.map((name) => [name, name]),
      dataset,
    );
    this.about = h("span", {});
    const known =
      (given.recipe !== null && typeof given.recipe === "object") || recipes.some(({ name }) => name === given.recipe);
    this.recipe = new RecipeField(this.fields, recipes, known ? given.recipe : this.fitting(), changed);
    this.chosen = known; // else the recipe follows the dataset
    this.makeDesign(given.design ?? {});
    this.makeTarget(given.trials);
    this.makeRest(given.name);
    this.dataset.addEventListener("change", () => {
      if (!this.chosen) this.recipe.choose(this.fitting());
      this.describe();
    });
    this.recipe.select.addEventListener("change", () => (this.chosen = true));
    this.element = h(
      "div",
      {},
      this.fields.field("body/dataset", "Dataset", this.dataset, this.about),
      this.recipe.element,
      this.targetGroup,
      this.designGroup,
      this.rest,
    );
    this.element.addEventListener("input", changed);
    this.element.addEventListener("change", changed);
    this.describe();
  }

  /** The recipe whose name begins as a dataset's does; the first for a dataset of which none does. */
  fitting() {
    const found = this.recipes.find(({ name }) => this.dataset.value.startsWith(name.split("-")[0]));
    return (found ?? this.recipes[0]).name;
  }

  describe() {
    const {
      train_samples: train,
      test_samples: test,
      image_shape: shape,
      class_names: classes,
    } = this.datasets.find(({ name }) => name === this.dataset.value);
    this.about.textContent = `${whole(train)} training and ${whole(test)} test images of ${shape.join(" × ")}, ${classes.length} classes`;
  }

  makeDesign({ kind = "balanced", subset_ratio: ratio = 0.7, seed = 0 }) {
    this.kind = choice(
      [
        ["balanced", "balanced"],
        ["uniform", "uniform"],
      ],
      kind,
    );
    this.ratio = h("input", { type: "number", step: "any", value: ratio });
    this.seed = h("input", { type: "number", step: "1", value: seed });
    this.designGroup = this.fields.group(
      "body/design",
      "Design: what each model trains on",
      h(
        "div",
        { class: "trio" },
        this.fields.field(
          "body/design/subset_ratio",
          "Subset ratio",
          this.ratio,
          "Share of the samples. Balanced: 0.1, 0.2 … 0.9.",
        ),
        this.fields.field(
          "body/design/kind",
          "Kind",
          this.kind,
          "Balanced leaves each sample out equally often; uniform draws at random.",
        ),
        this.fields.field("body/design/seed", "Seed", this.seed, "Another seed is another study, with its own trials."),
      ),
    );
  }

  /** Fields of the target that are empty, as a problem names them. */
  missing() {
    const needed = this.precise
      ? [
          [this.measure.value, this.limit],
          ["share", this.share],
          ["max_trials", this.most],
        ]
      : [["trials", this.trials]];
    return needed
      .filter(([, input]) => input.value === "")
      .map(([name]) => ({ pointer: `body/target/${name}`, message: "give a number" }));
  }

  makeTarget(trials) {
    this.trials = h("input", { type: "number", step: "10", value: trials ?? DEFAULTS.trials });
    this.measure = choice(
      [
        ["standard_error", "the standard error of mem is at most"],
        ["settled_at", "the interval lies on one side of mem"],
      ],
      "standard_error",
    );
    this.limit = h("input", { type: "number", step: "any", value: DEFAULTS.standard_error });
    this.share = h("input", { type: "number", step: "any", value: DEFAULTS.share });
    this.most = h("input", { type: "number", step: "10", value: DEFAULTS.max_trials });
    const radio = (value, text, checked) =>
      h("label", {}, h("input", { type: "radio", name: "target", value, checked }), text);
    this.byPrecision = radio("precision", "A precision", false);
    const limit = this.fields.field("body/target/standard_error", "Value", this.limit);
    this.fields.also("body/target/settled_at", "body/target/standard_error");
    const counted = h(
      "div",
      {},
      this.fields.field(
        "body/target/trials",
        "Trials the study is to have",
        this.trials,
        "Models trained on subsets. In whole blocks of 10.",
      ),
    );
    const precise = h(
      "div",
      {},
      h("div", { class: "field" }, h("label", { for: "measure" }, "Until"), this.measure),
      limit,
      this.fields.field("body/target/share", "For this share of the samples", this.share),
      this.fields.field("body/target/max_trials", "In at most so many trials", this.most),
    );
    this.measure.id = "measure";
    const draw = () => {
      counted.hidden = this.precise;
      precise.hidden = !this.precise;
    };
    this.measure.addEventListener("change", () => (this.limit.value = DEFAULTS[this.measure.value]));
    const radios = h("div", { class: "row radios" }, radio("trials", "A number of trials", true), this.byPrecision);
    radios.addEventListener("change", draw);
    draw();
    this.targetGroup = this.fields.group("body/target", "Target: how far the job goes", radios, counted, precise);
  }

  makeRest(name) {
    this.name = h("input", {
      type: "text",
      value: name ?? "",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "found by itself",
    });
    this.full = h("input", { type: "number", step: "1", value: DEFAULTS.full_trials });
    this.pairs = choice(
      [
        ["same_class", "of the same class"],
        ["all", "of all classes"],
      ],
      "same_class",
    );
    this.probabilities = h("input", { type: "checkbox" });
    this.time = h("input", { type: "number", step: "any", placeholder: "none" });
    this.rest = h(
      "div",
      {},
      this.fields.field(
        "body/study_name",
        "Name of the study",
        this.name,
        "A name that it may be found by. It stays once given.",
      ),
      h(
        "details",
        { class: "further" },
        h("summary", {}, "Further choices"),
        this.fields.field(
          "body/full_trials",
          "Full trials",
          this.full,
          "Models trained on all samples, for what typical test samples need.",
        ),
        this.fields.field(
          "body/pairs",
          "Pairs to look for high influence in",
          this.pairs,
          "All classes take longer to search.",
        ),
        this.fields.field(
          "body/time_limit_seconds",
          "Time limit in hours",
          this.time,
          "The job then stops, and can be resumed.",
        ),
        h("label", {}, this.probabilities, "Record the probability of the true class too"),
      ),
    );
  }

  get precise() {
    return this.byPrecision.firstChild.checked;
  }

  /** The body of the request. Throws SyntaxError where the recipe is no JSON. */
  body() {
    const precision = () => ({
      [this.measure.value]: number(this.limit),
      share: number(this.share),
      max_trials: number(this.most),
    });
    const body = {
      dataset: this.dataset.value,
      recipe: this.recipe.value(),
      design: { kind: this.kind.value, subset_ratio: number(this.ratio), seed: number(this.seed) },
      target: this.precise ? precision() : { trials: number(this.trials) },
      full_trials: number(this.full),
      pairs: this.pairs.value,
      probabilities: this.probabilities.checked,
    };
    if (this.name.value.trim()) body.study_name = this.name.value.trim();
    if (this.time.value !== "") body.time_limit_seconds = 3600 * number(this.time);
    return body;
  }

  /** What of it is kept in the address. */
  kept() {
    return {
      dataset: this.dataset.value,
      recipe: this.chosen ? this.recipe.name : null,
      trials: this.precise ? null : this.trials.value,
    };
  }
}
