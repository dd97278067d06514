// The gallery of a list of training samples: however long, a screen of it is loaded at a time.

import { fill, h } from "../dom.js";
import { className } from "../format.js";
import { address, get, Problem } from "../http.js";
import { problem } from "../parts/problem.js";
import { sampleUrl } from "../parts/sample.js";
import { spriteUrl } from "../parts/tile.js";
import { Grid } from "./grid.js";
import { COLUMNS, Pages } from "./pages.js";

const CALM_MILLISECONDS = 60; // between two looks at which pages are in view
const REMEMBER_MILLISECONDS = 200;

/**
 * Begins to load at once; `attach(study, dataset, none)` draws it, `none` where the list is empty. `ask(offset, limit,
 * signal)` answers a part of the list, `study` is a promise of {study, dataset}, `counted(size)` is told how long the
 * list is, `renewed()` that the service has newer scores.
 */
export class Gallery {
  constructor(page, { ask, study, counted, renewed }) {
    this.page = page;
    this.counted = counted;
    this.trouble = h("div", { class: "gallery-trouble" });
    this.none = h("div", { hidden: true });
    this.first = new Promise((resolve) => (this.shown = resolve)); // resolves with the first images, or without any
    this.pages = new Pages({
      ask,
      sprite: async (indices) => spriteUrl((await study).study.dataset, "train", indices, COLUMNS),
      changed: (number) => this.#changed(number),
      failed: (error) => this.#failed(error),
      gone: (url) => this.#gone(url),
      renewed,
      signal: page.signal,
    });
    this.left = history.state?.gallery ?? null; // where it stood when its page was left
    this.pages.begin(this.left?.active ?? 0);
  }

  /** The gallery's elements, once the study is known. */
  attach(study, dataset, none) {
    const { signal } = this.page;
    const names = dataset.class_names;
    this.grid = new Grid({
      at: (position) => this.pages.at(position),
      wanted: (first, last) => this.#look(first, last),
      naming: {
        name: (label) => className(dataset, label),
        address: (index) => sampleUrl(study, "train", index),
        images: () => this.pages.images,
        shape: dataset.image_shape,
      },
      moved: () => this.#remember(),
      label: `Training samples of ${study.name}, ${names.length} classes`,
      signal,
    });
    this.grid.element.setAttribute("aria-busy", "true");
    this.grid.element.addEventListener("click", (event) => event.target.closest("a") && this.#keepPlace(true), {
      signal,
    });
    this.none.append(none);
    if (this.pages.matching !== null) queueMicrotask(() => this.#changed());
    return [this.trouble, this.none, this.grid.element];
  }

  /** Show another list, from its top. */
  restart() {
    fill(this.trouble);
    this.left = null;
    this.grid.element.setAttribute("aria-busy", "true");
    this.grid.reset();
    this.pages.begin();
  }

  /** Ask anew for what is shown, since there are newer scores. */
  renew(digest) {
    if (this.pages.digest === digest) return;
    this.pages.renew(digest);
    this.grid.draw();
  }

  /** Scroll the page to where it was left; from now on that is kept in its place of the history. */
  settle() {
    if (this.left?.window) window.scrollTo(0, this.left.window);
    window.addEventListener("scroll", () => this.#remember(), { passive: true, signal: this.page.signal });
  }

  #changed(number) {
    if (!this.grid || this.pages.matching === null) return;
    const { matching } = this.pages;
    this.grid.element.removeAttribute("aria-busy");
    this.grid.element.hidden = matching === 0;
    this.none.hidden = matching !== 0;
    this.grid.size(matching);
    this.counted(matching);
    if (this.left) {
      const place = this.left;
      this.left = null;
      this.grid.place = place;
      if (place.window) window.scrollTo(0, place.window);
    }
    if (matching === 0 || this.pages.pages.get(number)?.url) this.shown();
  }

  #failed(error) {
    this.shown();
    this.counted(null);
    this.grid?.element.removeAttribute("aria-busy");
    const retry = () => {
      fill(this.trouble);
      this.pages.stopped = false;
      if (this.pages.matching === null) this.pages.begin();
      else this.grid.draw();
    };
    fill(this.trouble, problem(error, { retry, compact: true }));
  }

  /** Say once why there are no images, in the service's own words. */
  async #gone(url) {
    this.shown();
    this.grid?.draw();
    const { pathname, searchParams } = new URL(url, location.origin);
    const retry = () => {
      fill(this.trouble);
      this.pages.retryImages();
      this.grid.draw();
    };
    let reason = new Problem(0, {
      title: "No images",
      detail: "The images did not arrive. Try again; the scores are whole.",
    });
    try {
      await get(pathname.slice(address("").length), Object.fromEntries(searchParams), { signal: this.page.signal });
    } catch (error) {
      reason = error;
    }
    if (!this.page.signal.aborted) fill(this.trouble, problem(reason, { retry, compact: true }));
  }

  /** Load what is in view, at most so often. */
  #look(first, last) {
    this.view = [first, last];
    if (this.looking) return;
    this.pages.want(first, last);
    this.looking = setTimeout(() => {
      this.looking = null;
      if (!this.page.signal.aborted && (this.view[0] !== first || this.view[1] !== last)) this.#look(...this.view);
    }, CALM_MILLISECONDS);
  }

  #remember() {
    clearTimeout(this.remembering);
    this.remembering = setTimeout(() => this.#keepPlace(), REMEMBER_MILLISECONDS);
  }

  /** Keep the place in the history, for the way back. */
  #keepPlace(focused = this.grid.place.focused) {
    clearTimeout(this.remembering);
    if (this.page.signal.aborted || this.left) return;
    history.replaceState({ ...history.state, gallery: { ...this.grid.place, focused, window: window.scrollY } }, "");
  }
}
