// The frame of a plot: where values and times are on the page, grid lines and labels.
import { clock, format, width } from './format.js';

const grid = 'rgba(204,204,220,0.09)';
const faint = 'rgba(204,204,220,0.75)';

export const label = (x, y, text, anchor = 'start') =>
  `<text x="${x}" y="${y}" font-size="11" fill="${faint}" text-anchor="${anchor}">${text}</text>`;

// nice is a step of 1, 2 or 5 times a power of ten that divides the span into about n.
function nice(span, n) {
  const power = 10 ** Math.floor(Math.log10(span / n));
  return [1, 2, 5, 10].map((m) => m * power).find((step) => span / step <= n);
}

// valueAxis chooses the ticks of the values between low and high, for a plot of that height.
export function valueAxis(low, high, height, unit, decimals) {
  if (!(high > low)) high = low + 1;
  // A time's steps are round in the unit that it is written in.
  const scale = unit === 's' ? [1, 1e3, 1e6].find((factor) => high * factor >= 1) ?? 1 : 1;
  let step = nice((high - low) * scale, Math.max(2, height / 38)) / scale;
  if (decimals === 0) step = Math.max(1, Math.round(step));
  const ticks = [];
  const top = Math.ceil(high / step - 1e-9) * step;
  for (let i = Math.round(low / step); i * step <= top + step / 1e3; i++) ticks.push(i * step);
  return { low, high: top, ticks: ticks.map((value) => [value, format(value, unit, decimals)]) };
}

// timeAxis draws the times below the plot.
export function timeAxis(plot, window) {
  const minutes = (window.to - window.from) / 60000;
  const step = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 240].find((m) => minutes / m <= plot.w / 75) * 60000;
  let out = '';
  for (let t = Math.ceil(window.from / step) * step; t <= window.to; t += step) {
    const x = plot.x + (t - window.from) / (window.to - window.from) * plot.w;
    out += `<line x1="${x}" x2="${x}" y1="${plot.y}" y2="${plot.y + plot.h}" stroke="${grid}"/>`;
    const text = clock(t, step < 60000);
    if (x + width(text, 11) / 2 < plot.x + plot.w + 8) out += label(x, plot.y + plot.h + 15, text, 'middle');
  }
  return out;
}

// frame makes room for the labels of the values in a box, and says where things are in the rest.
export function frame(box, axis, window) {
  const room = Math.max(...axis.ticks.map(([, text]) => width(text, 11))) + 10;
  const plot = { x: box.x + room, y: box.y + 6, w: box.w - room, h: box.h - 26 };
  plot.toX = (time) => plot.x + (time - window.from) / (window.to - window.from) * plot.w;
  plot.toY = (value) => plot.y + plot.h - (value - axis.low) / (axis.high - axis.low) * plot.h;
  plot.svg = timeAxis(plot, window);
  for (const [value, text] of axis.ticks) {
    const y = plot.toY(value);
    plot.svg += `<line x1="${plot.x}" x2="${plot.x + plot.w}" y1="${y}" y2="${y}" stroke="${grid}"/>`;
    plot.svg += label(plot.x - 7, y + 4, text, 'end');
  }
  return plot;
}

// legend lists names with their colors, at the bottom of the box, and leaves the rest of it.
export function legend(box, entries) {
  const lines = [[]];
  let x = 0;
  for (const [name, color] of entries) {
    const room = width(name, 12) + 36;
    if (x + room > box.w + 14 && x > 0) { lines.push([]); x = 0; }
    lines.at(-1).push([x, name, color]);
    x += room;
  }
  const height = lines.length * 19 + 4;
  let svg = '';
  lines.forEach((line, i) => {
    const y = box.y + box.h - height + 17 + i * 19;
    for (const [at, name, color] of line) {
      svg += `<rect x="${box.x + at}" y="${y - 6}" width="14" height="4" rx="2" fill="${color}"/>`;
      svg += `<text x="${box.x + at + 20}" y="${y}" font-size="12" fill="#ccccdc">${name}</text>`;
    }
  });
  return { svg, rest: { ...box, h: box.h - height } };
}
