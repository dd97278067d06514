// The bars of the histogram of mem, as the report draws them.
//
// Most values of mem lie on steps of 1 / held_out. A bar covers a whole number of steps, and its ends lie between two.

import { KINDS, kind } from "../charts.js";

/** @import { Histogram, StudyMessage } from "../api.js" */
/** @import { Group } from "../charts.js" */

const BAR = 0.025; // least width of a bar, in units of mem
const MOST_BINS = 1000; // of one answer of the service

/**
 * The number of samples with mem between `from` and `to`, and of their kinds.
 * @typedef {{ from: number, to: number, count: number, typical: number, between: number, atypical: number }} Bar
 */

/**
 * How many bins to ask for, and how many of them make a bar.
 * @typedef {{ bins: number, join: number }} Bins
 */

/**
 * Trials that held a sample out, about; 0 for imported scores.
 * @param {StudyMessage} study
 */
export function heldOut({ imported, design, table }) {
  if (imported || !design || !table) return 0;
  return Math.round(table.trials * (1 - design.subset_ratio));
}

/**
 * How the bars of a study's histogram are made of the service's bins.
 * @param {StudyMessage} study
 * @returns {Bins}
 */
export function plan(study) {
  const held = heldOut(study);
  const bins = 4 * held; // half a step each
  if (!held || bins > MOST_BINS) {
    const odd = held % 79 ? 79 : 83; // an odd number of bins has one around 0, and hardly an edge on a step
    return { bins: odd, join: 1 };
  }
  return { bins, join: 2 * Math.ceil(BAR * held - 1e-9) };
}

/**
 * The bars of a histogram, from the first with samples to the last.
 * @param {Histogram} histogram
 * @param {Bins} bins
 */
export function barsOf({ edges, counts }, { join }) {
  /** @type {Bar[]} */
  const bars = [];
  const half = join === 1 ? 0 : 1; // bins by which the ends of bars lie below a step
  const zero = counts.length / 2;
  const begin = ((zero - half) % join) - join;
  for (let at = begin; at < counts.length; at += join) {
    const bar = { from: edge(edges, at), to: edge(edges, at + join), count: 0, typical: 0, between: 0, atypical: 0 };
    for (let bin = Math.max(0, Math.floor(at)); bin < Math.min(counts.length, at + join); bin += 1) {
      bar.count += counts[bin];
      bar[kind(join === 1 ? (edges[bin] + edges[bin + 1]) / 2 : step(edges, bin))] += counts[bin];
    }
    bars.push(bar);
  }
  const filled = bars.map((bar) => bar.count > 0);
  return bars.slice(Math.max(0, filled.indexOf(true)), filled.lastIndexOf(true) + 1);
}

/**
 * Draw bars, each stacked of its kinds; returns the group of the marks, whose data are the bars.
 * @param {Group} group
 * @param {Bar[]} bars
 * @param {(mem: number) => number} x
 * @param {(count: number) => number} y
 */
export function drawBars(group, bars, x, y) {
  const marks = group.append("g");
  for (const bar of bars) {
    let below = 0;
    for (const one of KINDS) {
      if (!bar[one]) continue;
      const mark = marks.append("rect").datum(bar).attr("class", one);
      mark.attr("x", x(bar.from) + 0.5).attr("width", Math.max(1, x(bar.to) - x(bar.from) - 1));
      mark.attr("y", y(below + bar[one])).attr("height", y(below) - y(below + bar[one]));
      below += bar[one];
    }
  }
  return marks;
}

/**
 * The step that a bin of half a step belongs to: the value of mem that most of its samples have.
 * @param {number[]} edges
 * @param {number} bin
 */
const step = (edges, bin) => (bin % 2 ? edges[bin + 1] : edges[bin]);

/**
 * The edge at a place, which may lie beyond the service's range.
 * @param {number[]} edges
 * @param {number} place
 */
const edge = (edges, place) => edges[0] + place * (edges[1] - edges[0]);
