// Figures from the statistics: rates, shares and quantiles, and how they are written. No page here, so tests run it alone.

// JSON of protobuf has 64-bit numbers as text.
export const number = (value) => Number(value ?? 0);

export const ROLES = ['hits', 'followers', 'leaders', 'relays', 'bypasses', 'departed', 'refused'];

const seconds = (stats) => Date.parse(stats.at) / 1000;

const sum = (list, value) => list.reduce((total, item) => total + value(item), 0);

// What all routes counted together, since the start.
export function totals(stats) {
  const total = {calls: 0, saved: 0, savedBytes: 0, upstream: 0};
  for (const role of ROLES) total[role] = sum(stats.routes, (route) => number(route[role]));
  total.calls = sum(stats.routes, (route) => number(route.calls));
  total.saved = sum(stats.routes, (route) => number(route.saved));
  total.savedBytes = sum(stats.routes, (route) => number(route.savedBytes));
  total.upstream = sum(stats.upstreams, (upstream) => number(upstream.calls));
  total.stores = number(stats.cache?.stores);
  total.evictions = number(stats.cache?.evictions);
  return total;
}

// Each total per second between two statistics; a counter that went back began anew.
export function rates(before, after) {
  const elapsed = seconds(after) - seconds(before);
  const [from, to] = [totals(before), totals(after)];
  const rate = {};
  for (const name of Object.keys(to)) {
    rate[name] = elapsed > 0 ? Math.max(0, to[name] - from[name]) / elapsed : 0;
  }
  return rate;
}

// The same by name of one list, such as the calls of each route.
export function ratesBy(before, after, list, key, field) {
  const elapsed = seconds(after) - seconds(before);
  const was = new Map(before[list].map((item) => [item[key], number(item[field])]));
  return new Map(after[list].map((item) => {
    const grown = number(item[field]) - (was.get(item[key]) ?? 0);
    return [item[key], elapsed > 0 ? Math.max(0, grown) / elapsed : 0];
  }));
}

// The part of all calls that the backends did not get; null while there were none.
export const share = (saved, calls) => calls > 0 ? Math.min(1, saved / calls) : null;

// One histogram of several, less what stood there before.
export function merge(histograms, before = []) {
  const merged = {bounds: [], counts: []};
  const add = (histogram, sign) => {
    if (!histogram?.counts?.length) return;
    if (merged.bounds.length === 0) merged.bounds = histogram.bounds;
    histogram.counts.forEach((count, at) => {
      merged.counts[at] = (merged.counts[at] ?? 0) + sign * number(count);
    });
  };
  histograms.forEach((histogram) => add(histogram, 1));
  before.forEach((histogram) => add(histogram, -1));
  return merged;
}

// In seconds, linear within a bucket; null: nothing was observed. Above the last bound it is that bound.
export function quantile(histogram, part) {
  const counts = histogram.counts.map((count) => Math.max(0, count));
  const all = sum(counts, (count) => count);
  if (all === 0) return null;
  let left = part * all;
  for (let at = 0; at < counts.length; ++at) {
    if (left > counts[at] || counts[at] === 0) {
      left -= counts[at];
      continue;
    }
    const low = at === 0 ? 0 : histogram.bounds[at - 1];
    const high = histogram.bounds[at] ?? low;
    return low + (high - low) * left / counts[at];
  }
  return histogram.bounds.at(-1);
}

export const callHistograms = (stats, route) => stats.routes
    .filter((one) => route === undefined || one.route === route)
    .flatMap((one) => one.latencies ?? []).map((latency) => latency.histogram);

// --- in writing -----------------------------------------------------------------------------------------------------

const LOCALE = 'en';
const GAP = '\u00a0'; // a figure stays with its unit
const whole = new Intl.NumberFormat(LOCALE, {maximumFractionDigits: 0});
const short = new Intl.NumberFormat(LOCALE, {maximumSignificantDigits: 3, notation: 'compact'});

export const count = (value) => whole.format(value);
export const compact = (value) => Math.abs(value) < 10000 ? whole.format(value) : short.format(value);

// "1 call", "2 calls".
export const amount = (value, unit) => `${compact(value)} ${unit}${value === 1 ? '' : 's'}`;

export function perSecond(value) {
  if (value > 0 && value < 9.95) return value.toFixed(1);
  return compact(value);
}

export function percent(part) {
  if (part === null) return '–';
  const value = part * 100;
  if (value === 0 || value === 100) return `${value}${GAP}%`;
  if (value < 0.1) return `<${GAP}0.1${GAP}%`;
  if (value > 99) return `${Math.min(99.99, value).toFixed(2)}${GAP}%`;
  return `${value.toFixed(1)}${GAP}%`;
}

export function duration(inSeconds) {
  if (inSeconds === null || inSeconds === undefined) return '–';
  if (inSeconds < 0.001) return `${Math.round(inSeconds * 1e6)}${GAP}µs`;
  if (inSeconds < 0.01) return `${(inSeconds * 1000).toFixed(1)}${GAP}ms`;
  if (inSeconds < 1) return `${Math.round(inSeconds * 1000)}${GAP}ms`;
  return `${inSeconds.toFixed(inSeconds < 10 && inSeconds % 1 !== 0 ? 1 : 0)}${GAP}s`;
}

export function bytes(value) {
  let amount = number(value);
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (amount < 1024) return `${amount < 10 && unit !== 'B' ? amount.toFixed(1) : Math.round(amount)}${GAP}${unit}`;
    amount /= 1024;
  }
  return `${amount.toFixed(1)}${GAP}TiB`;
}

// "3d 4h", the two largest parts.
export function span(inSeconds) {
  const parts = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
  let left = Math.max(0, Math.floor(inSeconds));
  const said = [];
  for (const [unit, size] of parts) {
    const amount = Math.floor(left / size);
    left -= amount * size;
    if (amount > 0 && said.length < 2) said.push(`${amount} ${unit}`);
  }
  return said.join(' ') || '0 s';
}

export const secondsOf = (durationText) => parseFloat(durationText ?? '0') || 0;

export function ago(time, now) {
  const elapsed = (Date.parse(now) - Date.parse(time)) / 1000;
  if (!(elapsed >= 0) || Date.parse(time) <= 0) return '–';
  return elapsed < 1 ? 'now' : `${span(elapsed)} ago`;
}
