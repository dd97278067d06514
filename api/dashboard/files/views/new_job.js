// A new job: what it is to bring a study to, and what that would cost, before it is sent.

import { calm, fill, h, put } from "../dom.js";
import { address, get, path, send } from "../http.js";
import { copyable } from "../parts/copy.js";
import { JobForm } from "../parts/job_form.js";
import { planned } from "../parts/plan.js";
import { empty, problem } from "../parts/problem.js";
import { keepNotes } from "../parts/said_of_jobs.js";
import { session } from "../session.js";

const CALM_MILLISECONDS = 300; // after the last change, before a plan is asked for

export async function show(page) {
  page.title("New job");
  put(page.main, h("p", { class: "crumbs" }, h("a", { href: address("/jobs") }, "Jobs")), h("h1", {}, "New job"));
  if (!session.may("write")) {
    put(
      page.main,
      empty(
        "This key may look, and start nothing",
        h("p", {}, "Starting a job needs a key with the scope write: ask the service's administrator for one."),
      ),
    );
    return;
  }
  const [{ datasets }, { recipes }, given] = await Promise.all([
    get("/v1/datasets", { limit: 1000 }, { signal: page.signal }),
    get("/v1/recipes", {}, { signal: page.signal }),
    preset(page),
  ]);
  put(page.main, datasets.length ? new NewJob(page, datasets, recipes, given).element : noDataset());
}

/** What the address asks for: the parts of a study that is to grow, or single ones. */
async function preset({ query, signal }) {
  const trials = /^\d{1,7}$/.test(query.get("trials") ?? "") ? query.get("trials") : undefined;
  const given = { dataset: query.get("dataset"), recipe: query.get("recipe"), trials };
  if (!query.has("study")) return given;
  const study = await get(path`/v1/studies/${query.get("study")}`, {}, { signal });
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
    h(
      "p",
      {},
      "A job trains on a registered dataset. On the service's machine, this registers the digits, which come with memscore:",
    ),
    copyable("memscore datasets add digits", "the command that registers the digits"),
    h("p", {}, "And these images of one's own, in a folder for each class or in a file of arrays:"),
    copyable(
      "memscore datasets add folder:DIR --name mine\nmemscore datasets add npz:FILE --name mine",
      "the commands that register images",
    ),
    h("p", {}, h("a", { class: "button", href: address("/jobs/new") }, "Look again")),
  );
}

class NewJob {
  constructor(page, datasets, recipes, given) {
    this.page = page;
    this.asked = null; // ends the plan that is being asked for
    this.sent = { text: null, key: null };
    this.form = new JobForm({ datasets, recipes, given, changed: () => this.changed() });
    this.plan = h("div", { role: "status", "aria-live": "polite" }, h("p", { class: "soft" }, "Asking …"));
    this.trouble = h("div", {});
    this.button = h("button", { type: "submit", class: "primary" }, "Start the job");
    this.later = calm(CALM_MILLISECONDS, () => this.askPlan(), page.signal);
    this.element = h(
      "form",
      { method: "post", class: "new-job", novalidate: true, on: { submit: (event) => this.submit(event) } },
      this.form.element,
      h(
        "section",
        { class: "panel plan-panel", "aria-labelledby": "plan" },
        h("h2", { id: "plan" }, "What it would cost and give"),
        this.plan,
        this.trouble,
        h("p", { class: "actions" }, this.button),
      ),
    );
    this.askPlan();
  }

  changed() {
    this.page.keep(this.form.kept());
    this.plan.setAttribute("aria-busy", "true");
    this.later();
  }

  /** The body of the request; null, with the field marked, where the target is empty or the recipe is no JSON. */
  body() {
    const errors = this.form.missing();
    if (errors.length) {
      this.refused({ errors });
      return null;
    }
    try {
      return this.form.body();
    } catch (error) {
      this.refused({ errors: [{ pointer: "body/recipe", message: `this is not JSON: ${error.message}` }] });
      return null;
    }
  }

  async askPlan() {
    this.asked?.abort();
    this.asked = new AbortController();
    const signal = AbortSignal.any([this.asked.signal, this.page.signal]);
    const body = this.body();
    if (body === null) return;
    try {
      const plan = await send("POST", "/v1/jobs", body, { query: { dry_run: true }, signal });
      this.form.fields.show([]);
      fill(this.trouble);
      fill(this.plan, planned(plan));
    } catch (error) {
      if (!signal.aborted) this.refused(error, () => this.askPlan());
    } finally {
      if (!signal.aborted) this.plan.removeAttribute("aria-busy");
    }
  }

  /** Show what the service refused: at its fields, and what belongs to none beside the button. */
  refused(error, retry) {
    const homeless = this.form.fields.show(error.errors);
    fill(this.plan, h("p", { class: "soft" }, "There is no plan for this."));
    this.plan.removeAttribute("aria-busy");
    if (homeless.length || !error.errors.length)
      fill(
        this.trouble,
        problem(error, { compact: true, retry: error.status === 422 || error.status === 409 ? undefined : retry }),
      );
    else fill(this.trouble, h("p", { class: "wrong" }, "Something is wrong in the form; it is marked there."));
  }

  async submit(event) {
    event.preventDefault();
    const body = this.body();
    if (body === null) return;
    this.button.disabled = true;
    const { signal } = this.page;
    try {
      const job = await send("POST", "/v1/jobs", body, {
        headers: { "Idempotency-Key": `"${this.keyFor(body)}"` },
        signal,
      });
      keepNotes(job);
      this.page.go(address(path`/jobs/${job.id}`));
    } catch (error) {
      if (signal.aborted) return;
      this.refused(error);
      (this.element.querySelector('[aria-invalid="true"]') ?? this.button).focus();
    } finally {
      this.button.disabled = false;
    }
  }

  /** The same for the same request, so that one sent again after a lost answer is not done twice. */
  keyFor(body) {
    const text = JSON.stringify(body);
    if (text !== this.sent.text) {
      const bits = crypto.getRandomValues(new Uint8Array(16));
      this.sent = { text, key: Array.from(bits, (byte) => byte.toString(16).padStart(2, "0")).join("") };
    }
    return this.sent.key;
  }
}
