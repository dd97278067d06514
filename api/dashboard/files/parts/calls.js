// The REST calls behind the present view, as anyone can make them.

import { fill, h, part } from "../dom.js";
import { calls } from "../http.js";
import { session } from "../session.js";
import { copyable } from "./copy.js";

/** @import { Call } from "../http.js" */

/** Draw the list at the foot of the page, and keep it up to date. */
export function drawCalls() {
  const count = h("span", {});
  const list = h("ol", {});
  const details = h("details", {}, h("summary", {}, "REST calls behind this page ", count), list);
  const draw = () => {
    count.textContent = `(${calls.list.length})`;
    if (details.open) fill(list, calls.list.map(one));
  };
  details.addEventListener("toggle", draw);
  calls.changed = draw;
  fill(part("calls"), details);
  draw();
}

/** @param {Call & { times: number }} call */
function one(call) {
  const times = call.times > 1 ? `, ${call.times} times` : "";
  return h(
    "li",
    {},
    h("span", { class: "soft small" }, `${call.status} in ${call.milliseconds.toFixed(0)} ms${times}`),
    copyable(curl(call), `call ${call.method} ${call.url}`),
  );
}

/**
 * The call as a line of shell.
 * @param {Pick<Call, "method" | "url" | "body">} call
 */
export function curl({ method, url, body }) {
  /** @param {string} text */
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = ["curl"];
  if (method !== "GET") parts.push("-X", method);
  if (session.keys_required) parts.push('-H "Authorization: Bearer $MEMSCORE_KEY"');
  if (body !== undefined) parts.push("-H 'content-type: application/json'", "-d", quoted(JSON.stringify(body)));
  parts.push(quoted(new URL(url, location.origin).href));
  return parts.join(" ");
}
