// What is shown where something could not be: the service's own sentence, and what to do next.

import { h } from "../dom.js";

const AGAIN_MILLISECONDS = 3000;

/** An error as a panel. `retry`: what a button "Try again" does; where the service did not answer it is done by itself too. */
export function problem(error, { retry, compact = false } = {}) {
  const known = typeof error.status === "number";
  if (!known) console.error(error);
  const title = known ? error.title : "This page has a mistake";
  const detail = known
    ? error.message
    : "It could not be drawn. Load it again; if it stays, report it with the browser's console.";
  const panel = h(
    "section",
    { class: compact ? "problem compact" : "problem", role: "alert" },
    h(compact ? "p" : "h1", { class: "problem-title" }, title),
    h("p", {}, detail),
    error.requestId &&
      h("p", { class: "soft small" }, "Request ", h("code", {}, error.requestId), " in the service's log."),
    retry && h("button", { type: "button", on: { click: retry } }, "Try again"),
  );
  if (retry && (error.status === 0 || error.status === 503))
    setTimeout(() => panel.isConnected && retry(), AGAIN_MILLISECONDS);
  return panel;
}

/** What stands where there is nothing yet, and how to change that. */
export function empty(title, ...advice) {
  return h("section", { class: "empty" }, h("h2", {}, title), ...advice);
}
