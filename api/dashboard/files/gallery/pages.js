// The rows and images of a long list, page by page: asked for when they come into view, given up when they leave it.

import { calls } from "../http.js";

const SIZE = 60; // samples of a page: its rows are one call, its images one sprite
export const COLUMNS = 10; // of a sprite
const KEPT = 60; // pages

/**
 * `ask(offset, limit, signal)` answers {digest, matching, scores}; `sprite(indices)` the address of their images.
 * `changed(number)` is told when a page has rows or images, `failed(error)` when the rows cannot be had, `gone(url)`
 * when images cannot, `renewed(digest)` when the service has a newer table than the one that was shown.
 */
export class Pages {
  constructor({ ask, sprite, changed, failed, gone, renewed, signal }) {
    Object.assign(this, { ask, sprite, changed, failed, gone, renewed });
    this.matching = null;
    this.digest = null;
    this.images = true;
    this.stopped = false; // by a failure, until somebody tries again
    this.pages = new Map();
    signal.addEventListener("abort", () => this.#drop());
  }

  /** Begin anew, with another question or at another place; what was shown is forgotten. */
  begin(position = 0) {
    this.#drop();
    this.pages.clear();
    this.matching = null;
    this.digest = null;
    this.stopped = false;
    this.#load(Math.floor(position / SIZE));
  }

  /** Ask for all pages anew, while what is there goes on being shown. */
  renew(digest) {
    this.digest = digest;
    this.#drop();
    for (const page of this.pages.values()) page.stale = true;
  }

  /** Try the images again. */
  retryImages() {
    this.images = true;
    for (const page of this.pages.values()) if (!page.url) page.stale = true;
  }

  /** The sample at a position of the list: {row, url, place, lines}; null while it is on its way. */
  at(position) {
    const page = this.pages.get(Math.floor(position / SIZE));
    const row = page?.rows?.[position % SIZE];
    return row ? { row, url: page.url, place: position % SIZE, lines: Math.ceil(page.rows.length / COLUMNS) } : null;
  }

  /** Load the pages of these positions; calls for others are given up. */
  want(first, last) {
    const from = Math.floor(first / SIZE);
    const to = Math.floor(Math.max(first, last) / SIZE);
    for (const [number, page] of this.pages) {
      if (page.loading && (number < from || number > to)) this.#giveUp(number, page);
    }
    for (let number = from; number <= to && !this.stopped; number += 1) {
      const page = this.pages.get(number);
      if (!page || (page.stale && !page.loading)) this.#load(number);
    }
    for (const [number, page] of this.pages) {
      if (this.pages.size <= KEPT) break;
      if (!page.loading && (number < from || number > to)) this.pages.delete(number);
    }
  }

  async #load(number) {
    const before = this.pages.get(number);
    const loading = new AbortController();
    const { signal } = loading;
    const page = { rows: before?.rows, url: before?.url, image: before?.image, loading, stale: false };
    this.pages.delete(number);
    this.pages.set(number, page); // the newest last: the oldest are forgotten first
    try {
      const answer = await this.ask(number * SIZE, SIZE, signal);
      if (signal.aborted) return;
      if (this.digest !== null && answer.digest !== this.digest) {
        page.loading = null;
        this.renew(answer.digest);
        page.loading = loading;
        page.stale = false;
        this.renewed(answer.digest);
      }
      this.digest = answer.digest;
      this.matching = answer.matching;
      const show = (image) => {
        Object.assign(page, { rows: answer.scores, url: image?.src, image });
        this.changed(number);
      };
      const wanted = answer.scores.length && this.images;
      const url = wanted ? await this.sprite(answer.scores.map((one) => one.index)) : null;
      if (signal.aborted) return;
      const picture = url && this.#picture(url, signal); // on its way while the rows are drawn
      if (!page.url) show(null); // where images were shown, rows and images change at once
      show(await picture);
    } catch (error) {
      if (signal.aborted) return;
      if (!before) this.pages.delete(number);
      this.stopped = true;
      this.failed(error);
    } finally {
      if (page.loading === loading) page.loading = null;
    }
  }

  /** The decoded sprite, kept so that the browser keeps it; null where it cannot be had. */
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
        this.gone(url);
      }
      return null;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  #giveUp(number, page) {
    page.loading.abort();
    page.loading = null;
    if (page.rows) page.stale = true;
    else this.pages.delete(number);
  }

  #drop() {
    for (const [number, page] of this.pages) if (page.loading) this.#giveUp(number, page);
  }
}
