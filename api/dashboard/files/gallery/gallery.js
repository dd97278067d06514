// The gallery of a list of training samples: however long, a screen of it is loaded at a time.

import { fill, h } from "../dom.js";
import { className, counted } from "../format.js";
import { address, get, Problem } from "../http.js";
import { problem } from "../parts/problem.js";
import { sampleUrl } from "../parts/sample.js";
import { spriteUrl } from "../parts/tile.js";
import { inWords, isRemoved, words } from "../parts/words.js";
import { Drawer } from "./drawer.js";
import { Grid } from "./grid.js";
import { COLUMNS, Pages } from "./pages.js";

/** @import { DatasetDetail, Scores, StudyMessage } from "../api.js" */
/** @import { Decided, Loaded, Page, Query } from "../types.js" */
/** @import { Place } from "./grid.js" */
/** @import { Selection } from "./selection.js" */

const CALM_MILLISECONDS = 60; // between two looks at which pages are in view
const REMEMBER_MILLISECONDS = 200;

/**
 * `ask` answers a part of the list, `decided` what reviewers decide of one of its samples, `listed` what a link to a
 * sample keeps of the list and its place there, `counted` is called with the length of the list (null: not known),
 * `renewed` when the service has newer scores.
 * @typedef {{
 *   ask: (offset: number, limit: number, signal: AbortSignal) => Promise<Scores>,
 *   study: Promise<Loaded>,
 *   decided: (index: number) => Decided | null,
 *   listed: (position: number) => Query,
 *   cardWidth: number,
 *   selection: Selection,
 *   counted: (size: number | null) => void,
 *   renewed: () => void,
 * }} Options
 */

/** Begins to load at once; `attach` draws it. */
export class Gallery {
  /** Resolves with the first images, or without any. @type {Promise<void>} */
  first;
  /** Called when the drawer has opened or closed. @type {(open: boolean) => void} */
  toggled = () => {};
  /** @type {HTMLElement | null} */
  #beside = null;
  #cardWidth;
  #counted;
  #decided;
  /** @type {Drawer | null} */
  #drawer = null;
  /** @type {Grid | null} */
  #grid = null;
  /** Where it stood when its page was left. @type {Place & { window?: number, beside?: boolean } | null} */
  #left = history.state?.gallery ?? null;
  /** @type {number | undefined} */
  #looking;
  #listed;
  #none = h("div", { hidden: true });
  #page;
  #pages;
  #selection;
  /** @type {number | undefined} */
  #remembering;
  #shown = () => {};
  #trouble = h("div", { class: "gallery-trouble" });
  /** What came into view since pages were last looked at. @type {[number, number] | null} */
  #view = null;

  /**
   * @param {Page} page
   * @param {Options} options
   */
  constructor(page, { ask, study, decided, listed, cardWidth, selection, counted, renewed }) {
    this.#page = page;
    this.#selection = selection;
    selection.listeners.push(() => this.#grid?.draw());
    this.#listed = listed;
    this.#counted = counted;
    this.#decided = decided;
    this.#cardWidth = cardWidth;
    this.first = new Promise((resolve) => {
      this.#shown = resolve;
    });
    this.#pages = new Pages({
      ask,
      sprite: async (indices) => {
        const { dataset } = await study;
        return inWords(dataset.name) ? null : spriteUrl(dataset.name, "train", indices, COLUMNS);
      },
      changed: (number) => this.#changed(number),
      failed: (error) => this.#failed(error),
      gone: (url) => this.#gone(url),
      renewed,
      signal: page.signal,
    });
    this.#pages.begin(this.#left?.active ?? 0);
  }

  /**
   * The gallery's elements, once the study is known; `none` is shown where the list is empty.
   * @param {StudyMessage} study
   * @param {DatasetDetail} dataset
   * @param {HTMLElement} none
   */
  attach(study, dataset, none) {
    const { signal } = this.#page;
    const grid = new Grid({
      at: (position) => this.#pages.at(position),
      wanted: (first, last) => this.#look(first, last),
      naming: {
        name: (label) => className(dataset, label),
        decided: this.#decided,
        address: (index, position) => sampleUrl(study, "train", index, this.#listed(position)),
        images: () => this.#pages.images,
        shape: dataset.kind === "images" ? dataset.image_shape : [1, 1],
        words: (index) =>
          inWords(dataset.name) || isRemoved(dataset.name, "train", index) ? words(dataset.name, "train", index) : null,
        selected: (index) => this.#selection.has(index),
      },
      cardWidth: this.#cardWidth,
      moved: () => this.#remember(),
      activated: (position) => this.#drawer?.position != null && this.#drawer.show(position),
      label: `Training samples of ${study.name}, ${counted(dataset.class_names.length, "class", "classes")}`,
      signal,
    });
    this.#grid = grid;
    grid.element.setAttribute("aria-busy", "true");
    /** @param {MouseEvent} event */
    const follow = (event) => {
      const { target } = event;
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      if (!(target instanceof Element)) return;
      const picked = target.closest("button.pick")?.previousElementSibling; // its card
      if (picked instanceof HTMLElement) this.#selection.toggle(Number(picked.dataset.index));
      else if (target.closest("a") && this.beside && event.detail) event.preventDefault();
      else if (target.closest("a")) this.#keepPlace(true);
    };
    grid.element.addEventListener("click", follow, { signal });
    /** @param {KeyboardEvent} event */
    const press = (event) => {
      const card = event.target instanceof HTMLElement && event.target.closest("a.card");
      const index = card instanceof HTMLElement ? card.dataset.index : undefined;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape" && this.beside) this.#drawer?.close();
      else if (event.key === " " && card) this.toggle();
      else if (event.key === "x" && index !== undefined) this.#selection.toggle(Number(index));
      else return;
      event.preventDefault();
    };
    grid.element.addEventListener("keydown", press, { signal });
    const drawer = new Drawer(this.#page, {
      ...{ study, dataset, listed: this.#listed, at: (position) => this.#pages.at(position), size: () => grid.total },
      go: (position) => grid.go(position, false),
      closed: () => {
        grid.marked = false;
        this.toggled(false);
        beside.classList.remove("open");
        grid.go(grid.active);
      },
    });
    this.#drawer = drawer;
    drawer.element.addEventListener("click", ({ target }) => {
      if (target instanceof Element && target.closest("a")) this.#keepPlace(true);
    });
    const beside = h("div", { class: "gallery-beside" }, grid.element, drawer.element);
    this.#beside = beside;
    this.#none.append(none);
    if (this.#pages.matching !== null) queueMicrotask(() => this.#changed());
    return [this.#trouble, this.#none, beside];
  }

  /** Whether samples are shown beside the list. */
  get beside() {
    return this.#drawer?.position != null;
  }

  /** Show the active sample beside the list, or no longer. */
  toggle() {
    const [grid, drawer] = [this.#grid, this.#drawer];
    if (!grid || !drawer) return;
    if (this.beside) {
      drawer.close();
      return;
    }
    this.#beside?.classList.add("open");
    this.toggled(true);
    grid.marked = true;
    drawer.show(grid.active);
    grid.go(grid.active);
    this.#beside?.scrollIntoView({ block: "nearest" });
  }

  /** Show another list, from its top. */
  restart() {
    fill(this.#trouble);
    this.#left = null;
    this.#grid?.element.setAttribute("aria-busy", "true");
    this.#grid?.reset();
    this.#pages.begin();
    this.#drawer?.again();
    if (this.beside) this.#drawer?.show(0);
  }

  /**
   * Ask again for what is shown, since there are newer scores.
   * @param {string | undefined} digest
   */
  renew(digest) {
    if (digest === undefined || this.#pages.digest === digest) return;
    this.#pages.renew(digest);
    this.#grid?.draw();
  }

  /**
   * Make cards at least so wide, in pixels.
   * @param {number} width
   */
  resize(width) {
    if (this.#grid) this.#grid.cardWidth = width;
  }

  focus() {
    this.#grid?.element.focus({ preventScroll: true });
  }

  /** Scroll the page to where it was left; from now on that is kept in its place of the history. */
  settle() {
    if (this.#left?.window) window.scrollTo(0, this.#left.window);
    window.addEventListener("scroll", () => this.#remember(), { passive: true, signal: this.#page.signal });
  }

  /** @param {number} [number] */
  #changed(number) {
    const grid = this.#grid;
    const { matching } = this.#pages;
    if (!grid || matching === null) return;
    grid.element.removeAttribute("aria-busy");
    grid.element.hidden = matching === 0;
    this.#none.hidden = matching !== 0;
    grid.size(matching);
    this.#counted(matching);
    this.#drawer?.refresh();
    if (this.#left) {
      const place = this.#left;
      this.#left = null;
      grid.place = place;
      if (place.beside) this.toggle();
      if (place.window) window.scrollTo(0, place.window);
    }
    if (matching === 0 || (number !== undefined && this.#pages.pictured(number))) this.#shown();
  }

  /** @param {unknown} error */
  #failed(error) {
    this.#shown();
    this.#counted(null);
    this.#grid?.element.removeAttribute("aria-busy");
    const retry = () => {
      fill(this.#trouble);
      this.#pages.stopped = false;
      if (this.#pages.matching === null) this.#pages.begin();
      else this.#grid?.draw();
    };
    fill(this.#trouble, problem(error, { retry, compact: true }));
  }

  /**
   * Say once why there are no images, in the service's own words.
   * @param {string} url
   */
  async #gone(url) {
    this.#shown();
    this.#grid?.draw();
    const { signal } = this.#page;
    const { pathname, searchParams } = new URL(url, location.origin);
    const retry = () => {
      fill(this.#trouble);
      this.#pages.retryImages();
      this.#grid?.draw();
    };
    const detail = "The images did not load. Try again; the scores are complete.";
    /** @type {unknown} */
    let reason = new Problem(0, { title: "No images", detail });
    try {
      await get(pathname.slice(address("").length), Object.fromEntries(searchParams), { signal });
    } catch (error) {
      reason = error;
    }
    if (!signal.aborted) fill(this.#trouble, problem(reason, { retry, compact: true }));
  }

  /**
   * Load what is in view, at a limited rate.
   * @param {number} first
   * @param {number} last
   */
  #look(first, last) {
    if (this.#looking) {
      this.#view = [first, last];
      return;
    }
    this.#pages.want(first, last);
    this.#looking = setTimeout(() => {
      this.#looking = undefined;
      const view = this.#view;
      this.#view = null;
      if (view && !this.#page.signal.aborted) this.#look(...view); // the same view too: its pages may be stale by now
    }, CALM_MILLISECONDS);
  }

  #remember() {
    clearTimeout(this.#remembering);
    this.#remembering = setTimeout(() => this.#keepPlace(), REMEMBER_MILLISECONDS);
  }

  /** Keep the place in the history, for the way back. */
  #keepPlace(focused = this.#grid?.place.focused) {
    clearTimeout(this.#remembering);
    if (this.#page.signal.aborted || this.#left) return;
    const gallery = { ...this.#grid?.place, focused, window: window.scrollY, beside: this.beside };
    history.replaceState({ ...history.state, gallery }, "");
  }
}
