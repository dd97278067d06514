// From addresses to views, without loading the frame again. A view gets a page (types.d.ts); what it throws is shown as
// a problem.

import { fill, h, required, say } from "./dom.js";
import { address, calls, Problem } from "./http.js";
import { problem } from "./parts/problem.js";
import { find } from "./routes.js";
import { session } from "./session.js";

/** @import { Page } from "./types.js" */
/** @import { Place } from "./routes.js" */

const ROOT = address("");
const SLOW_MILLISECONDS = 200; // before a view says that it is loading

let leaving = new AbortController();
/** @type {((place: Place) => void)[]} */
const listeners = [];

/**
 * Call `listener` at every change of view, with the route's place.
 * @param {(place: Place) => void} listener
 */
export const onChange = (listener) => listeners.push(listener);

/** Show the view of the present address, and from now on of every link that is followed. */
export function start() {
  document.addEventListener("click", follow);
  window.addEventListener("popstate", () => show());
  return show();
}

/**
 * Go to an address of this service.
 * @param {string} to
 */
export function go(to) {
  history.pushState(null, "", to);
  return show({ fresh: true });
}

/** @param {MouseEvent} event */
function follow(event) {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!link?.href || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.pathname === location.pathname && link.search === location.search && link.hash) return;
  if (!link.pathname.startsWith(ROOT) || !find(link.pathname.slice(ROOT.length))) return;
  event.preventDefault();
  go(link.href);
}

/** Put the page for signing in in place of the present one, where nobody is signed in and somebody has to be. */
function signInFirst() {
  const signIn = address("/sign-in");
  if (!session.keys_required || session.signed_in || location.pathname === signIn) return;
  history.replaceState(null, "", address("/sign-in", { next: location.pathname + location.search }));
}

/** Draw the present view again. */
export async function show({ fresh = false } = {}) {
  leaving.abort(new DOMException("the view was left", "AbortError"));
  leaving = new AbortController();
  const { signal } = leaving;
  signInFirst();
  const main = required("#main");
  const found = find(location.pathname.slice(ROOT.length) || "/");
  calls.clear();
  for (const listener of listeners) listener(found?.route.place ?? null);
  const content = h("div", { class: "view" });
  const note = h("p", { class: "soft loading" }, "Loading …"); // hidden once the view has drawn anything
  const loading = setTimeout(() => content.before(note), SLOW_MILLISECONDS);
  main.setAttribute("aria-busy", "true");
  fill(main, content);
  if (fresh) window.scrollTo(0, 0);
  /** @type {Page} */
  const page = {
    main: content,
    params: found?.params ?? {},
    query: new URLSearchParams(location.search),
    signal,
    go,
    title(text) {
      document.title = `${text} · memscore`;
    },
    keep(changes) {
      if (signal.aborted) return;
      for (const [name, value] of Object.entries(changes)) {
        if (value === null || value === undefined || value === "") this.query.delete(name);
        else this.query.set(name, String(value));
      }
      const text = this.query.toString();
      history.replaceState(history.state, "", location.pathname + (text ? `?${text}` : "") + location.hash);
    },
  };
  try {
    const module = found ? await found.route.load() : await import("./views/missing.js");
    if (signal.aborted) return;
    await module.show(page);
  } catch (error) {
    if (signal.aborted) return;
    page.title(error instanceof Problem ? error.title : "Something went wrong");
    const refused = error instanceof Problem && error.status === 403; // and would be again
    fill(content, problem(error, refused ? {} : { retry: () => show() }));
  } finally {
    clearTimeout(loading);
    note.remove();
    if (!signal.aborted) main.removeAttribute("aria-busy");
  }
  if (fresh && !signal.aborted) {
    say(document.title);
    const heading = content.querySelector("h1");
    if (heading) {
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
    }
  }
}
