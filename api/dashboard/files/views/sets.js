// Typical and atypical sets: thresholds as sliders, live counts, and the samples at their edges.

import { ATYPICAL, axes, chart, countScale, d3, kind, TYPICAL } from "../charts.js";
import { calm, fill, h, put, say } from "../dom.js";
import { fixed, percent, whole } from "../format.js";
import { get, newest, path } from "../http.js";
import { slider } from "../parts/number_field.js";
import { empty, problem } from "../parts/problem.js";
import { sampleCard } from "../parts/sample.js";
import { head, load, noScores } from "../parts/study_head.js";
import { curlTo, pythonClient, serviceUrl, takeAway } from "../parts/take_away.js";
import { barsOf, plan } from "../study/bars.js";
import { heldOut } from "../study/histogram.js";

const PAPER = { atypical: ATYPICAL, typical: TYPICAL, test_accuracy: 0.8 };
const SLIDERS = [
  {
    name: "atypical",
    label: "Atypical above",
    hint: "mem of a training sample; infl of an atypical training sample on a test sample.",
  },
  {
    name: "typical",
    label: "Typical below",
    hint: "mem of a training sample; infl of every atypical training sample on a test sample.",
  },
  {
    name: "test_accuracy",
    label: "Typical test accuracy from",
    hint: "Share of models that are right on a typical test sample.",
  },
];
const SETS = [
  ["train_atypical", "Atypical training samples"],
  ["train_typical", "Typical training samples"],
  ["test_atypical", "Atypical test samples"],
  ["test_typical", "Typical test samples"],
];
const EXAMPLES = 8;

export async function show(page) {
  page.title(`Sets of ${page.params.study}`);
  const { study, dataset } = await load(page);
  put(page.main, head(study, dataset, "sets", "Typical and atypical sets"));
  if (!study.table) {
    put(page.main, noScores(study));
    return;
  }
  const chosen = Object.fromEntries(Object.entries(PAPER).map(([name, start]) => [name, given(page, name, start)]));
  const view = {
    page,
    study,
    dataset,
    chosen,
    counts: h("dl", { class: "facts" }),
    plot: h("div", {}),
    examples: h("div", {}),
    away: h("div", {}),
    fault: h("div", {}),
    newest: newest(page.signal),
    tests: new Map(),
  };
  const refresh = calm(120, () => draw(view), page.signal);
  const sliders = SLIDERS.map(({ name, label, hint }) =>
    slider({
      name,
      label,
      hint,
      value: chosen[name],
      changed: (value) => {
        chosen[name] = value;
        page.keep({ [name]: value === PAPER[name] ? null : value });
        refresh();
      },
    }),
  );
  const reset = () => {
    Object.assign(chosen, PAPER);
    SLIDERS.forEach(({ name }, place) => sliders[place].set(PAPER[name]));
    page.keep({ atypical: null, typical: null, test_accuracy: null });
    refresh();
  };
  put(
    page.main,
    h(
      "section",
      { "aria-label": "Thresholds", class: "columns" },
      h(
        "div",
        {},
        sliders.map((one) => one.element),
        h("button", { type: "button", on: { click: reset } }, "The paper's thresholds"),
      ),
      view.plot,
    ),
    view.fault,
    view.counts,
    view.examples,
    view.away,
  );
  const histogram = get(
    path`/v1/studies/${study.name}/histogram`,
    { bins: plan(heldOut(study)).bins },
    { signal: page.signal },
  );
  await draw(view);
  try {
    view.histogram = await histogram;
    drawPlot(view);
  } catch (error) {
    if (!page.signal.aborted) fill(view.plot, problem(error, { compact: true }));
  }
}

/** A threshold as the address has it. */
function given(page, name, start) {
  const value = Number(page.query.get(name) || Number.NaN);
  return value >= 0 && value <= 1 ? value : start;
}

async function draw(view) {
  const { study, counts, fault } = view;
  const chosen = { ...view.chosen };
  const signal = view.newest();
  try {
    const found = await get(
      path`/v1/studies/${study.name}/sets`,
      { format: "json", limit: EXAMPLES, ...chosen },
      { signal },
    );
    fault.replaceChildren();
    const { train_samples: train, test_samples: test } = view.dataset;
    fill(
      counts,
      SETS.map(([name, text]) => {
        const of = name.startsWith("train") ? train : test;
        return h(
          "div",
          {},
          h("dt", {}, text),
          h(
            "dd",
            { "data-count": name },
            whole(found.counts[name]),
            " ",
            h("small", {}, percent(found.counts[name] / of)),
          ),
        );
      }),
    );
    say(
      `${whole(found.counts.train_atypical)} atypical and ${whole(found.counts.train_typical)} typical training samples`,
    );
    fill(view.away, taken(study, chosen));
    drawPlot(view);
    await drawExamples(view, found, signal);
  } catch (error) {
    if (signal.aborted) return;
    for (const one of [counts, view.examples, view.away]) fill(one); // they would be of other thresholds
    drawPlot(view);
    fill(fault, problem(error, { compact: true, retry: () => draw(view) }));
  }
}

/** mem of all training samples with the thresholds in it. */
function drawPlot({ page, study, plot, histogram, chosen }) {
  if (!histogram) return;
  const kept = barsOf(histogram, plan(heldOut(study)));
  const most = d3.max(kept, (bar) => bar.count);
  chart(plot, {
    height: 190,
    margin: { left: 66 },
    signal: page.signal,
    label: `Histogram of mem with the thresholds ${chosen.typical} and ${chosen.atypical}`,
    draw(svg, { width, height }) {
      const x = d3
        .scaleLinear()
        .domain([Math.min(0, kept[0].from), Math.max(1, kept[kept.length - 1].to)])
        .range([0, width]);
      const { scale: y, ticks } = countScale(most, height);
      svg
        .selectAll("rect")
        .data(kept)
        .enter()
        .append("rect")
        .attr("class", (bar) => kind((bar.from + bar.to) / 2, chosen.typical, chosen.atypical))
        .attr("x", (bar) => x(bar.from))
        .attr("width", (bar) => Math.max(1, x(bar.to) - x(bar.from) - 0.5))
        .attr("y", (bar) => y(bar.count))
        .attr("height", (bar) => height - y(bar.count));
      for (const threshold of [chosen.typical, chosen.atypical]) {
        svg
          .append("line")
          .attr("class", "threshold")
          .attr("x1", x(threshold))
          .attr("x2", x(threshold))
          .attr("y2", height);
      }
      axes(svg, {
        x,
        y,
        width,
        height,
        xTitle: "mem",
        yTitle: "samples (log)",
        yValues: ticks,
        yFormat: d3.format(","),
        yTitleAt: 54,
      });
    },
  });
}

/** The samples at the edges of the training sets, the most extreme ones, and some of the test sets. */
async function drawExamples(view, found, signal) {
  const { study, dataset, examples } = view;
  const above = beside(found.thresholds.atypical, 1);
  const below = beside(found.thresholds.typical, -1);
  const nobody = { scores: [] };
  const scores = (query) =>
    query.mem_min > 1 ? nobody : get(path`/v1/studies/${study.name}/scores`, { limit: EXAMPLES, ...query }, { signal });
  const [most, justAbove, justBelow, least, atypical, typical] = await Promise.all([
    scores({ sort: "-mem", mem_min: above }),
    scores({ sort: "mem", mem_min: above }),
    scores({ sort: "-mem", mem_max: below }),
    scores({ sort: "mem", mem_max: below }),
    testScores(view, found.indices.test_atypical, signal),
    testScores(view, found.indices.test_typical, signal),
  ]);
  const strip = (title, answer) =>
    h(
      "div",
      {},
      h("h3", {}, title),
      answer.scores.length
        ? h(
            "div",
            { class: "cards strip" },
            answer.scores.map((one) =>
              sampleCard(study, dataset, "train", one.index, one.label, { right: fixed(one.mem) }),
            ),
          )
        : h("p", { class: "soft" }, "No sample."),
    );
  const tests = (title, shown, right) =>
    h(
      "div",
      {},
      h("h3", {}, title),
      shown.length
        ? h(
            "div",
            { class: "cards strip" },
            shown.map((one) => sampleCard(study, dataset, "test", one.index, one.label, { right: right(one) })),
          )
        : h("p", { class: "soft" }, "No sample."),
    );
  fill(
    examples,
    h("h2", {}, "Examples"),
    found.counts.train_atypical + found.counts.train_typical
      ? h(
          "div",
          { class: "columns" },
          strip("Atypical: the most memorized", most),
          strip("Atypical: just above the threshold", justAbove),
          strip("Typical: just below the threshold", justBelow),
          strip("Typical: the least memorized", least),
          tests("Atypical test samples, with their largest infl", atypical, (one) => fixed(one.infl_max)),
          tests("Typical test samples, with the share of models right", typical, (one) =>
            percent(one.p_full ?? one.p, 0),
          ),
        )
      : empty("Both training sets are empty", h("p", {}, "Move the thresholds.")),
  );
}

/** The single-precision number next to a threshold (0 to 1): sets leave out samples at it, while bounds of lists let them in. */
function beside(threshold, direction) {
  const number = new Float32Array([threshold]);
  const bits = new Int32Array(number.buffer);
  if (number[0] === 0 && direction < 0) return -(2 ** -149);
  bits[0] += direction;
  return number[0];
}

/** The scores of test samples, each asked for once. */
function testScores({ study, tests }, indices, signal) {
  return Promise.all(
    indices.map(async (index) => {
      if (!tests.has(index))
        tests.set(index, await get(path`/v1/studies/${study.name}/test-scores/${index}`, {}, { signal }));
      return tests.get(index);
    }),
  );
}

function taken(study, chosen) {
  const sets = path`/v1/studies/${study.name}/sets`;
  const numbers = `atypical=${chosen.atypical}, typical=${chosen.typical}, test_accuracy=${chosen.test_accuracy}`;
  return takeAway({
    files: [
      { text: "Masks, .npz", path: sets, query: chosen },
      { text: "Score table, .npz", path: path`/v1/studies/${study.name}/table`, query: {} },
      { text: "Score table, .csv", path: path`/v1/studies/${study.name}/table`, query: { format: "csv" } },
    ],
    python: `${pythonClient("from memscore.sets import Thresholds")}\nthresholds = Thresholds(${numbers})\nsets = client.sets("${study.name}", thresholds)\nprint(sets.counts())\natypical = sets.train_atypical  # a boolean mask in the dataset's order\ntable = client.table("${study.name}")`,
    shell: `memscore sets ${study.name} --atypical ${chosen.atypical} --typical ${chosen.typical} --test-accuracy ${chosen.test_accuracy} -o masks.npz --url ${serviceUrl()}\n${curlTo("masks.npz", sets, chosen)}`,
  });
}
