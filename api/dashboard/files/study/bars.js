// The bars of the histogram of mem, as the report draws them.
//
// Most values of mem lie on steps of 1 / held_out. A bar covers a whole number of steps, and its ends lie between two.

import { kind } from "../charts.js";

const BAR = 0.025; // least width of a bar, in units of mem
const MOST_BINS = 1000; // of one answer of the service

/** How bars are made of the service's bins; `heldOut`: trials that held a sample out, 0 where nobody knows. */
export function plan(heldOut) {
  const bins = 4 * heldOut; // half a step each
  if (!heldOut || bins > MOST_BINS) {
    const odd = heldOut % 79 ? 79 : 83; // an odd number of bins has one around 0, and hardly an edge on a step
    return { bins: odd, join: 1 };
  }
  return { bins, join: 2 * Math.ceil(BAR * heldOut - 1e-9) };
}

/** Bars {from, to, count, typical, between, atypical} of a histogram, from the first with samples to the last. */
export function barsOf({ edges, counts }, { join }) {
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

/** The step that a bin of half a step belongs to: the value of mem that most of its samples have. */
const step = (edges, bin) => (bin % 2 ? edges[bin + 1] : edges[bin]);

/** The edge at a place, which may lie beyond the service's range. */
const edge = (edges, place) => edges[0] + place * (edges[1] - edges[0]);
