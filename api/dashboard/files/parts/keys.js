// The keys of the pages, which the key ? shows.

import { h } from "../dom.js";

/** @type {[string, [string[], string][]][]} */
const KEYS = [
  [
    "A study",
    [
      [["/"], "go to a sample by its index"],
      [["←", "→", "↑", "↓"], "move through the gallery; at an end of the range of mem, move that"],
      [["Home", "End", "Page ↑", "Page ↓"], "to the ends of the gallery, a screen at a time"],
      [["Enter"], "open a sample"],
      [["Space"], "show a sample beside the gallery; other keys move on, Esc closes it"],
      [["x"], "select a sample, or no longer"],
    ],
  ],
  [
    "A sample",
    [
      [["k", "j"], "the one before and behind it in its list, or by index"],
      [["p", "n"], "the one more and less memorized"],
    ],
  ],
  [
    "Review",
    [
      [["e", "f", "u"], "the label is wrong with the suggested one right, it is right, or you cannot tell"],
      [["l", "n"], "another label is right, or none is"],
      [["z"], "undo"],
      [["j", "k"], "the next and the previous sample"],
    ],
  ],
  ["Everywhere", [[["?"], "these keys"]]],
];

/** Show the keys when ? is pressed outside of fields, and let the button do the same. */
export function helpByKey() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof Element && event.target.closest("input, select, textarea")) return;
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    showKeys();
  });
}

/** Open a dialog that lists the keys. */
export function showKeys() {
  const list = KEYS.map(([where, keys]) => [
    h("h3", {}, where),
    h(
      "dl",
      { class: "keys" },
      keys.map(([names, does]) => [
        h(
          "dt",
          {},
          names.map((name) => [h("kbd", {}, name), " "]),
        ),
        h("dd", {}, does),
      ]),
    ),
  ]);
  const close = h("button", { value: "close" }, "Close");
  const dialog = h(
    "dialog",
    { "aria-labelledby": "keys-title" },
    h("h2", { id: "keys-title" }, "Keys"),
    list,
    h("form", { method: "dialog" }, close),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
