// One function for each kind of panel that the dashboard has: series in, SVG out.
import { color, escape, format, paletteColor, thresholdColor, width } from './format.js';
import { frame, label, legend, timeAxis, valueAxis } from './axes.js';

const finite = (points) => points.filter(([, value]) => Number.isFinite(value));
const last = (series) => finite(series.points).at(-1)?.[1];

// overridden is the color that the panel's overrides give to a name, if they do.
function overridden(panel, name) {
  for (const { matcher, properties } of panel.fieldConfig.overrides) {
    const [, source] = matcher.options.match(/^\/(.*)\/$/) ?? [];
    const fits = matcher.id === 'byRegexp' ? new RegExp(source ?? matcher.options).test(name) : matcher.options === name;
    if (fits) return color(properties.find(({ id }) => id === 'color').value.fixedColor);
  }
  return undefined;
}

// runs cuts a line where points are missing.
function runs(points, every) {
  const parts = [];
  points.forEach((point, i) => {
    if (!Number.isFinite(point[1])) return;
    const before = points[i - 1];
    if (!before || !Number.isFinite(before[1]) || point[0] - before[0] > 1.5 * every) parts.push([]);
    parts.at(-1).push(point);
  });
  return parts;
}

function path(plot, points, stepped) {
  return points.map(([time, value], i) => {
    const at = `${plot.toX(time).toFixed(1)},${plot.toY(value).toFixed(1)}`;
    if (i === 0) return `M${at}`;
    return stepped ? `H${plot.toX(time).toFixed(1)}V${plot.toY(value).toFixed(1)}` : `L${at}`;
  }).join('');
}

// stack adds each series to those below it.
function stack(all) {
  const below = new Map();
  return all.map((one) => ({
    ...one,
    base: one.points.map(([time]) => [time, below.get(time) ?? 0]),
    points: one.points.map(([time, value]) => {
      const sum = (below.get(time) ?? 0) + (Number.isFinite(value) ? value : 0);
      below.set(time, sum);
      return [time, sum];
    }),
  }));
}

export function timeseries(panel, all, box, window) {
  const { custom, unit, decimals, min, max } = panel.fieldConfig.defaults;
  all.forEach((one, i) => { one.color = overridden(panel, one.name) ?? paletteColor(i); });
  const named = legend(box, all.map((one) => [escape(one.name), one.color]));
  const stacked = custom.stacking.mode === 'normal';
  const drawn = stacked ? stack(all) : all;
  const values = drawn.flatMap((one) => finite(one.points).map(([, value]) => value));
  const axis = valueAxis(min ?? Math.min(...values), max ?? Math.max(...values) * 1.02, named.rest.h - 26, unit, decimals);
  const plot = frame(named.rest, axis, window);
  const stepped = custom.lineInterpolation === 'stepAfter';
  let svg = '';
  for (const one of drawn) {
    for (const run of runs(one.points, one.every)) {
      const line = path(plot, run, stepped);
      const floor = stacked ? one.base.filter(([time]) => time >= run[0][0] && time <= run.at(-1)[0]).reverse()
        : [[run.at(-1)[0], axis.low], [run[0][0], axis.low]];
      const area = line + path(plot, floor, false).replace('M', 'L') + 'Z';
      if (custom.fillOpacity > 0) svg += `<path d="${area}" fill="${one.color}" fill-opacity="${custom.fillOpacity / 100}"/>`;
      svg += `<path d="${line}" fill="none" stroke="${one.color}" stroke-width="${custom.lineWidth}" stroke-linejoin="round"/>`;
    }
  }
  return plot.svg + svg + named.svg;
}

export function stat(panel, all, box, window) {
  const { unit, decimals, thresholds } = panel.fieldConfig.defaults;
  const value = last(all[0]);
  const fill = thresholdColor(thresholds, value);
  const spark = panel.options.graphMode === 'area' && all[0].points.length > 1;
  const text = format(value, unit, decimals);
  const size = Math.min(40, 40 * (box.w - 8) / width(text, 40, 500));
  const middle = box.y + box.h * (spark ? 0.34 : 0.46);
  let svg = `<text x="${box.x + box.w / 2}" y="${middle + size * 0.36}" font-size="${size}" font-weight="500" fill="${fill}"
    text-anchor="middle">${escape(text)}</text>`;
  if (!spark) return svg;
  const values = finite(all[0].points).map(([, v]) => v);
  const plot = {
    toX: (t) => box.x - 8 + (t - window.from) / (window.to - window.from) * (box.w + 16),
    toY: (v) => box.y + box.h + 4 - v / (Math.max(...values) || 1) * box.h * 0.34,
  };
  for (const run of runs(all[0].points, all[0].every)) {
    const line = path(plot, run, false);
    const floor = `L${plot.toX(run.at(-1)[0])},${box.y + box.h + 8}L${plot.toX(run[0][0])},${box.y + box.h + 8}Z`;
    svg += `<path d="${line}${floor}" fill="${fill}" fill-opacity="0.2"/>`;
    svg += `<path d="${line}" fill="none" stroke="${fill}" stroke-width="1.5"/>`;
  }
  return svg;
}

// oranges is ColorBrewer's scheme, dark to light as on a dark page.
function oranges(share) {
  const stops = [[127, 39, 4], [166, 54, 3], [217, 72, 1], [241, 105, 19], [253, 141, 60], [253, 174, 107], [253, 208, 162]];
  const at = share * (stops.length - 1);
  const i = Math.min(Math.floor(at), stops.length - 2);
  return `rgb(${stops[i].map((c, k) => Math.round(c + (stops[i + 1][k] - c) * (at - i))).join(',')})`;
}

// buckets turns the cumulative ones of a histogram into what each holds by itself.
function buckets(all) {
  const sorted = all.map((one) => ({ ...one, le: Number(one.labels.le.replace('+Inf', 'Infinity')) })).sort((a, b) => a.le - b.le);
  const below = new Map();
  return sorted.map((one) => ({
    ...one,
    points: one.points.map(([time, value]) => {
      const own = Math.max(0, value - (below.get(time) ?? 0));
      below.set(time, value);
      return [time, own];
    }),
  }));
}

export function heatmap(panel, all, box, window) {
  const { color: colors, yAxis, filterValues, cellGap } = panel.options;
  const rows = buckets(all);
  const most = Math.max(...rows.flatMap((row) => finite(row.points).map(([, v]) => v)));
  const scaleBar = 30;
  const names = rows.map((row) => (Number.isFinite(row.le) ? format(row.le, yAxis.unit) : '+Inf'));
  const room = Math.max(...names.map((name) => width(name, 11))) + 10;
  const plot = { x: box.x + room, y: box.y + 4, w: box.w - room, h: box.h - 24 - scaleBar };
  let svg = timeAxis(plot, window);
  const high = plot.h / rows.length;
  rows.forEach((row, i) => {
    const y = plot.y + plot.h - (i + 1) * high;
    if (i % 2 === 0 || high >= 12) svg += label(plot.x - 7, y + 4, names[i], 'end');
    const wide = row.every / (window.to - window.from) * plot.w;
    for (const [time, value] of row.points) {
      if (!(value > filterValues.le)) continue;
      const x = plot.x + (time - window.from) / (window.to - window.from) * plot.w - wide;
      if (x < plot.x - 0.5) continue;
      const fill = oranges((value / most) ** colors.exponent);
      svg += `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${Math.max(0.5, wide - cellGap).toFixed(1)}"
        height="${(high - cellGap).toFixed(1)}" fill="${fill}"/>`;
    }
  });
  const y = box.y + box.h - 18;
  const stops = [0, 0.25, 0.5, 0.75, 1].map((s) => `<stop offset="${s}" stop-color="${oranges(s ** colors.exponent)}"/>`).join('');
  svg += `<defs><linearGradient id="heat">${stops}</linearGradient></defs>
    <rect x="${plot.x}" y="${y}" width="180" height="8" fill="url(#heat)"/>`;
  return svg + label(plot.x + 188, y + 8, `0 – ${format(most, panel.options.cellValues.unit)} in a bucket`);
}

export function stateTimeline(panel, all, box, window) {
  const { mappings } = panel.fieldConfig.defaults;
  const states = mappings[0].options;
  const named = legend(box, Object.values(states).sort((a, b) => b.index - a.index).map((s) => [escape(s.text), color(s.color)]));
  const room = Math.max(...all.map((one) => width(one.name, 12))) + 12;
  const plot = { x: box.x + room, y: box.y + 6, w: box.w - room, h: named.rest.h - 26 };
  let svg = timeAxis(plot, window);
  const high = plot.h / all.length;
  const toX = (time) => plot.x + Math.min(1, Math.max(0, (time - window.from) / (window.to - window.from))) * plot.w;
  all.forEach((one, i) => {
    const y = plot.y + (i + (1 - panel.options.rowHeight) / 2) * high;
    svg += `<text x="${plot.x - 8}" y="${y + high * panel.options.rowHeight / 2 + 4}" font-size="12" fill="#ccccdc"
      text-anchor="end">${escape(one.name)}</text>`;
    for (const run of runs(one.points, one.every)) {
      for (let at = 0; at < run.length;) {
        let next = at + 1;
        while (next < run.length && run[next][1] === run[at][1]) next++;
        const state = states[run[at][1]];
        const [left, right] = [toX(run[at][0]), toX(run[Math.min(next, run.length - 1)][0])];
        svg += `<rect x="${left}" y="${y}" width="${Math.max(1, right - left - 1)}" height="${high * panel.options.rowHeight}"
          fill="${color(state.color)}" fill-opacity="0.8"/>`;
        if (right - left > width(state.text, 12) + 12) {
          svg += `<text x="${left + 8}" y="${y + high * panel.options.rowHeight / 2 + 4}" font-size="12"
            fill="#111217">${escape(state.text)}</text>`;
        }
        at = next;
      }
    }
  });
  return svg + named.svg;
}

export function bargauge(panel, all, box) {
  const { unit, decimals, color: { fixedColor } } = panel.fieldConfig.defaults;
  const most = Math.max(...all.map(last)) || 1;
  const room = Math.max(...all.map((one) => width(one.name, 12))) + 10;
  const wide = box.w - room - 72;
  const high = box.h / all.length;
  const fill = color(fixedColor);
  return `<defs><linearGradient id="bar"><stop offset="0" stop-color="${fill}" stop-opacity="0.25"/>
    <stop offset="1" stop-color="${fill}"/></linearGradient></defs>` + all.map((one, i) => {
    const y = box.y + i * high;
    const middle = y + high / 2 + 4;
    return `<text x="${box.x}" y="${middle}" font-size="12" fill="#ccccdc">${escape(one.name)}</text>
      <rect x="${box.x + room}" y="${y + 3}" width="${wide}" height="${high - 6}" fill="rgba(204,204,220,0.05)"/>
      <rect x="${box.x + room}" y="${y + 3}" width="${Math.max(1, last(one) / most * wide)}" height="${high - 6}" fill="url(#bar)"/>
      <text x="${box.x + box.w}" y="${middle}" font-size="13" fill="${fill}" text-anchor="end">${
  escape(format(last(one), unit, decimals))}</text>`;
  }).join('');
}
