// The links at the top of every page.

import { fill, h, part } from "../dom.js";
import { address } from "../http.js";
import { session } from "../session.js";

const STORAGE = ["storage", "Storage", "/storage"]; // for administrators
const PLACES = [
  ["overview", "Overview", "/"],
  ["datasets", "Datasets", "/datasets"],
  ["jobs", "Jobs", "/jobs"],
  ["runs", "Runs", "/runs"],
  ["compare", "Compare studies", "/compare"],
];

/**
 * Draw the links; `place` is that of the present view.
 * @param {string | null} place
 */
export function drawNavigation(place) {
  fill(
    part("navigation"),
    [...PLACES, ...(session.may("admin") ? [STORAGE] : [])].map(([name, text, path]) =>
      h("a", { href: address(path), "aria-current": name === place ? "page" : null }, text),
    ),
    h("a", { href: address("/docs"), target: "_self" }, "REST"),
  );
}
