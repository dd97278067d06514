// Pairs of a training and a test sample with high influence, side by side.

import { calm, fill, h, put, say } from "../dom.js";
import { className, fixed } from "../format.js";
import { get, path, send } from "../http.js";
import { influenceText } from "../parts/influence.js";
import { numberField } from "../parts/number_field.js";
import { empty, problem } from "../parts/problem.js";
import { sampleUrl } from "../parts/sample.js";
import { head, load, noScores } from "../parts/study_head.js";
import { curlTo, pythonClient, takeAway } from "../parts/take_away.js";
import { image } from "../parts/tile.js";

const PAGE = 48;
const FILTERS = [
  { name: "infl_min", label: "infl from", start: 0.15 },
  { name: "mem_min", label: "mem of the training sample from", start: null },
  { name: "q_max", label: "q-value up to", start: null },
];

export async function show(page) {
  page.title(`Pairs of ${page.params.study}`);
  const { study, dataset } = await load(page);
  put(page.main, head(study, dataset, "pairs", "Pairs of high influence"));
  if (!study.table) {
    put(page.main, noScores(study));
    return;
  }
  const chosen = Object.fromEntries(FILTERS.map(({ name, start }) => [name, given(page, name, start)]));
  const list = h("div", {});
  const away = h("div", {});
  const begin = calm(200, () => draw(page, study, dataset, chosen, list, away), page.signal);
  put(
    page.main,
    h("p", {}, "A model trained without the training image on the left is right on the test image beside it less often, by infl. Near-duplicates and rare variants come first."),
    h(
      "form",
      { class: "filters", "aria-label": "Filter pairs", on: { submit: (event) => event.preventDefault() } },
      FILTERS.map(({ name, label, start }) =>
        numberField({
          label,
          value: chosen[name],
          min: 0,
          max: 1,
          step: "any",
          placeholder: "any",
          changed: (value) => {
            chosen[name] = value;
            page.keep({ [name]: value === start ? null : (value ?? "any") });
            begin();
          },
        }),
      ),
    ),
    list,
    away,
  );
  await draw(page, study, dataset, chosen, list, away);
}

/** A filter as the address has it: a number, null for "any", or the value to start with. */
function given(page, name, start) {
  const text = page.query.get(name);
  if (text === null) return start;
  const value = Number(text);
  return text !== "any" && Number.isFinite(value) ? value : null;
}

async function draw(page, study, dataset, chosen, list, away) {
  fill(away, taken(study, chosen));
  try {
    const cards = h("ul", { class: "pairs" });
    const more = h("p", {});
    const found = await add(page, study, dataset, chosen, cards, more, null);
    const title = h("p", { class: "soft", "data-part": "matching" }, found.pairs.length ? `Strongest first; pairs from ${found.floor} upwards are kept.` : "");
    const none = empty("No pair passes these filters", h("p", {}, `Lower the bounds. Only pairs from ${found.floor} upwards are kept at all.`));
    fill(list, title, found.pairs.length ? [cards, more] : none);
    say(found.pairs.length ? "Pairs are shown" : "No pair passes these filters");
  } catch (error) {
    if (page.signal.aborted) return;
    fill(list, problem(error, { compact: true, retry: () => draw(page, study, dataset, chosen, list, away) }));
  }
}

/** Append the pairs behind a cursor, and a button for those that follow. */
async function add(page, study, dataset, chosen, cards, more, cursor) {
  const asked = { ...chosen, limit: PAGE, cursor };
  const found = await get(path`/v1/studies/${study.name}/pairs`, asked, { signal: page.signal });
  const labels = await labelsOf(page, study, found.pairs);
  const first = cards.childElementCount;
  put(cards, found.pairs.map((one, place) => h("li", {}, pair(study, dataset, one, labels[place]))));
  const next = async (event) => {
    event.target.disabled = true;
    try {
      await add(page, study, dataset, chosen, cards, more, found.next);
      cards.children[first + PAGE]?.querySelector("a")?.focus();
    } catch (error) {
      if (!page.signal.aborted) fill(more, problem(error, { compact: true, retry: () => next(event) }));
    }
  };
  fill(more, found.next && h("button", { type: "button", on: { click: next } }, "More pairs"));
  return found;
}

async function labelsOf(page, study, pairs) {
  if (!pairs.length) return [];
  const body = { indices: pairs.map((one) => one.train_index) };
  return (await send("POST", path`/v1/studies/${study.name}/scores/lookup`, body, { signal: page.signal })).label;
}

function pair(study, dataset, one, label) {
  const name = className(dataset, label);
  const side = (split, index, text) =>
    h("a", { class: "card", href: sampleUrl(study, split, index) }, image(dataset.name, split, index, { label: name }), h("span", { class: "line" }, `${text} ${index}`));
  return h(
    "article",
    { class: "pair", "data-train": one.train_index, "data-test": one.test_index },
    side("train", one.train_index, "train"),
    side("test", one.test_index, "test"),
    h("div", {}, h("p", {}, name), influenceText(one), one.mem !== null && h("p", { class: "soft" }, `mem ${fixed(one.mem)}`)),
  );
}

function taken(study, chosen) {
  const table = path`/v1/studies/${study.name}/pairs/table`;
  const given = Object.entries(chosen).filter(([, value]) => value !== null);
  const keywords = given.map(([name, value]) => `, ${name}=${value}`).join("");
  const options = given.map(([name, value]) => ` --${name.replace("_", "-")} ${value}`).join("");
  return takeAway({
    title: "Take all pairs away",
    files: ["npz", "csv", "parquet"].map((format) => ({ text: `Pairs table, .${format}`, path: table, query: { format } })),
    python: `${pythonClient()}\nfor pair in client.iter_pairs("${study.name}"${keywords}):\n    print(pair.train_index, pair.test_index, pair.infl)\ntable = client.pairs_table("${study.name}")`,
    shell: `memscore pairs list ${study.name}${options} --limit 100 --url ${location.origin}\n${curlTo(`${study.name}.pairs.npz`, table)}`,
  });
}
