// What is shown where something could not be: the service's own sentence, and what to do next.

import { h } from "../dom.js";
import { Problem } from "../http.js";

/** @import { Child } from "../types.js" */

const AGAIN_MILLISECONDS = 3000;
const MISTAKE = {
  title: "This page has a bug",
  message: "It could not be drawn. Reload it; if the error persists, report it with the browser's console output.",
};

/**
 * An error as a panel. `retry`: what a button "Try again" does; where the service did not answer, the panel also does
 * it by itself.
 * @param {unknown} error
 * @param {{ retry?: () => unknown, compact?: boolean }} options
 */
export function problem(error, { retry, compact = false } = {}) {
  const known = error instanceof Problem ? error : null;
  if (!known) console.error(error);
  const { title, message } = known ?? MISTAKE;
  const id = known?.requestId;
  const panel = h(
    "section",
    { class: compact ? "problem compact" : "problem", role: "alert" },
    h(compact ? "p" : "h1", { class: "problem-title" }, title),
    h("p", {}, message),
    id && h("p", { class: "soft small" }, "Request ", h("code", {}, id), " in the service's log."),
    retry && h("button", { type: "button", on: { click: retry } }, "Try again"),
  );
  if (retry && (known?.status === 0 || known?.status === 503)) {
    setTimeout(() => panel.isConnected && retry(), AGAIN_MILLISECONDS);
  }
  return panel;
}

/**
 * The sentence of an error.
 * @param {unknown} error
 */
export const sentence = (error) => (error instanceof Error ? error.message : String(error));

/**
 * What stands where there is nothing yet, and how to change that.
 * @param {string} title
 * @param {...Child} advice
 */
export function empty(title, ...advice) {
  return h("section", { class: "empty" }, h("h2", {}, title), ...advice);
}
