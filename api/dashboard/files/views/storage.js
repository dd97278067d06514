// What takes the disk, for administrators: datasets, studies and finished jobs, to be renamed and removed.

import { fill, focusIn, h, put, say } from "../dom.js";
import { bytes, counted, whole } from "../format.js";
import { address, get, path } from "../http.js";
import { actionButton } from "../parts/act.js";
import { pruneJobs, removeDataset, removeStudy, renameDataset, renameStudy } from "../parts/administer.js";
import { empty } from "../parts/problem.js";
import { session } from "../session.js";

/** @import { DatasetUsage, StudyUsage, Usage } from "../api.js" */
/** @import { Child, Page } from "../types.js" */

const DAYS = 90;
const MOST_DAYS = 10_000;

/** @param {Page} page */
export async function show(page) {
  page.title("Storage");
  const storage = new Storage(page);
  await storage.look();
  put(page.main, storage.element);
}

class Storage {
  #datasets = h("div", {});
  #facts = h("dl", { class: "facts" });
  #page;
  #studies = h("div", {});
  /** Where the service's refusals are shown, each in the section of its button. */
  #trouble = { datasets: h("div", {}), studies: h("div", {}), jobs: h("div", {}) };
  element;

  /** @param {Page} page */
  constructor(page) {
    this.#page = page;
    this.element = h(
      "div",
      { class: "storage" },
      h("h1", {}, "Storage"),
      this.#facts,
      section("datasets", "Datasets", this.#trouble.datasets, this.#datasets),
      section("studies", "Studies", this.#trouble.studies, this.#studies),
      session.may("admin") && section("finished", "Finished jobs", this.#trouble.jobs, this.#pruning()),
    );
  }

  /** Ask what takes the disk, and draw it. Throws Problem. */
  async look() {
    /** @type {Usage} */
    const usage = await get("/v1/usage", {}, { signal: this.#page.signal });
    const { datasets, studies } = usage;
    fill(this.#facts, facts(usage));
    const largest = [...datasets].sort((a, b) => b.bytes - a.bytes || a.name.localeCompare(b.name));
    const heads = ["Dataset", "Studies", "Files"];
    if (datasets.length) {
      fill(
        this.#datasets,
        table(
          "Datasets",
          heads,
          largest.map((one) => this.#dataset(one)),
        ),
      );
    } else fill(this.#datasets, empty("No dataset yet", h("p", {}, "memscore datasets add registers one.")));
    const largestStudies = [...studies].sort((a, b) => b.bytes - a.bytes || a.name.localeCompare(b.name));
    const titles = ["Study", "Dataset", "Trials", "Tables", "Jobs", "Job logs", "All"];
    if (studies.length) {
      fill(
        this.#studies,
        table(
          "Studies",
          titles,
          largestStudies.map((one) => this.#study(one)),
        ),
      );
    } else fill(this.#studies, empty("No study yet", h("p", {}, "The first job on a dataset makes one.")));
  }

  /** @param {DatasetUsage} dataset */
  #dataset({ name, studies, bytes: size }) {
    const { signal } = this.#page;
    const trouble = this.#trouble.datasets;
    const rename = async () => {
      const renamed = await renameDataset(name, signal);
      if (renamed) await this.#done(`${name} is now ${renamed.name}.`, trouble, this.#datasets, renamed.name);
    };
    const remove = async () => {
      if (await removeDataset(name, signal)) await this.#done(`Removed the dataset ${name}.`, trouble, this.#datasets);
    };
    const cells = [whole(studies), size ? bytes(size) : "not here"];
    return this.#row(name, name, cells, trouble, rename, remove);
  }

  /** @param {StudyUsage} study */
  #study({ id, name, dataset, size, bytes: all }) {
    const { signal } = this.#page;
    const trouble = this.#trouble.studies;
    const rename = async () => {
      const renamed = await renameStudy({ id, name }, signal);
      if (renamed) await this.#done(`${name} is now ${renamed.name}.`, trouble, this.#studies, renamed.name);
    };
    const remove = async () => {
      if (await removeStudy(id, signal)) await this.#done(`Removed the study ${name}.`, trouble, this.#studies);
    };
    const link = h("a", { href: address(path`/studies/${name}`) }, name);
    const cells = [
      h("span", { class: "break" }, dataset),
      `${whole(size.trials + size.full_trials)}: ${bytes(size.evidence_bytes)}`,
      `${whole(size.tables)}: ${bytes(size.table_bytes)}`,
      whole(size.jobs),
      bytes(size.log_bytes),
      bytes(all),
    ];
    return this.#row(name, link, cells, trouble, rename, remove);
  }

  /**
   * @param {string} name
   * @param {Child} head
   * @param {Child[]} cells
   * @param {HTMLElement} trouble
   * @param {() => Promise<unknown>} rename
   * @param {() => Promise<unknown>} remove
   */
  #row(name, head, cells, trouble, rename, remove) {
    const page = this.#page;
    const small = true;
    return h(
      "tr",
      { "data-name": name },
      h("th", { scope: "row", class: "break" }, head),
      cells.map((cell) => h("td", { class: typeof cell === "string" ? undefined : "text" }, cell)),
      h(
        "td",
        { class: "buttons" },
        actionButton(page, { text: "Rename …", label: `Rename ${name} …`, action: "rename", small, trouble }, rename),
        actionButton(page, { text: "Remove …", label: `Remove ${name} …`, action: "remove", small, trouble }, remove),
      ),
    );
  }

  /** The field and the button for old jobs. */
  #pruning() {
    const days = h("input", { type: "number", min: 0, max: MOST_DAYS, step: "any", value: DAYS, required: true });
    const prune = async () => {
      if (!days.reportValidity()) return;
      const ago = counted(Number(days.value), "day");
      const removed = await pruneJobs(Number(days.value), this.#page.signal);
      if (removed === 0) fill(trouble, h("p", { class: "notice" }, `No job finished over ${ago} ago.`));
      if (removed) await this.#done(`Removed ${counted(removed, "finished job")}.`, trouble);
    };
    const trouble = this.#trouble.jobs;
    const button = actionButton(this.#page, { text: "Remove old jobs …", action: "prune", trouble }, prune);
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      button.click();
    };
    return [
      h("p", { class: "soft" }, "Jobs go with their history and logs; studies and their scores stay."),
      h(
        "form",
        { class: "actions", novalidate: true, on: { submit } },
        h("label", {}, "Finished over", days, "days ago"),
        button,
      ),
    ];
  }

  /**
   * After a change: draw everything again, say it in `where`, and leave the focus in `table`, on the row of `name` if
   * there is one.
   * @param {string} text
   * @param {HTMLElement} where
   * @param {HTMLElement} [table]
   * @param {string} [name]
   */
  async #done(text, where, table, name) {
    await this.look();
    fill(where, h("p", { class: "notice" }, text));
    say(text);
    if (!table) return;
    const row = name === undefined ? null : table.querySelector(`[data-name="${CSS.escape(name)}"]`);
    focusIn(row ?? table, row ? "button" : '[tabindex="0"], a, button');
  }
}

/** @param {Usage} usage */
function facts({ database_bytes: database, dataset_bytes: files, log_files: logs }) {
  /**
   * @param {string} name
   * @param {string} value
   */
  const one = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  return [
    one("Database", bytes(database)),
    one("Files of datasets", bytes(files)),
    one(`${counted(logs.files, "file")} of job logs`, bytes(logs.bytes)),
  ];
}

/**
 * @param {string} id
 * @param {string} title
 * @param {...Child} children
 */
function section(id, title, ...children) {
  return h("section", { "aria-labelledby": id }, h("h2", { id }, title), ...children);
}

/**
 * @param {string} name
 * @param {string[]} heads
 * @param {HTMLElement[]} rows
 */
function table(name, heads, rows) {
  const columns = heads.map((text) => h("th", { scope: "col", class: text === "Dataset" ? "text" : undefined }, text));
  const actions = h("th", { scope: "col" }, h("span", { class: "said" }, "Actions"));
  return h(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": `${name} by size` },
    h("table", {}, h("thead", {}, h("tr", {}, columns, actions)), h("tbody", {}, rows)),
  );
}
