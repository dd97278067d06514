// The samples that the reader has selected, whatever the list shows.

export class Selection {
  /** Called after each change. @type {(() => void)[]} */
  listeners = [];
  /** @type {Set<number>} */
  #indices = new Set();

  get size() {
    return this.#indices.size;
  }

  /** In ascending order. */
  get indices() {
    return [...this.#indices].sort((a, b) => a - b);
  }

  /** @param {number} index */
  has(index) {
    return this.#indices.has(index);
  }

  /** @param {number} index */
  toggle(index) {
    if (!this.#indices.delete(index)) this.#indices.add(index);
    this.#changed();
  }

  /** @param {number[]} indices */
  add(indices) {
    for (const index of indices) this.#indices.add(index);
    this.#changed();
  }

  clear() {
    this.#indices.clear();
    this.#changed();
  }

  #changed() {
    for (const listener of this.listeners) listener();
  }
}
