// A new job: what it is to bring a study to, and what that would cost, before it is sent.

import { debounce, fill, focusIn, h, put } from "../dom.js";
import { address, get, Problem, path, send } from "../http.js";
import { copyable } from "../parts/copy.js";
import { JobForm } from "../parts/job_form.js";
import { planned } from "../parts/plan.js";
import { empty, problem, sentence } from "../parts/problem.js";
import { keepNotes } from "../parts/said_of_jobs.js";
import { session } from "../session.js";

/** @import { DatasetMessage, Datasets, FieldError, JobMessage, NamedRecipe } from "../api.js" */
/** @import { Plan, Recipes, StudyMessage } from "../api.js" */
/** @import { Given } from "../parts/job_form.js" */
/** @import { Page } from "../types.js" */

const INVALID = '[aria-invalid="true"]';
const CALM_MILLISECONDS = 300; // after the last change, before a plan is asked for

/** @param {Page} page */
export async function show(page) {
  page.title("New job");
  put(page.main, h("p", { class: "crumbs" }, h("a", { href: address("/jobs") }, "Jobs")), h("h1", {}, "New job"));
  if (!session.may("write")) {
    const advice = "Starting a job needs a key with the scope write; ask the service's administrator for one.";
    put(page.main, empty("This key can only read", h("p", {}, advice)));
    return;
  }
  /** @type {[Datasets, Recipes, Given]} */
  const [{ datasets }, { recipes }, given] = await Promise.all([
    get("/v1/datasets", { limit: 1000 }, { signal: page.signal }),
    get("/v1/recipes", {}, { signal: page.signal }),
    preset(page),
  ]);
  put(page.main, datasets.length ? new NewJob(page, datasets, recipes, given).element : noDataset());
}

/**
 * What the address asks for: the parts of a study that is to grow, or single ones.
 * @param {Page} page
 * @returns {Promise<Given>}
 */
async function preset({ query, signal }) {
  const wanted = query.get("trials") ?? "";
  const trials = /^\d{1,7}$/.test(wanted) ? wanted : undefined;
  const given = { dataset: query.get("dataset"), recipe: query.get("recipe"), trials };
  const name = query.get("study");
  if (name === null) return given;
  /** @type {StudyMessage} */
  const study = await get(path`/v1/studies/${name}`, {}, { signal });
  if (study.imported) return { ...given, dataset: given.dataset ?? study.dataset };
  return {
    dataset: study.dataset,
    recipe: study.recipe_name ?? study.recipe,
    design: study.design,
    name: study.name,
    trials,
  };
}

function noDataset() {
  return empty(
    "No dataset yet",
    h("p", {}, "A job trains on a registered dataset."),
    h("p", {}, h("a", { class: "button", href: address("/datasets") }, "Add a dataset")),
    h("p", { class: "soft" }, "Or in a shell, on the service's machine:"),
    copyable("memscore datasets add digits", "the command that registers the digits"),
  );
}

class NewJob {
  /** Ends the plan that is being asked for. @type {AbortController | null} */
  #asked = null;
  #button = h("button", { type: "submit", class: "primary" }, "Start the job");
  #form;
  #later;
  #page;
  #plan = h("div", { role: "status", "aria-live": "polite" }, h("p", { class: "soft" }, "Loading …"));
  /** The last request that was sent, and its idempotency key. */
  #sent = { text: "", key: "" };
  #trouble = h("div", {});

  /**
   * @param {Page} page
   * @param {DatasetMessage[]} datasets
   * @param {NamedRecipe[]} recipes
   * @param {Given} given
   */
  constructor(page, datasets, recipes, given) {
    this.#page = page;
    this.#form = new JobForm({ datasets, recipes, given, changed: () => this.#changed() });
    this.#later = debounce(CALM_MILLISECONDS, () => this.#askPlan(), page.signal);
    /** @param {SubmitEvent} event */
    const submit = (event) => {
      event.preventDefault();
      this.#submit();
    };
    this.element = h(
      "form",
      { method: "post", class: "new-job", novalidate: true, on: { submit } },
      this.#form.element,
      h(
        "section",
        { class: "panel plan-panel", "aria-labelledby": "plan" },
        h("h2", { id: "plan" }, "Cost and precision"),
        this.#plan,
        this.#trouble,
        h("p", { class: "actions" }, this.#button),
      ),
    );
    this.#askPlan();
  }

  #changed() {
    this.#page.keep(this.#form.kept());
    this.#plan.setAttribute("aria-busy", "true");
    this.#later();
  }

  /** The body of the request; null, with the field marked, where the target is empty or the recipe is no JSON. */
  #body() {
    const errors = this.#form.missing();
    if (errors.length) {
      this.#wrong(errors);
      return null;
    }
    try {
      return this.#form.body();
    } catch (error) {
      this.#wrong([{ pointer: "body/recipe", message: `this is not JSON: ${sentence(error)}` }]);
      return null;
    }
  }

  async #askPlan() {
    this.#asked?.abort();
    this.#asked = new AbortController();
    const signal = AbortSignal.any([this.#asked.signal, this.#page.signal]);
    const body = this.#body();
    if (body === null) return;
    try {
      /** @type {Plan} */
      const plan = await send("POST", "/v1/jobs", body, { query: { dry_run: true }, signal });
      this.#form.fields.show([]);
      fill(this.#trouble);
      fill(this.#plan, planned(plan));
    } catch (error) {
      if (!signal.aborted) this.#refused(error, () => this.#askPlan());
    } finally {
      if (!signal.aborted) this.#plan.removeAttribute("aria-busy");
    }
  }

  /**
   * Show what the service refused: at its fields, and what belongs to none beside the button.
   * @param {unknown} error
   * @param {() => void} [retry]
   */
  #refused(error, retry) {
    const { errors, status } = error instanceof Problem ? error : { errors: [], status: null };
    const final = status === 422 || status === 409; // the same request would be refused again
    const homeless = this.#wrong(errors);
    if (homeless.length || !errors.length) {
      fill(this.#trouble, problem(error, { compact: true, retry: final ? undefined : retry }));
    }
  }

  /**
   * Mark what is wrong in the form; there is no plan for it. Returns what belongs to no field.
   * @param {FieldError[]} errors
   */
  #wrong(errors) {
    const homeless = this.#form.fields.show(errors);
    fill(this.#plan, h("p", { class: "soft" }, "No plan is available."));
    this.#plan.removeAttribute("aria-busy");
    fill(this.#trouble, h("p", { class: "wrong" }, "Correct the marked fields of the form."));
    return homeless;
  }

  async #submit() {
    const body = this.#body();
    if (body === null) return;
    this.#button.disabled = true;
    const { signal } = this.#page;
    try {
      const headers = { "Idempotency-Key": `"${this.#keyFor(body)}"` };
      /** @type {JobMessage} */
      const job = await send("POST", "/v1/jobs", body, { headers, signal });
      keepNotes(job);
      this.#page.go(address(path`/jobs/${job.id}`));
    } catch (error) {
      if (signal.aborted) return;
      this.#refused(error);
      if (this.element.querySelector(INVALID)) focusIn(this.element, INVALID);
      else this.#button.focus();
    } finally {
      this.#button.disabled = false;
    }
  }

  /**
   * The same for the same request, so that one sent again after a lost answer is not done twice.
   * @param {unknown} body
   */
  #keyFor(body) {
    const text = JSON.stringify(body);
    if (text !== this.#sent.text) {
      const bits = crypto.getRandomValues(new Uint8Array(16));
      this.#sent = { text, key: Array.from(bits, (byte) => byte.toString(16).padStart(2, "0")).join("") };
    }
    return this.#sent.key;
  }
}
