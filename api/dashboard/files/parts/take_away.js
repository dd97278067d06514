// What a view shows, to take away: files to download, and the lines of Python and shell that fetch the same.

import { h } from "../dom.js";
import { address } from "../http.js";
import { session } from "../session.js";
import { copyable } from "./copy.js";

/** @import { Query, TakenFile } from "../types.js" */

/**
 * `python` and `shell`: lines of code.
 * @param {{ files?: TakenFile[], python?: string, shell?: string, title?: string }} options
 */
export function takeAway({ files = [], python, shell, title = "Download" }) {
  return h(
    "section",
    { "aria-labelledby": "take-away" },
    h("h2", { id: "take-away" }, title),
    files.length > 0 && h("p", { class: "actions" }, files.map(link)),
    python && [h("h3", {}, "Python"), copyable(python, "Python code")],
    shell && [h("h3", {}, "Shell"), copyable(shell, "shell commands")],
  );
}

/** @param {TakenFile} file */
const link = ({ text, path, query }) => h("a", { class: "button", href: address(path, query), download: true }, text);

/** The lines that every piece of Python begins with; `further`: another import. */
export function pythonClient(further = "") {
  const key = session.keys_required ? ', key=os.environ["MEMSCORE_KEY"]' : "";
  const imports = `${session.keys_required ? "import os\n\n" : ""}import memscore\n${further && `${further}\n`}`;
  return `${imports}\nclient = memscore.Client("${serviceUrl()}"${key})`;
}

/** The address of this service, as its clients are given it. */
export const serviceUrl = () => location.origin + address("");

/**
 * A call of this service by curl, written to a file.
 * @param {string} file
 * @param {string} path
 * @param {Query} [query]
 */
export function curlTo(file, path, query) {
  const key = session.keys_required ? ' -H "Authorization: Bearer $MEMSCORE_KEY"' : "";
  return `curl -o ${file}${key} '${location.origin}${address(path, query)}'`;
}
