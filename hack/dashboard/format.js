// Numbers, times and colors as Grafana writes them.

const named = {
  green: '#73BF69', yellow: '#FADE2A', blue: '#5794F2', orange: '#FF9830', red: '#F2495C', purple: '#B877D9', text: '#ccccdc',
};

const classic = [
  '#73BF69', '#F2CC0C', '#8AB8FF', '#FF780A', '#F2495C', '#5794F2', '#B877D9', '#705DA0', '#37872D', '#FADE2A', '#447EBC',
  '#C15C17',
];

export const color = (name) => named[name] ?? name;
export const paletteColor = (i) => classic[i % classic.length];

// thresholdColor is that of the last step which the value has reached.
export function thresholdColor(thresholds, value) {
  let reached = thresholds.steps[0].color;
  for (const step of thresholds.steps) if (step.value === null || value >= step.value) reached = step.color;
  return color(reached);
}

const seconds = [
  [1e-3, 1e6, ' µs'], [1, 1e3, ' ms'], [60, 1, ' s'], [3600, 1 / 60, ' mins'], [86400, 1 / 3600, ' hours'],
  [604800, 1 / 86400, ' days'], [31536000, 1 / 604800, ' weeks'], [Infinity, 1 / 31536000, ' years'],
];

function scaled(value, unit) {
  if (unit === 's') {
    if (value === 0) return [0, ' s'];
    const [, factor, suffix] = seconds.find(([below]) => Math.abs(value) < below);
    return [value * factor, suffix];
  }
  if (unit === 'percentunit') return [value * 100, '%'];
  if (unit === 'reqps') return [value, ' req/s'];
  if (unit === 'ops') return [value, ' ops/s'];
  if (unit?.startsWith('suffix:')) return [value, unit.slice('suffix:'.length)];
  return [value, ''];
}

// format writes a value; without decimals it has three significant digits.
export function format(value, unit, decimals) {
  if (value === undefined || !Number.isFinite(value)) return '–';
  const [number, suffix] = scaled(value, unit);
  const digits = decimals ?? Math.max(0, 2 - Math.floor(Math.log10(Math.abs(number) || 100)));
  const text = number.toFixed(Math.min(digits, 6));
  return (decimals === undefined && text.includes('.') ? text.replace(/\.?0+$/, '') : text) + suffix;
}

export function clock(ms, withSeconds) {
  const text = new Date(ms).toISOString();
  return text.slice(11, withSeconds ? 19 : 16);
}

export const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

const pen = document.createElement('canvas').getContext('2d');

// width is that of a text, in pixels.
export function width(text, size, weight = 400) {
  pen.font = `${weight} ${size}px Inter, Helvetica, Arial, sans-serif`;
  return pen.measureText(text).width;
}
