// From addresses to views, without loading the frame anew.
//
// A page is what a view gets: `main` to draw in, `params` of the path, `query` (URLSearchParams), `signal` (aborted when
// the view is left: give it to every call and listener), `title(text)`, `keep(changes)` to keep a choice in the address
// (null takes it out), `go(address)`. What a view throws is shown as a problem.

import { fill, h, say } from "./dom.js";
import { address, calls } from "./http.js";
import { problem } from "./parts/problem.js";
import { find } from "./routes.js";
import { session } from "./session.js";

const ROOT = address("");
const SLOW_MILLISECONDS = 200; // before a view says that it is loading

let leaving = new AbortController();
const listeners = [];

/** Be told of every change of view, with the route's place. */
export const onChange = (listener) => listeners.push(listener);

/** Show the view of the present address, and from now on of every link that is followed. */
export function start() {
  document.addEventListener("click", follow);
  window.addEventListener("popstate", () => show());
  return show();
}

/** Go to an address of this service. */
export function go(to) {
  history.pushState(null, "", to);
  return show({ fresh: true });
}

function follow(event) {
  const link = event.target.closest?.("a[href]");
  if (
    !link ||
    event.defaultPrevented ||
    event.button !== 0 ||
    event.metaKey ||
    event.ctrlKey ||
    event.shiftKey ||
    event.altKey
  )
    return;
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

/** Draw the present view anew. */
export async function show({ fresh = false } = {}) {
  leaving.abort(new DOMException("the view was left", "AbortError"));
  leaving = new AbortController();
  const { signal } = leaving;
  signInFirst();
  const main = document.getElementById("main");
  const found = find(location.pathname.slice(ROOT.length) || "/");
  calls.clear();
  for (const listener of listeners) listener(found?.route.place ?? null);
  const content = h("div", { class: "view" });
  const note = h("p", { class: "soft loading" }, "Loading …"); // hidden once the view has drawn anything
  const loading = setTimeout(() => content.before(note), SLOW_MILLISECONDS);
  main.setAttribute("aria-busy", "true");
  fill(main, content);
  if (fresh) window.scrollTo(0, 0);
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
        else this.query.set(name, value);
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
    page.title(error.title ?? "Something went wrong");
    fill(content, problem(error, { retry: () => show() }));
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
