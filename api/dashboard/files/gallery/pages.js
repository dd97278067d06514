// The rows and images of a long list, page by page: asked for when they come into view, given up when they leave it.

import { calls } from "../http.js";

/** @import { SampleScore, Scores } from "../api.js" */
/** @import { Shown } from "../types.js" */

const SIZE = 60; // samples of a page: its rows are one call, its images one sprite
export const COLUMNS = 10; // of a sprite
const KEPT = 60; // pages

/**
 * A page: rows and images once they are there (`image` keeps what `url` names in the browser), what ends its loading,
 * and whether to ask for it again.
 * @typedef {{
 *   rows: SampleScore[] | undefined,
 *   url: string | null | undefined,
 *   image: HTMLImageElement | null | undefined,
 *   loading: AbortController | null,
 *   stale: boolean,
 * }} PageOfRows
 */

/**
 * `ask` answers a part of the list, `sprite` the address of the images of samples (null: they have none). `changed` is called when a page has
 * rows or images, `failed` when the rows cannot be had, `gone` when images cannot, `renewed` when the service has a
 * newer table than the one that was shown.
 * @typedef {{
 *   ask: (offset: number, limit: number, signal: AbortSignal) => Promise<Scores>,
 *   sprite: (indices: number[]) => Promise<string | null>,
 *   changed: (number: number) => void,
 *   failed: (error: unknown) => void,
 *   gone: (url: string) => void,
 *   renewed: (digest: string) => void,
 *   signal: AbortSignal,
 * }} Options
 */

export class Pages {
  /** @type {number | null} */
  matching = null;
  /** @type {string | null} */
  digest = null;
  images = true;
  stopped = false; // by a failure, until somebody tries again
  /** @type {Map<number, PageOfRows>} */
  #pages = new Map();
  #options;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
    options.signal.addEventListener("abort", () => this.#drop());
  }

  /** Start over, with another question or at another place; what was shown is forgotten. */
  begin(position = 0) {
    this.#drop();
    this.#pages.clear();
    this.matching = null;
    this.digest = null;
    this.stopped = false;
    this.#load(Math.floor(position / SIZE));
  }

  /**
   * Ask for all pages again, while what is there goes on being shown.
   * @param {string} digest
   */
  renew(digest) {
    this.digest = digest;
    this.#drop();
    for (const page of this.#pages.values()) page.stale = true;
  }

  /** Try the images again. */
  retryImages() {
    this.images = true;
    for (const page of this.#pages.values()) if (!page.url) page.stale = true;
  }

  /**
   * Whether a page has its images.
   * @param {number} number
   */
  pictured(number) {
    return Boolean(this.#pages.get(number)?.url);
  }

  /**
   * The sample at a position of the list; null while it is on its way.
   * @param {number} position
   * @returns {Shown | null}
   */
  at(position) {
    const page = this.#pages.get(Math.floor(position / SIZE));
    const place = position % SIZE;
    if (!page?.rows?.[place]) return null;
    return { row: page.rows[place], url: page.url, place, lines: Math.ceil(page.rows.length / COLUMNS) };
  }

  /**
   * Load the pages of these positions; calls for others are given up.
   * @param {number} first
   * @param {number} last
   */
  want(first, last) {
    const from = Math.floor(first / SIZE);
    const to = Math.floor(Math.max(first, last) / SIZE);
    for (const [number, page] of this.#pages) {
      if (page.loading && (number < from || number > to)) this.#giveUp(number, page);
    }
    for (let number = from; number <= to && !this.stopped; number += 1) {
      const page = this.#pages.get(number);
      if (!page || (page.stale && !page.loading)) this.#load(number);
    }
    for (const [number, page] of this.#pages) {
      if (this.#pages.size <= KEPT) break;
      if (!page.loading && (number < from || number > to)) this.#pages.delete(number);
    }
  }

  /** @param {number} number */
  async #load(number) {
    const before = this.#pages.get(number);
    const loading = new AbortController();
    const { signal } = loading;
    /** @type {PageOfRows} */
    const page = { rows: before?.rows, url: before?.url, image: before?.image, loading, stale: false };
    this.#pages.delete(number);
    this.#pages.set(number, page); // the newest last: the oldest are forgotten first
    try {
      const answer = await this.#options.ask(number * SIZE, SIZE, signal);
      if (signal.aborted) return;
      this.#compare(answer.digest, page);
      this.digest = answer.digest;
      this.matching = answer.matching;
      /** @param {HTMLImageElement | null} image */
      const show = (image) => {
        Object.assign(page, { rows: answer.scores, url: image?.src, image });
        this.#options.changed(number);
      };
      const wanted = answer.scores.length && this.images;
      const url = wanted ? await this.#options.sprite(answer.scores.map((one) => one.index)) : null;
      if (signal.aborted) return;
      const picture = url === null ? null : this.#picture(url, signal); // on its way while the rows are drawn
      if (!page.url) show(null); // where images were shown, rows and images change at once
      show(await picture);
    } catch (error) {
      if (signal.aborted) return;
      if (!before) this.#pages.delete(number);
      this.stopped = true;
      this.#options.failed(error);
    } finally {
      if (page.loading === loading) page.loading = null;
    }
  }

  /**
   * Ask for all other pages again where an answer for `page` comes from a newer table.
   * @param {string} digest
   * @param {PageOfRows} page
   */
  #compare(digest, page) {
    if (this.digest === null || digest === this.digest) return;
    const { loading } = page;
    page.loading = null;
    this.renew(digest);
    page.loading = loading;
    page.stale = false;
    this.#options.renewed(digest);
  }

  /**
   * The decoded sprite, kept so that the browser keeps it; null where it cannot be had.
   * @param {string} url
   * @param {AbortSignal} signal
   */
  async #picture(url, signal) {
    const image = new Image();
    const stop = () => image.removeAttribute("src");
    const started = performance.now();
    signal.addEventListener("abort", stop);
    image.src = url;
    try {
      await image.decode();
      calls.note({ method: "GET", url, status: 200, milliseconds: performance.now() - started });
      return image;
    } catch {
      if (!signal.aborted && this.images) {
        this.images = false;
        this.#options.gone(url);
      }
      return null;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /**
   * @param {number} number
   * @param {PageOfRows} page
   */
  #giveUp(number, page) {
    page.loading?.abort();
    page.loading = null;
    if (page.rows) page.stale = true;
    else this.#pages.delete(number);
  }

  #drop() {
    for (const [number, page] of this.#pages) if (page.loading) this.#giveUp(number, page);
  }
}
