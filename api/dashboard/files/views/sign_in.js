// Signing in with a key: from then on a cookie that no script can read takes its place.

import { fill, h, put } from "../dom.js";
import { moment } from "../format.js";
import { address, Problem, send } from "../http.js";
import { problem } from "../parts/problem.js";
import { find } from "../routes.js";
import { session } from "../session.js";

/** @import { SessionMessage } from "../api.js" */
/** @import { Page } from "../types.js" */

const ROOT = address("");

/** @param {Page} page */
export function show(page) {
  page.title("Sign in");
  const onward = next(page.query.get("next"));
  put(page.main, h("h1", {}, "Sign in"));
  if (session.signed_in) put(page.main, signedIn(onward));
  else if (!session.keys_required) put(page.main, noKeys(onward));
  else put(page.main, form(page, onward));
}

/**
 * Where to go afterwards: a page of this service; for anything else, the overview.
 * @param {string | null} wanted
 */
export function next(wanted) {
  const overview = address("/");
  if (!wanted?.startsWith("/")) return overview;
  const url = new URL(wanted, location.origin);
  if (url.origin !== location.origin || !url.pathname.startsWith(`${ROOT}/`)) return overview;
  const path = url.pathname.slice(ROOT.length);
  return find(path) && path !== "/sign-in" ? url.pathname + url.search + url.hash : overview;
}

/** @param {string} onward */
const goOn = (onward) =>
  h("p", {}, h("a", { class: "button", href: onward }, onward === address("/") ? "To the overview" : "Continue"));

/** @param {string} onward */
function signedIn(onward) {
  return [
    h("p", {}, "You are signed in as ", h("strong", {}, session.name), `; this key can ${session.scopes.join(", ")}.`),
    session.expires_at &&
      h("p", { class: "soft" }, `The session ends at ${moment(session.expires_at)}, or earlier if its key does.`),
    goOn(onward),
  ];
}

/** @param {string} onward */
function noKeys(onward) {
  return [
    h("p", {}, "This service needs no keys: it answers only this machine, whose users may do everything."),
    goOn(onward),
  ];
}

/**
 * @param {Page} page
 * @param {string} onward
 */
function form(page, onward) {
  const wrong = h("div", { id: "key-wrong" });
  const key = h("input", {
    id: "key",
    type: "password",
    autocomplete: "current-password",
    autocapitalize: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "key-hint key-wrong",
  });
  const button = h("button", { type: "submit", class: "primary" }, "Sign in");
  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    key.removeAttribute("aria-invalid");
    fill(wrong);
    try {
      /** @type {SessionMessage} */
      const answer = await send("POST", "/v1/session", { key: key.value.trim() }, { signal: page.signal });
      key.value = "";
      session.take(answer);
      page.go(onward);
    } catch (error) {
      if (page.signal.aborted) return;
      const refused = error instanceof Problem && (error.status === 401 || error.status === 422);
      fill(
        wrong,
        refused ? h("p", { class: "wrong", role: "alert" }, error.message) : problem(error, { compact: true }),
      );
      if (refused) key.setAttribute("aria-invalid", "true");
      key.focus();
      key.select();
    } finally {
      button.disabled = false;
    }
  };
  const { why } = session;
  session.why = null;
  return [
    why &&
      h(
        "p",
        { class: "notice", role: "alert" },
        `You were signed out, and your last request was not carried out: ${why}`,
      ),
    h("p", {}, "This service needs a key, and shows only what the key permits."),
    h(
      "form",
      { method: "post", class: "sign-in", on: { submit } },
      h(
        "div",
        { class: "field" },
        h("label", { for: "key" }, "Key"),
        key,
        h(
          "span",
          { class: "hint", id: "key-hint" },
          "Begins with memscore_. It is sent once; a cookie then replaces it for at most 12 hours.",
        ),
        wrong,
      ),
      button,
    ),
    h(
      "section",
      { class: "notice" },
      h("h2", {}, "How to get a key"),
      h("p", {}, "An administrator makes one on the service's machine:"),
      h("p", {}, h("code", {}, "memscore keys create NAME --scope read")),
      h(
        "p",
        { class: "soft" },
        "read: view everything. write: also start, cancel and resume jobs. admin: also make keys.",
      ),
    ),
  ];
}
