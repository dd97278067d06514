// Says once at the top of a view why the images of a dataset cannot be had, in the service's own words.

import { h } from "../dom.js";
import { address, get } from "../http.js";
import { sentence } from "./problem.js";

/** @type {WeakMap<Element, Set<string>>} */
const missed = new WeakMap(); // of each view, the datasets whose images it misses

/**
 * The image or sprite at this address, which begins as those of `address` do, could not be had.
 * @param {string} url
 */
export async function tellGone(url) {
  const view = document.querySelector("#main > .view");
  const path = url.slice(address("").length);
  const dataset = path.split("/")[3]; // of /v1/datasets/NAME/...
  const known = view && (missed.get(view) ?? new Set());
  if (!known || known.has(dataset)) return;
  missed.set(view, known.add(dataset));
  try {
    await get(path, {}, { kind: "image" });
    known.delete(dataset); // it can be had after all
  } catch (error) {
    if (!view.isConnected) return;
    const place = [...view.children].findLast((one) => one.matches(".head, h1"));
    if (place) place.after(notice(error));
    else view.prepend(notice(error));
  }
}

/** @param {unknown} error */
function notice(error) {
  return h(
    "section",
    { class: "notice images-gone", role: "alert" },
    h("p", { class: "problem-title" }, "Images are unavailable"),
    h("p", {}, sentence(error)),
    h("button", { type: "button", on: { click: () => location.reload() } }, "Try again"),
  );
}
