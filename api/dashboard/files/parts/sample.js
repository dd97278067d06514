// What the pages of samples share: their addresses, cards that lead to them, and steps from one to the next.

import { h } from "../dom.js";
import { className } from "../format.js";
import { address, get, path } from "../http.js";
import { image } from "./tile.js";

/** The address of a sample's page; `split` is "train" or "test". */
export const sampleUrl = (study, split, index) => address(path`/studies/${study.name}/${split}/${index}`);

/** A small card that leads to a sample's page; `right` stands beside its index, `below` under it. */
export function sampleCard(study, dataset, split, index, label, { right, below } = {}) {
  const name = className(dataset, label);
  return h(
    "a",
    { class: "card", href: sampleUrl(study, split, index), "data-index": index },
    image(dataset.name, split, index, { label: name }),
    h("span", { class: "line" }, h("span", {}, name), right !== undefined && h("strong", {}, right)),
    h("span", { class: "line soft" }, `${split === "train" ? "train" : "test"} ${index}`),
    below && h("span", { class: "soft" }, below),
  );
}

/** The indices of the samples before and behind a position in the list by mem (0: the most memorized); null at the ends. */
export async function neighbours(page, study, position) {
  const before = Math.min(1, position);
  const query = { sort: "-mem", offset: position - before, limit: before + 2 };
  const { scores } = await get(path`/v1/studies/${study.name}/scores`, query, { signal: page.signal });
  const indices = scores.map((one) => one.index);
  return { more: before ? indices[0] : null, less: indices[before + 1] ?? null };
}

/** Links to other samples: [{ to, text, key }], each followed by its key too (see `byKeys`); null and false are left out. */
export function stepLinks(study, split, steps) {
  const link = ({ to, text, key }) =>
    h(
      "a",
      { href: sampleUrl(study, split, to), "data-key": key, "aria-keyshortcuts": key },
      text,
      h("kbd", { "aria-hidden": "true" }, key),
    );
  return h("nav", { class: "steps", "aria-label": "Neighbours" }, steps.filter(Boolean).map(link));
}

const BY_INDEX = { j: 1, k: -1 };

/**
 * Follow the links of a page that name a key (data-key) when it is pressed outside of fields. While the page of a sample
 * of `split` is still on its way, j and k step on from its index, so that no press is lost.
 */
export function byKeys(page, split) {
  document.addEventListener(
    "keydown",
    (event) => {
      if (
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        document.querySelector("dialog[open]") ||
        event.target.closest?.("input, select, textarea")
      )
        return;
      const link = page.main.querySelector(`a[data-key="${CSS.escape(event.key)}"]`);
      const next = Number(page.params.index) + (BY_INDEX[event.key] ?? Number.NaN);
      if (link) link.click();
      else if (!page.main.childElementCount && next >= 0) page.go(sampleUrl({ name: page.params.study }, split, next));
    },
    { signal: page.signal },
  );
}
