// The recipe of a new job: one by its name, with its fields shown, or the reader's own as JSON.

import { fill, h } from "../dom.js";
import { choice } from "./fields.js";

/** @import { NamedRecipe, Recipe } from "../api.js" */
/** @import { Fields } from "./fields.js" */

const OWN = ""; // in the select, beside the names

/** `recipes`: as the service lists them; `value`: a name, or a recipe. */
export class RecipeField {
  #changed;
  #json;
  #recipes;
  #shown = h("div", { class: "recipe" });
  #text;

  /**
   * @param {Fields} fields
   * @param {NamedRecipe[]} recipes
   * @param {string | Recipe} value
   * @param {() => void} changed
   */
  constructor(fields, recipes, value, changed) {
    this.#changed = changed;
    this.#recipes = new Map(recipes.map(({ name, recipe }) => [name, recipe]));
    const named = typeof value === "string" ? value : OWN;
    /** @type {[string, string][]} */
    const options = recipes.map(({ name }) => [name, name]);
    this.select = choice([...options, [OWN, "custom, as JSON"]], named);
    this.#text = h("textarea", { rows: 12, spellcheck: "false", value: named === OWN ? written(value) : "" });
    this.#text.id = "recipe-json";
    this.#text.setAttribute("aria-describedby", "body-recipe-wrong");
    const label = h("label", { for: "recipe-json" }, "Recipe as JSON");
    this.#json = h("div", { class: "field" }, label, this.#text);
    const title = "Recipe: how each model is trained";
    const field = fields.field("body/recipe", title, this.select, "A different recipe makes a different study.");
    this.element = h("div", {}, field, this.#shown, this.#json);
    this.select.addEventListener("change", () => {
      if (this.select.value === OWN && !this.#text.value) this.#text.value = written([...this.#recipes.values()][0]);
      this.#draw();
      changed();
    });
    this.#text.addEventListener("input", changed);
    this.#draw();
  }

  /** The name that is chosen; null for a recipe of the reader's own. */
  get name() {
    return this.select.value === OWN ? null : this.select.value;
  }

  /** What to send. Throws SyntaxError where the JSON is none. */
  value() {
    return this.name ?? JSON.parse(this.#text.value);
  }

  /** @param {string} name */
  choose(name) {
    this.select.value = name;
    this.#draw();
  }

  /** Edit the recipe that is chosen. @param {Recipe} recipe */
  #own(recipe) {
    this.#text.value = written(recipe);
    this.select.value = OWN;
    this.#draw();
    this.#text.focus();
    this.#changed();
  }

  #draw() {
    const recipe = this.#recipes.get(this.name ?? OWN);
    this.#json.hidden = recipe !== undefined;
    if (!recipe) {
      fill(this.#shown);
      return;
    }
    const click = () => this.#own(recipe);
    fill(this.#shown, list(recipe), h("button", { type: "button", class: "small", on: { click } }, "Edit as JSON"));
  }
}

/** @param {string | Recipe} recipe */
const written = (recipe) => JSON.stringify(recipe, null, 1);

/** @param {Recipe} recipe */
function list(recipe) {
  const entries = Object.entries(recipe).filter(([, value]) => !empty(value));
  return h(
    "dl",
    {},
    entries.map(([name, value]) => h("div", {}, h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, text(value)))),
  );
}

/**
 * Whether a value says nothing: no option, no crop, no warm-up.
 * @param {unknown} value
 */
const empty = (value) =>
  value === 0 || value === false || (typeof value === "object" && value !== null && !Object.keys(value).length);

/** @param {unknown} value */
function text(value) {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "object" && value !== null) {
    return Object.entries(value)
      .map(([name, one]) => `${name} ${one}`)
      .join(", ");
  }
  return value === true ? "yes" : String(value);
}
