// Figures and tables of the paper, reproduced: its claims, the verdict on each finding, and the pictures.

import { d3, spark } from "../charts.js";
import { fill, h, put } from "../dom.js";
import { counted, fixed, known, whole } from "../format.js";
import { address, get } from "../http.js";
import { choice } from "../parts/fields.js";
import { escaped } from "../runs/addresses.js";
import { lastPart } from "../runs/words.js";

/** @import { ReproducedClaim, ReproducedItem, ReproductionDetail, ReproductionVerdict } from "../api.js" */
/** @import { Page } from "../types.js" */

const WORDS = [
  "confirmed",
  "seen in one seed",
  "undecided",
  "opposite seen in one seed",
  "contradicted",
  "not testable",
];
const [WIDTH, HEIGHT] = [220, 26];

/** @param {Page} page */
export async function show(page) {
  const folder = page.params.reproduction;
  /** @type {ReproductionDetail} */
  const found = await get(`/v1/reproductions/${escaped(folder)}`, {}, { signal: page.signal });
  page.title(`The paper, reproduced: ${lastPart(found.path)}`);
  const findings = found.items.flatMap((item) => item.verdicts.map((verdict) => ({ item, verdict })));
  put(
    page.main,
    h(
      "div",
      { class: "head" },
      h("p", { class: "crumbs" }, h("a", { href: address("/runs") }, "Runs")),
      h("h1", { class: "break" }, `The paper, reproduced: ${lastPart(found.path)}`),
      h(
        "p",
        { class: "soft" },
        `${counted(found.items.length, "figure or table", "figures and tables")}, ${counted(findings.length, "verdict")}. ` +
          "A finding is confirmed if its whole 95 % interval, over seeds and test samples, agrees with the paper, and " +
          "contradicted if the whole interval disagrees. One seed decides nothing. Of findings that chance decides, one in " +
          "twenty misses.",
      ),
    ),
    claims(found.claims),
    matrix(found.items),
    list(page, findings),
    h("h2", {}, "Figures and tables"),
    found.items.map((item) => picture(found.path, item)),
  );
}

/** @param {ReproducedClaim[]} all */
function claims(all) {
  if (!all.length) return null;
  const reach = Math.max(
    0.01,
    ...all
      .flatMap(({ verdict }) => [verdict?.low, verdict?.high])
      .filter(known)
      .map(Math.abs),
  );
  return h(
    "section",
    { "aria-labelledby": "claims" },
    h("h2", { id: "claims" }, "The paper's claims"),
    h(
      "div",
      { class: "wide", tabindex: "0", role: "region", "aria-label": "Claims" },
      h(
        "table",
        { "data-part": "claims" },
        h(
          "tbody",
          {},
          all.map(({ sentence, item, verdict }) =>
            h(
              "tr",
              {},
              h(
                "th",
                { scope: "row", class: "text wrapped" },
                sentence,
                verdict?.verdict === "not testable" && h("small", { class: "soft why" }, verdict.numbers),
              ),
              h("td", { class: "text" }, verdict ? word(verdict.verdict) : "not made"),
              h("td", {}, verdict ? effect(verdict, reach) : null),
              h("td", { class: "text" }, h("a", { href: `#${item}` }, item)),
            ),
          ),
        ),
      ),
    ),
    h(
      "p",
      { class: "soft small" },
      "Effect with its 95 % interval, in points of accuracy (of distances, in hundredths); the claim holds right of the dotted line.",
    ),
  );
}

/** @param {string} verdict */
const word = (verdict) => h("span", { class: `verdict v${WORDS.indexOf(verdict) + 1}` }, verdict);

/**
 * An effect beside the bound that it has to be above.
 * @param {ReproductionVerdict} verdict
 * @param {number} reach
 */
function effect({ value, low, high, bound }, reach) {
  if (!known(value) || !known(low) || !known(high)) return "–";
  const label = `${fixed(100 * value, 1)} [${fixed(100 * low, 1)}, ${fixed(100 * high, 1)}]`;
  const svg = spark(WIDTH, HEIGHT, label);
  const x = d3.scaleLinear([-1.05 * reach, 1.05 * reach], [0, WIDTH]);
  const line = (/** @type {string} */ look, /** @type {number} */ at) =>
    svg
      .append("line")
      .attr("class", look)
      .attr("x1", x(at))
      .attr("x2", x(at))
      .attr("y1", 2)
      .attr("y2", HEIGHT - 2);
  line("grid", 0);
  if (known(bound)) line("threshold", bound);
  const bar = svg.append("line").attr("class", "error-bar").attr("x1", x(low)).attr("x2", x(high));
  bar.attr("y1", HEIGHT / 2).attr("y2", HEIGHT / 2);
  svg
    .append("circle")
    .attr("class", "dot")
    .attr("r", 3.5)
    .attr("cx", x(value))
    .attr("cy", HEIGHT / 2);
  return h("span", { class: "effect" }, svg.node(), h("small", { class: "soft number" }, label));
}

/** @param {ReproducedItem[]} items */
function matrix(items) {
  const there = WORDS.filter((one) => items.some((item) => item.verdicts.some(({ verdict }) => verdict === one)));
  return h(
    "section",
    { "aria-labelledby": "matrix" },
    h("h2", { id: "matrix" }, "Verdicts by figure and table"),
    h(
      "div",
      { class: "wide", tabindex: "0", role: "region", "aria-label": "Verdicts" },
      h(
        "table",
        { class: "matrix", "data-part": "matrix" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, "Item"),
            there.map((one) => h("th", { scope: "col" }, one)),
          ),
        ),
        h(
          "tbody",
          {},
          items.map((item) =>
            h(
              "tr",
              {},
              h("th", { scope: "row" }, h("a", { href: `#${item.name}`, title: item.title }, item.name)),
              item.problem
                ? h("td", { colspan: there.length, class: "text wrong" }, item.problem)
                : there.map((one) => {
                    const count = item.verdicts.filter(({ verdict }) => verdict === one).length;
                    return h(
                      "td",
                      {},
                      count ? h("span", { class: `verdict v${WORDS.indexOf(one) + 1}` }, whole(count)) : "",
                    );
                  }),
            ),
          ),
        ),
      ),
    ),
  );
}

/**
 * @param {Page} page
 * @param {{ item: ReproducedItem, verdict: ReproductionVerdict }[]} findings
 */
function list(page, findings) {
  const place = h("ul", { class: "list" });
  const count = h("span", { class: "soft small", role: "status" });
  const chosen = choice(
    [["", "all"], ...WORDS.map((one) => /** @type {[string, string]} */ ([one, one]))],
    page.query.get("verdict"),
  );
  const draw = () => {
    const shown = findings.filter(({ verdict }) => !chosen.value || verdict.verdict === chosen.value);
    count.textContent = `${whole(shown.length)} of ${whole(findings.length)}`;
    fill(
      place,
      shown.map(({ item, verdict }) =>
        h(
          "li",
          { "data-verdict": verdict.verdict },
          word(verdict.verdict),
          " ",
          h("strong", {}, verdict.finding),
          " ",
          h("a", { href: `#${item.name}` }, item.name),
          h("p", { class: "soft small" }, `${verdict.setting}: ${verdict.numbers}`),
        ),
      ),
    );
  };
  const each = h("details", { open: Boolean(chosen.value) }, h("summary", {}, "Each with its numbers"), place);
  chosen.addEventListener("change", () => {
    page.keep({ verdict: chosen.value });
    each.open = true;
    draw();
  });
  draw();
  return h(
    "section",
    { "aria-labelledby": "findings" },
    h("h2", { id: "findings" }, "Findings"),
    h(
      "form",
      { class: "filters", on: { submit: (event) => event.preventDefault() } },
      h("label", {}, "Verdict", chosen),
      count,
    ),
    each,
  );
}

/**
 * @param {string} folder
 * @param {ReproducedItem} item
 */
function picture(folder, item) {
  const { name, title, shown, command, date, device, seeds, figures } = item;
  return h(
    "section",
    { id: name, "data-item": name },
    h("h3", {}, title),
    h("p", { class: "soft small" }, shown),
    figures.map((figure) => {
      const source = address(`/v1/reproductions/${escaped(folder)}/items/${escaped(name)}/${escaped(figure)}.png`);
      return h("img", { class: "figure", src: source, alt: `${title}: ${figure}`, loading: "lazy" });
    }),
    h("p", { class: "soft small" }, h("code", {}, command), ` ${date}, ${device}, seeds ${seeds.join(", ")}`),
  );
}
