// The recipe of a new job: one by its name, with its fields shown, or one's own as JSON.

import { fill, h } from "../dom.js";
import { choice } from "./fields.js";

const OWN = ""; // in the select, beside the names

/** `recipes`: as the service lists them; `value`: a name, or a recipe. */
export class RecipeField {
  constructor(fields, recipes, value, changed) {
    this.recipes = new Map(recipes.map(({ name, recipe }) => [name, recipe]));
    const named = typeof value === "string" ? value : OWN;
    this.select = choice([...recipes.map(({ name }) => [name, name]), [OWN, "one of my own, as JSON"]], named);
    this.text = h("textarea", { rows: 12, spellcheck: "false", value: named === OWN ? written(value) : "" });
    this.shown = h("div", { class: "recipe" });
    this.edit = h("button", { type: "button", class: "small", on: { click: () => this.own() } }, "Edit it as JSON");
    this.named = fields.field(
      "body/recipe",
      "Recipe: how each model is trained",
      this.select,
      "Another recipe is another study.",
    );
    this.json = h("div", { class: "field" }, h("label", { for: "recipe-json" }, "Recipe as JSON"), this.text);
    this.text.id = "recipe-json";
    this.text.setAttribute("aria-describedby", "body-recipe-wrong");
    this.element = h("div", {}, this.named, this.shown, this.json);
    this.select.addEventListener("change", () => {
      if (this.select.value === OWN && !this.text.value) this.text.value = written([...this.recipes.values()][0]);
      this.draw();
      changed();
    });
    this.text.addEventListener("input", changed);
    this.changed = changed;
    this.draw();
  }

  /** The name that is chosen; null for a recipe of one's own. */
  get name() {
    return this.select.value === OWN ? null : this.select.value;
  }

  /** What to send. Throws SyntaxError where the JSON is none. */
  value() {
    return this.name ?? JSON.parse(this.text.value);
  }

  choose(name) {
    this.select.value = name;
    this.draw();
  }

  own() {
    this.text.value = written(this.recipes.get(this.name));
    this.select.value = OWN;
    this.draw();
    this.text.focus();
    this.changed();
  }

  draw() {
    const recipe = this.recipes.get(this.name);
    this.json.hidden = recipe !== undefined;
    fill(this.shown, recipe && [list(recipe), this.edit]);
  }
}

const written = (recipe) => JSON.stringify(recipe, null, 1);

function list(recipe) {
  const entries = Object.entries(recipe).filter(([name, value]) => !empty(name, value));
  return h(
    "dl",
    {},
    entries.map(([name, value]) => h("div", {}, h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, told(value)))),
  );
}

/** Whether a value says nothing: no option, no crop, no warm-up. */
const empty = (name, value) =>
  value === 0 || value === false || (typeof value === "object" && !Object.keys(value).length);

function told(value) {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "object")
    return Object.entries(value)
      .map(([name, one]) => `${name} ${one}`)
      .join(", ");
  return value === true ? "yes" : String(value);
}
