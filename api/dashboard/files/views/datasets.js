// The registered datasets, and how to add one: a published one by name, or a file.

import { fill, h, put, say } from "../dom.js";
import { counted, whole } from "../format.js";
import { address, get, path, send } from "../http.js";
import { actionButton } from "../parts/act.js";
import { choice } from "../parts/fields.js";
import { empty } from "../parts/problem.js";
import { session } from "../session.js";

/** @import { DatasetMessage, Datasets, KnownDatasets } from "../api.js" */
/** @import { Page } from "../types.js" */

const PAGE = 1000;
const FORMATS = /\.(npz|csv|parquet|zip)$/i;
const NAME = "letters, digits, . _ and -";
const ABOUT_FILES =
  "An .npz file has the arrays x_train and y_train, and x_test and y_test if there is a test part. A .zip archive has a " +
  "folder of images for each class. A .csv or .parquet file has a column of classes and columns of numbers.";

/** @param {Page} page */
export async function show(page) {
  page.title("Datasets");
  const [{ datasets }, known] = await Promise.all([
    /** @type {Promise<Datasets>} */ (get("/v1/datasets", { limit: PAGE }, { signal: page.signal })),
    /** @type {Promise<KnownDatasets>} */ (get("/v1/sources", {}, { signal: page.signal })),
  ]);
  put(page.main, h("h1", {}, "Datasets"), datasets.length ? table(datasets) : none());
  if (!session.may("write")) put(page.main, h("p", { class: "soft" }, "To add one needs a key with the scope write."));
  else put(page.main, addKnown(page, datasets, known.sources), addFile(page));
}

const none = () =>
  empty("No dataset yet", h("p", {}, "A dataset has training samples with a label each, and often a test part."));

/** @param {DatasetMessage[]} datasets */
function table(datasets) {
  const heads = ["Dataset", "Training samples", "Test samples", "Classes", "Kind"];
  const rows = datasets.map((one) =>
    h(
      "tr",
      { "data-name": one.name },
      h("th", { scope: "row", class: "break" }, h("a", { href: address(path`/datasets/${one.name}`) }, one.name)),
      h("td", {}, whole(one.train_samples)),
      h("td", {}, whole(one.test_samples)),
      h("td", {}, whole(one.class_names.length)),
      h("td", { class: "text" }, shape(one)),
    ),
  );
  return h(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": "Registered datasets" },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          heads.map((text) => h("th", { scope: "col", class: text === "Kind" ? "text" : undefined }, text)),
        ),
      ),
      h("tbody", {}, rows),
    ),
  );
}

/** @param {DatasetMessage} dataset */
export function shape({ kind, image_shape: size }) {
  if (kind === "features") return counted(size[0], "feature");
  return `images of ${size[0]} x ${size[1]}${size[2] === 1 ? ", grey" : ""}`;
}

/**
 * @param {Page} page
 * @param {DatasetMessage[]} datasets
 * @param {string[]} sources
 */
function addKnown(page, datasets, sources) {
  const there = new Set(datasets.map(({ name }) => name));
  const missing = sources.filter((name) => !there.has(name));
  if (!missing.length) return null;
  const trouble = h("div", {});
  const select = choice(
    missing.map((name) => [name, name]),
    missing.includes("digits") ? "digits" : missing[0],
  );
  const add = async () => {
    fill(trouble, h("p", { role: "status" }, `Adding ${select.value}. A download takes minutes.`));
    await added(page, await send("POST", "/v1/datasets", { source: select.value }, { signal: page.signal }));
  };
  const button = actionButton(page, { text: "Add", action: "add-known", trouble }, add);
  return h(
    "section",
    { "aria-labelledby": "known" },
    h("h2", { id: "known" }, "Add a published one"),
    h("p", { class: "actions" }, h("label", {}, "Dataset", select), button),
    h("p", { class: "soft" }, "The digits come with memscore; the files of the others are downloaded."),
    trouble,
  );
}

/** @param {Page} page */
function addFile(page) {
  const trouble = h("div", {});
  const file = h("input", { type: "file", accept: ".npz,.csv,.parquet,.zip" });
  const name = h("input", { type: "text", maxlength: 63, autocomplete: "off", spellcheck: "false", placeholder: NAME });
  const label = h("input", { type: "text", maxlength: 200, autocomplete: "off", placeholder: "found by its name" });
  const share = h("input", { type: "number", min: "0", max: "0.9", step: "any", placeholder: "none" });
  const side = h("input", { type: "number", min: "1", max: "4096", step: "1", placeholder: "as they are" });
  const resized = h("label", { hidden: true }, "Resize images to pixels", side);
  const labelled = h("label", { hidden: true }, "Column of classes", label);
  file.addEventListener("change", () => {
    const chosen = file.files?.[0].name ?? "";
    resized.hidden = !/\.(zip|parquet)$/i.test(chosen);
    labelled.hidden = !/\.(csv|parquet)$/i.test(chosen);
    if (!name.value) name.value = chosen.replace(FORMATS, "").replaceAll(/[^A-Za-z0-9._-]+/g, "-");
  });
  const upload = async () => {
    const chosen = file.files?.[0];
    const format = chosen && FORMATS.exec(chosen.name)?.[1].toLowerCase();
    if (!chosen || !format) {
      fill(
        trouble,
        h("p", { class: "wrong", role: "alert" }, "Choose a file that ends in .npz, .csv, .parquet or .zip."),
      );
      return;
    }
    fill(trouble, h("p", { role: "status" }, `Sending ${chosen.name} and looking at its samples …`));
    const query = {
      name: name.value.trim(),
      format,
      label: labelled.hidden ? null : label.value.trim(),
      resize: resized.hidden ? null : side.value,
      test_share: share.value,
    };
    await added(page, await send("POST", "/v1/datasets/import", chosen, { query, signal: page.signal }));
  };
  const button = actionButton(page, { text: "Upload", action: "upload", trouble }, upload);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    button.click();
  };
  return h(
    "section",
    { "aria-labelledby": "upload" },
    h("h2", { id: "upload" }, "Upload a file"),
    h("p", { class: "soft" }, ABOUT_FILES),
    h(
      "form",
      { class: "actions", novalidate: true, on: { submit } },
      h("label", {}, "File", file),
      h("label", {}, "Name", name),
      labelled,
      resized,
      h("label", {}, "Share for testing, if it has no test part", share),
      button,
    ),
    trouble,
  );
}

/**
 * @param {Page} page
 * @param {DatasetMessage} dataset
 */
async function added(page, { name }) {
  say(`Added ${name}`);
  page.go(address(path`/datasets/${name}`));
}
