// Asks Prometheus what Grafana would ask it.

// As Grafana rounds intervals, in milliseconds: below the first, the second.
const rounded = [
  [15, 10], [35, 20], [75, 50], [150, 100], [350, 200], [750, 500], [1500, 1000], [3500, 2000], [7500, 5000],
  [12500, 10000], [17500, 15000], [25000, 20000], [45000, 30000], [90000, 60000], [210000, 120000], [450000, 300000],
  [750000, 600000], [1050000, 900000], [1500000, 1200000], [2700000, 1800000], [5400000, 3600000],
];

// variables are what the names in a query stand for, on a panel with that many points.
function interval(window, points) {
  const wanted = (window.to - window.from) / points;
  const fits = rounded.find(([below]) => wanted < below)?.[1] ?? 7200000;
  return Math.max(fits, window.scrape);
}

function interpolate(text, variables) {
  return text.replace(/\$\{?(\w+)\}?/g, (all, name) => variables[name] ?? all);
}

async function ask(path, parameters) {
  const answer = await fetch(`api/v1/${path}?${new URLSearchParams(parameters)}`);
  const body = await answer.json();
  if (body.status !== 'success') throw new Error(`${parameters.query}: ${body.error}`);
  return body.data;
}

// variable evaluates a variable of the kind label_values(metric, label), and takes the first value.
export async function variable(definition, window) {
  const [, metric, label] = definition.match(/^label_values\((\w+), (\w+)\)$/);
  const values = await ask(`label/${label}/values`,
    { 'match[]': metric, start: window.from / 1000, end: window.to / 1000 });
  return values[0];
}

// series are the results of all of a panel's queries: a name, labels, and points of time in ms and value.
export async function series(panel, window, values, points) {
  const all = [];
  for (const target of panel.targets) {
    const every = interval(window, points);
    const query = interpolate(target.expr, {
      ...values, __interval: `${every}ms`, __range: `${window.to - window.from}ms`,
      __rate_interval: `${Math.max(every + window.scrape, 4 * window.scrape)}ms`,
    });
    const data = target.instant
      ? await ask('query', { query, time: window.to / 1000 })
      : await ask('query_range', {
        query, step: every / 1000,
        start: Math.floor(window.from / every) * every / 1000, end: Math.floor(window.to / every) * every / 1000,
      });
    for (const result of data.result) {
      const name = target.legendFormat.replace(/{{\s*(\w+)\s*}}/g, (_, label) => result.metric[label] ?? '');
      const found = (result.values ?? [result.value]).map(([time, value]) => [time * 1000, Number(value)]);
      all.push({ name, labels: result.metric, points: found, every });
    }
  }
  return all;
}
