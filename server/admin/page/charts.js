// The two charts (Chart.js, a script of its own) and the small lines of routes.

import {compact, duration, percent, perSecond, share} from '/figures.js';

const WINDOW = 300; // seconds that the charts show

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const minutes = (value) => value === 0 ? 'now' : value % 60 === 0 ? `${-value / 60} min` : `${Math.round(-value)} s`;

const NAME = {width: 56, height: 36}; // that "saved" takes, with air around it

// Where the area is highest over the width of its name; undefined: it is nowhere high enough.
function widest(upper, lower, {left, right}) {
  let best;
  for (let at = 0; at < upper.length; ++at) {
    const {x} = upper[at];
    if (x - NAME.width / 2 < left || x + NAME.width / 2 > right) continue;
    let [top, bottom] = [upper[at].y, lower[at]?.y ?? -Infinity];
    for (const [next, step] of [[at - 1, -1], [at + 1, 1]]) {
      for (let to = next; upper[to] && lower[to]; to += step) {
        [top, bottom] = [Math.max(top, upper[to].y), Math.min(bottom, lower[to].y)];
        if (Math.abs(upper[to].x - x) >= NAME.width / 2) break;
      }
    }
    const room = bottom - top;
    if (room >= NAME.height && room >= (best?.room ?? 0)) best = {x, y: (top + bottom) / 2, room};
  }
  return best;
}

// Writes "saved" into the area that it is about, where there is room.
const nameOfArea = {
  id: 'nameOfArea',
  afterDatasetsDraw(chart) {
    const [upper, lower] = [chart.getDatasetMeta(0).data, chart.getDatasetMeta(1).data];
    const place = widest(upper, lower, chart.chartArea);
    if (!place) return;
    const {ctx} = chart;
    ctx.save();
    ctx.fillStyle = colour('calls');
    ctx.font = `600 14px ${getComputedStyle(document.body).fontFamily}`;
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    ctx.fillText('saved', place.x, place.y);
    ctx.restore();
  },
};

function line(label, name, more = {}) {
  return {
    label, name, data: [], borderWidth: 2, pointRadius: 0, pointHitRadius: 12, pointHoverRadius: 4,
    cubicInterpolationMode: 'monotone', borderJoinStyle: 'round', ...more,
  };
}

const X = {
  type: 'linear', min: -WINDOW, max: 0, border: {display: false},
  grid: {display: false, drawBorder: false}, ticks: {stepSize: 60, maxRotation: 0, callback: minutes, includeBounds: false},
};

function axis(more) {
  return {beginAtZero: true, grid: {drawBorder: false, drawTicks: false}, ...more,
    ticks: {maxTicksLimit: 5, padding: 8, ...more.ticks}};
}

function options(y, label, footer) {
  return {
    animation: false, responsive: true, maintainAspectRatio: false, normalized: true, parsing: false,
    interaction: {mode: 'index', intersect: false}, scales: {x: X, y},
    plugins: {
      legend: {display: false},
      tooltip: {
        padding: 10, cornerRadius: 8, usePointStyle: true, boxPadding: 4,
        callbacks: {title: ([item]) => item.parsed.x > -1 ? 'now' : `${Math.round(-item.parsed.x)} s ago`, label, footer},
      },
    },
  };
}

// Colours are the style sheet's, and so follow light and dark.
function paint(chart) {
  for (const set of chart.data.datasets) {
    set.borderColor = set.pointBackgroundColor = colour(set.name);
    if (set.area) set.fill = {...set.area, above: colour('saved'), below: 'transparent'};
  }
  for (const scale of Object.values(chart.options.scales)) {
    scale.ticks.color = colour('quiet');
    scale.grid.color = colour('line');
  }
  Object.assign(chart.options.plugins.tooltip, {
    backgroundColor: colour('ink'), titleColor: colour('card'), bodyColor: colour('card'), footerColor: colour('card'),
  });
  chart.update('none');
}

class Lines {
  constructor(canvas, datasets, settings, plugins = []) {
    window.Chart.defaults.font = {...window.Chart.defaults.font, family: getComputedStyle(document.body).fontFamily};
    this.chart = new window.Chart(canvas, {type: 'line', data: {datasets}, options: settings, plugins});
    paint(this.chart);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => paint(this.chart));
  }

  // `history` holds {at, …} in seconds; `values` takes one of them to the value of each line.
  show(history, values) {
    const last = history.at(-1).at;
    this.chart.data.datasets.forEach((set, index) => {
      set.data = history.map((moment) => ({x: moment.at - last, y: values(moment)[index]}));
    });
    const {x} = this.chart.options.scales;
    x.min = Math.max(-WINDOW, Math.min(-30, history[0].at - last));
    x.ticks.stepSize = x.min < -120 ? 60 : x.min < -60 ? 30 : 10;
    this.chart.update('none');
  }
}

export function callsChart(canvas) {
  const y = axis({suggestedMax: 10, ticks: {callback: (value) => compact(value)}, title: {display: false}});
  const saved = ([calls, upstream]) => {
    const part = share(Math.max(0, calls.parsed.y - upstream.parsed.y), calls.parsed.y);
    return `saved: ${perSecond(Math.max(0, calls.parsed.y - upstream.parsed.y))} calls/s, ${percent(part)}`;
  };
  return new Lines(canvas, [
    line('from clients', 'calls', {area: {target: 1}}), line('to backends', 'upstream'),
  ], options(y, (item) => `${item.dataset.label}: ${perSecond(item.parsed.y)} calls/s`, saved), [nameOfArea]);
}

export function latencyChart(canvas) {
  const y = axis({suggestedMax: 1, ticks: {callback: (value) => value === 0 ? '0' : duration(value / 1000)}});
  return new Lines(canvas, [
    line('99 % within', 'upstream', {spanGaps: true}), line('50 % within', 'calls', {spanGaps: true}),
  ], options(y, (item) => `${item.dataset.label}: ${duration(item.parsed.y / 1000)}`));
}

// --- small lines ----------------------------------------------------------------------------------------------------

const SVG = 'http://www.w3.org/2000/svg';

export function svg(tag, attributes = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

export function spark() {
  const element = svg('svg', {class: 'spark', viewBox: '0 0 120 28', preserveAspectRatio: 'none', role: 'img'});
  element.append(svg('path', {class: 'area'}), svg('path', {class: 'upstream'}), svg('path', {class: 'calls'}));
  return element;
}

// `calls` and `upstream` are of the last seconds, the latest last.
export function drawSpark(element, calls, upstream, label) {
  const most = Math.max(1, ...calls);
  const points = (values) => values.map((value, at) =>
    `${(120 - (values.length - 1 - at)).toFixed(1)} ${(27 - 26 * value / most).toFixed(1)}`);
  const [upper, lower] = [points(calls), points(upstream)];
  const [area, bottom, top] = element.children;
  top.setAttribute('d', `M${upper.join('L')}`);
  bottom.setAttribute('d', `M${lower.join('L')}`);
  area.setAttribute('d', `M${[...upper, ...lower.reverse()].join('L')}Z`);
  element.setAttribute('aria-label', label);
}
