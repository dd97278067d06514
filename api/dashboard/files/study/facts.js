// The most important numbers of a study in a row, and its warnings.

import { ATYPICAL, TYPICAL } from "../charts.js";
import { fill, h } from "../dom.js";
import { percent, whole } from "../format.js";

/** The numbers; `classes` is null until they are known. */
export function drawFacts(place, study, dataset, classes) {
  const sum = (name) => classes?.reduce((total, one) => total + one[name], 0);
  const samples = dataset.train_samples;
  const share = (name) => (classes ? [whole(sum(name)), h("small", {}, ` ${percent(sum(name) / samples)}`)] : "…");
  const { in_sample_accuracy: inSample, held_out_accuracy: heldOut, test_accuracy: test } = study.table;
  const missing = sum("undefined");
  const rows = [
    [`Atypical (mem > ${ATYPICAL})`, share("atypical")],
    [`Typical (mem < ${TYPICAL})`, share("typical")],
    missing > 0 && ["Without a score", share("undefined")],
    inSample !== null && ["In-sample accuracy", percent(inSample)],
    heldOut !== null && ["Held-out accuracy", percent(heldOut)],
    test !== null && ["Test accuracy", percent(test)],
  ];
  fill(
    place,
    rows.filter(Boolean).map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))),
  );
}

/** What the service warns of. */
export const warnings = (study) =>
  study.table.warnings.length > 0 &&
  h(
    "ul",
    { class: "notice warnings", "aria-label": "Warnings" },
    study.table.warnings.map((text) => h("li", {}, text)),
  );
