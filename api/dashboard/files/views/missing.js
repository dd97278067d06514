// An address that is none of the dashboard's.

import { h, put } from "../dom.js";
import { address } from "../http.js";

/** @import { Page } from "../types.js" */

/** @param {Page} page */
export function show(page) {
  page.title("Not found");
  const [study, job] = [h("code", {}, "/studies/NAME"), h("code", {}, "/jobs/ID")];
  put(
    page.main,
    h("h1", {}, "There is no page at this address"),
    h("p", {}, "Check the address: a study's page is at ", study, ", a job's at ", job, "."),
    h("p", {}, h("a", { href: address("/") }, "Overview: all studies and jobs")),
  );
}
