// One place of the gallery's grid: it shows whichever sample is in view there.

import { h } from "../dom.js";
import { fixed, interval, whole } from "../format.js";
import { cut } from "../parts/tile.js";
import { COLUMNS } from "./pages.js";

const inside = (value) => Math.min(1, Math.max(0, value));

export class Cell {
  constructor() {
    this.picture = h("span", { class: "picture" });
    this.name = h("span", {});
    this.mem = h("strong", {});
    this.range = h("i", {});
    this.dot = h("b", {});
    this.index = h("span", { class: "soft" });
    this.mark = h("span", {});
    this.link = h(
      "a",
      { class: "card", tabindex: "-1" },
      this.picture,
      h("span", { class: "line" }, this.name, this.mem),
      h("span", { class: "track" }, this.range, this.dot),
      h("span", { class: "line" }, this.index, this.mark),
    );
    this.element = h("div", { role: "gridcell" }, this.link);
    this.position = -1;
    this.row = undefined;
    this.url = undefined;
  }

  /** Show a sample of the list, or that it is on its way; `naming` has the words and addresses. */
  show(position, total, sample, naming) {
    const row = sample?.row ?? null;
    if (position !== this.position || row !== this.row || total !== this.total)
      this.#text(position, total, row, naming);
    const url = sample?.url ?? null;
    if (url !== this.url || (url && (row !== this.drawn || sample.lines !== this.lines))) this.#image(url, sample);
    const gone = row !== null && url === null && !naming.images();
    if (gone !== this.gone) this.picture.classList.toggle("gone", (this.gone = gone));
  }

  /** Take the place out of the list. */
  hide() {
    if (this.element.hidden) return;
    this.element.hidden = true;
    this.position = -1;
    delete this.link.dataset.index;
    this.#image(null, null);
  }

  #text(position, total, row, naming) {
    Object.assign(this, { position, total, row });
    const { link } = this;
    this.element.hidden = position >= total;
    link.classList.toggle("pending", row === null);
    if (row === null) {
      link.removeAttribute("href");
      link.removeAttribute("data-index");
      link.setAttribute("aria-label", `Sample ${whole(position + 1)} of ${whole(total)} is loading`);
      for (const text of [this.name, this.mem, this.index, this.mark]) text.textContent = "";
      this.mark.className = "";
      this.range.style.width = "0";
      this.dot.style.left = "-1rem";
      return;
    }
    const { index, label, mem, interval: ends, set } = row;
    const [low, high] = ends;
    const name = naming.name(label);
    link.href = naming.address(index);
    link.dataset.index = index;
    const error = low === null ? "" : `, interval ${interval(ends)}`;
    link.setAttribute(
      "aria-label",
      `${name}, mem ${fixed(mem)}${error}${set ? `, ${set}` : ""}, training sample ${index}, ${whole(position + 1)} of ${whole(total)}`,
    );
    link.title = `${name}, training sample ${index}\nmem ${fixed(mem, 3)}${low === null ? "" : `, 95 % interval ${interval(ends)}`}`;
    this.name.textContent = name;
    this.mem.textContent = fixed(mem);
    this.index.textContent = index;
    this.mark.textContent = set ?? "";
    this.mark.className = set ? `mark ${set}` : "";
    this.dot.style.left = mem === null ? "-1rem" : `${100 * inside(mem)}%`;
    this.range.style.left = `${100 * inside(low ?? 0)}%`;
    this.range.style.width = low === null ? "0" : `${100 * (inside(high) - inside(low))}%`;
  }

  #image(url, sample) {
    this.url = url;
    this.drawn = sample?.row;
    this.lines = sample?.lines;
    if (url) {
      cut(this.picture, url, sample.place, COLUMNS, sample.lines);
      this.link.dataset.drawn = "";
    } else {
      this.picture.style.backgroundImage = "none";
      delete this.link.dataset.drawn;
    }
  }
}
