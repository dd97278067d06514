// An address that is none of the dashboard's.

import { h, put } from "../dom.js";
import { address } from "../http.js";

export function show(page) {
  page.title("Not found");
  put(
    page.main,
    h("h1", {}, "There is no page at this address"),
    h(
      "p",
      {},
      "Look it up again: a study's page is at ",
      h("code", {}, "/studies/NAME"),
      ", a job's at ",
      h("code", {}, "/jobs/ID"),
      ".",
    ),
    h("p", {}, h("a", { href: address("/") }, "Overview: all studies and jobs")),
  );
}
