// One study: the distribution of mem, a gallery of its samples, its classes, and how far its scores can be trusted.

import { fill, h, pause, put } from "../dom.js";
import { Gallery } from "../gallery/gallery.js";
import { get, path } from "../http.js";
import { empty, problem } from "../parts/problem.js";
import { described, head, load, noScores } from "../parts/study_head.js";
import { Choices } from "../study/choices.js";
import { drawClasses } from "../study/class_table.js";
import { downloads } from "../study/downloads.js";
import { drawFacts, warnings } from "../study/facts.js";
import { listFields, matchingText, rangeFields } from "../study/filters.js";
import { Histogram } from "../study/histogram.js";
import { followJobs } from "../study/progress.js";
import { drawQuality } from "../study/quality_panel.js";

const PATIENCE_MILLISECONDS = 1500; // that the rest waits for the first images

export async function show(page) {
  page.title(page.params.study);
  const choices = new Choices(page);
  const known = load(page);
  known.catch(() => {}); // awaited below
  const gallery = galleryOf(page, choices, known); // asks at once
  const { study, dataset } = await known;
  if (study.table) draw(page, { choices, gallery, study, dataset });
  else wait(page, study, dataset);
}

/** A study without scores, until it has some. */
function wait(page, study, dataset) {
  const job = h("div", { "data-part": "job" });
  fill(page.main, head(study, dataset, "scores"), job, h("section", {}, noScores(study)));
  let newer = null;
  followJobs(page, job, study, (now) => {
    if (newer) return newer(now);
    const choices = new Choices(page);
    newer = draw(page, {
      choices,
      gallery: galleryOf(page, choices, Promise.resolve({ study: now, dataset })),
      study: now,
      dataset,
      job,
    });
  });
}

/** The gallery of a page; what it tells is kept in `told`, and goes to the listeners there once there are any. */
function galleryOf(page, choices, study) {
  const { study: name } = page.params;
  const told = { note: null, renewed: () => {}, noted: () => {}, counted: () => {} };
  const gallery = new Gallery(page, {
    study,
    async ask(offset, limit, signal) {
      const [list, query] = choices.call;
      const answer = await get(`${path`/v1/studies/${name}`}/${list}`, { ...query, offset, limit }, { signal });
      told.note = answer.note ?? null;
      told.noted();
      return answer;
    },
    counted: (matching) => told.counted(matching),
    renewed: () => told.renewed(),
  });
  return Object.assign(gallery, { told });
}

/** Draw the whole page. Returns what takes over newer scores of the study. */
function draw(page, { choices, gallery, study, dataset, job: followed = null }) {
  const place = (name) => h("div", { "data-part": name });
  const [facts, job, bars, classes, quality] = ["facts", "job", "histogram", "class-table", "quality"].map(place);
  const numbers = h("dl", { class: "facts" });
  const warned = h("div", {}, warnings(study));
  const matching = matchingText(dataset.train_samples);
  const note = h("p", { class: "notice", hidden: true });
  const samples = h("section", { "aria-labelledby": "samples", class: "samples" });
  facts.append(numbers, warned);
  const none = empty(
    "No sample matches",
    h("p", {}, "Widen the range of mem, or choose another class. "),
    h(
      "p",
      {},
      h(
        "button",
        {
          type: "button",
          on: { click: () => choices.change({ label: null, set: null, mem_min: null, mem_max: null }) },
        },
        "Clear all filters",
      ),
    ),
  );

  const { told } = gallery;
  told.counted = (count) => matching.show(count);
  told.noted = () => {
    note.hidden = !told.note;
    note.textContent = told.note ?? "";
  };
  told.noted();
  choices.listeners.push(() => gallery.restart());

  fill(
    page.main,
    head(study, dataset, "scores"),
    followed ?? job,
    facts,
    h(
      "section",
      { "aria-labelledby": "distribution" },
      h("h2", { id: "distribution" }, "Distribution of mem"),
      legend(),
      bars,
      rangeFields(page, choices),
    ),
    put(
      samples,
      h("div", { class: "row spread" }, h("h2", { id: "samples" }, "Training samples"), matching.element),
      listFields(dataset, choices),
      note,
      gallery.attach(study, dataset, none),
    ),
    h("section", { "aria-labelledby": "classes" }, h("h2", { id: "classes" }, "Class by class"), classes),
    h(
      "section",
      { "aria-labelledby": "quality" },
      h("h2", { id: "quality" }, "How far the scores can be trusted"),
      quality,
    ),
    downloads(study),
  );
  drawFacts(numbers, study, dataset, null);
  gallery.settle();

  const histogram = new Histogram(page, bars, study, dataset, choices);
  let mark = () => {}; // the chosen class in the table
  choices.listeners.push(() => mark());
  const choose = (label) => {
    choices.change({ label });
    samples.scrollIntoView({ block: "start" });
    gallery.grid.element.focus({ preventScroll: true });
  };
  const part = async (where, name, shown) => {
    try {
      shown(await get(`${path`/v1/studies/${study.name}`}/${name}`, {}, { signal: page.signal }));
    } catch (error) {
      if (!page.signal.aborted) fill(where, problem(error, { retry: () => part(where, name, shown), compact: true }));
    }
  };
  const table = (found) => {
    drawFacts(numbers, study, dataset, found.classes);
    mark = drawClasses(page, classes, study, found.classes, choices, choose);
  };
  const refresh = () =>
    Promise.all([
      histogram.refresh(),
      part(classes, "classes", table),
      part(quality, "quality", (found) => drawQuality(page, quality, found)),
    ]);

  /** Newer scores: everything is asked for anew, in place. */
  const newer = async (now) => {
    study = now;
    page.main.querySelector('[data-part="described"]').textContent = described(study, dataset);
    fill(warned, warnings(study));
    gallery.renew(now.table.digest);
    await refresh();
  };
  told.renewed = async () => {
    try {
      await newer(await get(path`/v1/studies/${study.name}`, {}, { signal: page.signal }));
    } catch (error) {
      if (!page.signal.aborted) throw error;
    }
  };

  histogram.refresh();
  part(classes, "classes", table);
  Promise.race([gallery.first, pause(PATIENCE_MILLISECONDS, page.signal)])
    .then(() => {
      part(quality, "quality", (found) => drawQuality(page, quality, found));
      if (!followed) followJobs(page, job, study, newer);
    })
    .catch(() => {}); // the view was left
  return newer;
}

const legend = () =>
  h(
    "ul",
    { class: "legend" },
    [
      ["typical", "typical"],
      ["between", "in between"],
      ["atypical", "atypical"],
    ].map(([kind, text]) => h("li", {}, h("i", { class: kind, "aria-hidden": "true" }), text)),
  );
