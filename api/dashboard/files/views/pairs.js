// Pairs of a training and a test sample with high influence, side by side.

import { calm, fill, h, put, say } from "../dom.js";
import { className, fixed } from "../format.js";
import { get, newest, path, send } from "../http.js";
import { influenceText } from "../parts/influence.js";
import { numberField } from "../parts/number_field.js";
import { empty, problem } from "../parts/problem.js";
import { sampleUrl } from "../parts/sample.js";
import { head, load, noScores } from "../parts/study_head.js";
import { curlTo, pythonClient, serviceUrl, takeAway } from "../parts/take_away.js";
import { image } from "../parts/tile.js";
import { enlarger } from "../parts/zoom.js";

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
  const view = { page, study, dataset, list, away, newest: newest(page.signal) };
  const begin = calm(200, () => draw(view, { ...chosen }), page.signal);
  put(
    page.main,
    h(
      "p",
      {},
      "A model trained without the training image on the left is right on the test image beside it less often, by infl. Near-duplicates and rare variants come first.",
    ),
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
  await draw(view, { ...chosen });
}

/** A filter as the address has it: a number, null for "any", or the value to start with. */
function given(page, name, start) {
  const text = page.query.get(name);
  if (text === null) return start;
  const value = Number(text);
  return text !== "any" && Number.isFinite(value) ? value : null;
}

async function draw(view, chosen) {
  const { study, list, away } = view;
  const signal = view.newest();
  fill(away, taken(study, chosen));
  try {
    const cards = h("ul", { class: "pairs" });
    const more = h("p", {});
    const found = await add(view, { chosen, cards, more, signal }, null);
    const title = h(
      "p",
      { class: "soft", "data-part": "matching" },
      found.pairs.length ? `Strongest first; pairs from ${found.floor} upwards are kept.` : "",
    );
    const none = empty(
      "No pair passes these filters",
      h("p", {}, `Lower the bounds. Only pairs from ${found.floor} upwards are kept at all.`),
    );
    fill(list, title, found.pairs.length ? [cards, more] : none);
    say(found.pairs.length ? "Pairs are shown" : "No pair passes these filters");
  } catch (error) {
    if (signal.aborted) return;
    fill(list, problem(error, { compact: true, retry: () => draw(view, chosen) }));
  }
}

/** Append the pairs behind a cursor to a list, and a button for those that follow. */
async function add(view, shown, cursor) {
  const { study } = view;
  const { chosen, cards, more, signal } = shown;
  const found = await get(path`/v1/studies/${study.name}/pairs`, { ...chosen, limit: PAGE, cursor }, { signal });
  const labels = await labelsOf(study, found.pairs, signal);
  put(
    cards,
    found.pairs.map((one, place) => h("li", {}, pair(view, one, labels[place]))),
  );
  const next = async () => {
    const first = cards.childElementCount;
    try {
      await add(view, shown, found.next);
      cards.children[first]?.querySelector("a").focus();
    } catch (error) {
      if (!signal.aborted) fill(more, problem(error, { compact: true, retry: next }));
    }
  };
  const press = (event) => {
    event.target.disabled = true;
    next();
  };
  fill(more, found.next && h("button", { type: "button", on: { click: press } }, "More pairs"));
  return found;
}

/** The class of each pair's training sample. */
async function labelsOf(study, pairs, signal) {
  if (!pairs.length) return [];
  const body = { indices: pairs.map((one) => one.train_index) };
  return (await send("POST", path`/v1/studies/${study.name}/scores/lookup`, body, { signal })).label;
}

function pair({ page, study, dataset }, one, label) {
  const name = className(dataset, label);
  const both = [
    { split: "train", index: one.train_index, label: name, href: sampleUrl(study, "train", one.train_index) },
    { split: "test", index: one.test_index, href: sampleUrl(study, "test", one.test_index) }, // of any class, where a study has all pairs
  ];
  const side = ({ split, index, label: of, href }) =>
    h(
      "a",
      { class: "card", href },
      image(dataset.name, split, index, { label: of }),
      h("span", { class: "line" }, `${split} ${index}`),
      of && h("span", { class: "line soft" }, of),
    );
  return h(
    "article",
    { class: "pair", "data-train": one.train_index, "data-test": one.test_index },
    both.map(side),
    h(
      "div",
      {},
      influenceText(one),
      one.mem !== null && h("p", { class: "soft" }, `mem ${fixed(one.mem)}`),
      enlarger(page, dataset, both, influenceText(one)),
    ),
  );
}

function taken(study, chosen) {
  const table = path`/v1/studies/${study.name}/pairs/table`;
  const given = Object.entries(chosen).filter(([, value]) => value !== null);
  const keywords = given.map(([name, value]) => `, ${name}=${value}`).join("");
  const options = given.map(([name, value]) => ` --${name.replace("_", "-")} ${value}`).join("");
  return takeAway({
    title: "Take all pairs away",
    files: ["npz", "csv", "parquet"].map((format) => ({
      text: `Pairs table, .${format}`,
      path: table,
      query: { format },
    })),
    python: `${pythonClient()}\nfor pair in client.iter_pairs("${study.name}"${keywords}):\n    print(pair.train_index, pair.test_index, pair.infl)\ntable = client.pairs_table("${study.name}")`,
    shell: `memscore pairs list ${study.name}${options} --limit 100 --url ${serviceUrl()}\n${curlTo(`${study.name}.pairs.npz`, table)}`,
  });
}
