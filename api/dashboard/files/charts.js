// What the charts share: D3, a frame that follows the width of its place, axes, and colours by meaning.

export const d3 = globalThis.d3;

export const TYPICAL = 0.02; // mem below it: typical, as Xu et al. (2021) set it
export const ATYPICAL = 0.15; // mem above it: atypical

/** "typical", "between" or "atypical" for a value of mem: the classes that colour marks (style/charts.css). */
export const kind = (mem, low = TYPICAL, high = ATYPICAL) =>
  mem < low ? "typical" : mem > high ? "atypical" : "between";

/**
 * A chart in `place` (emptied), drawn anew whenever its width changes. `draw(svg, { width, height })` gets a D3 selection
 * of a group inside the margins. `label` is what screen readers hear instead. Returns a function that draws again.
 */
export function chart(place, { height, margin = {}, label, draw, signal }) {
  const edge = { top: 8, right: 12, bottom: 36, left: 48, ...margin };
  d3.select(place).selectAll("svg").remove();
  const svg = d3.select(place).append("svg").attr("class", "chart").attr("role", "img").attr("aria-label", label);
  let shown = 0;
  const redraw = () => {
    const width = place.clientWidth;
    if (!width) return;
    shown = width;
    svg.attr("width", width).attr("height", height).attr("viewBox", `0 0 ${width} ${height}`);
    svg.selectAll("*").remove();
    const inner = svg.append("g").attr("transform", `translate(${edge.left},${edge.top})`);
    draw(inner, { width: Math.max(40, width - edge.left - edge.right), height: height - edge.top - edge.bottom });
  };
  const observer = new ResizeObserver(() => place.clientWidth !== shown && redraw());
  observer.observe(place);
  signal?.addEventListener("abort", () => observer.disconnect());
  redraw();
  return redraw;
}

/** Axes at the foot and on the left of a chart, with their titles. */
export function axes(
  group,
  { x, y, width, height, xTitle, yTitle, xTicks = 8, yTicks = 5, xFormat, yFormat, yValues, yTitleAt = 36 },
) {
  const bottom = d3
    .axisBottom(x)
    .ticks(Math.max(2, Math.min(xTicks, Math.floor(width / 50))))
    .tickSizeOuter(0);
  const left = d3.axisLeft(y).ticks(yTicks).tickSizeOuter(0);
  if (xFormat) bottom.tickFormat(xFormat);
  if (yFormat) left.tickFormat(yFormat);
  if (yValues) left.tickValues(yValues);
  group.append("g").attr("class", "axis").attr("transform", `translate(0,${height})`).call(bottom);
  group.append("g").attr("class", "axis").call(left);
  if (xTitle)
    group
      .append("text")
      .attr("class", "axis-title")
      .attr("x", width / 2)
      .attr("y", height + 32)
      .attr("text-anchor", "middle")
      .text(xTitle);
  if (yTitle) {
    group
      .append("text")
      .attr("class", "axis-title")
      .attr("transform", "rotate(-90)")
      .attr("x", -height / 2)
      .attr("y", -yTitleAt)
      .attr("text-anchor", "middle")
      .text(yTitle);
  }
}

/** Counts from 0 on a scale that is logarithmic in count + 1, so that rare values can be seen, and its ticks. */
export function countScale(most, height) {
  const log = d3
    .scaleLog()
    .domain([1, 1.15 * (Math.max(10, most) + 1)])
    .range([height, 0]);
  const scale = (count) => log(count + 1);
  scale.copy = () => scale; // what an axis asks of a scale
  scale.domain = () => [0, most];
  scale.range = () => [height, 0];
  const ticks = [0, 10, 100, 1000, 10_000, 100_000, 1_000_000].filter((tick) => tick <= most * 1.05);
  return { scale, ticks: ticks.length > 2 ? ticks : [0, Math.round(most / 2), most] };
}
