// The panels below the charts: tables whose rows stay where they are while their figures change, so that nobody loses
// the place that they read or the button that they are on.

import {ago, amount, bytes, callHistograms, count, duration, merge, number, percent, perSecond, quantile, ratesBy, ROLES,
  secondsOf, share, span} from '/figures.js';
import {drawSpark, spark, svg} from '/charts.js';

export const byId = (id) => document.getElementById(id);

export function say(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}

export function node(tag, text = '', className = '') {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

// One row per key. `make` returns the cells of a new one; `fill` gives them their figures.
class Rows {
  constructor(body, make, fill) {
    Object.assign(this, {body, make, fill, rows: new Map()});
  }

  show(items, key) {
    const keys = new Set(items.map(key));
    for (const [name, row] of this.rows) {
      if (keys.has(name)) continue;
      row.remove();
      this.rows.delete(name);
    }
    items.forEach((item, at) => {
      const row = this.rowOf(key(item), item);
      if (this.body.children[at] !== row) this.body.insertBefore(row, this.body.children[at] ?? null);
      this.fill(row, item);
    });
  }

  rowOf(key, item) {
    if (!this.rows.has(key)) {
      const row = document.createElement('tr');
      row.append(...this.make(item));
      this.rows.set(key, row);
    }
    return this.rows.get(key);
  }
}

function cell(label, className = 'figure', tag = 'td') {
  const element = node(tag, '', className);
  if (tag === 'th') element.scope = 'row';
  element.dataset.label = label;
  element.append(node('span'));
  return element;
}

const put = (row, at, text) => {
  const span = row.children[at].firstChild;
  if (span.textContent !== text) span.textContent = text;
};

// --- roles ----------------------------------------------------------------------------------------------------------

const ROLE_WORDS = {
  hits: ['hit', 'answered from the cache'], followers: ['follower', 'joined a call on its way'],
  leaders: ['leader', 'its call went upstream, for all'], relays: ['relay', 'on a route that does not share'],
  bypasses: ['bypass', 'went alone on a route that shares'], departed: ['departed', 'left before its request was whole'],
  refused: ['refused', 'got a status of the proxy'],
};

const roleRows = new Rows(byId('roles'), (role) => {
  const name = node('th');
  name.scope = 'row';
  name.append(node('span', '', `dot role-${role}`), ROLE_WORDS[role][0], node('span', ROLE_WORDS[role][1], 'sub'));
  return [name, cell('Now'), cell('Share'), cell('Since the start')];
}, () => {});

export function showRoles(rate, total) {
  const all = ROLES.reduce((sum, role) => sum + rate[role], 0);
  roleRows.fill = (row, role) => {
    put(row, 1, `${perSecond(rate[role])} calls/s`);
    put(row, 2, percent(share(rate[role], all)));
    put(row, 3, amount(total[role], 'call'));
  };
  roleRows.show(ROLES, (role) => role);
  showStack(rate, all);
}

function showStack(rate, all) {
  const bar = byId('roles-bar');
  if (!bar.firstChild) bar.append(...ROLES.map((role) => svg('rect', {class: `role-${role}`, height: 14})));
  let left = 0;
  ROLES.forEach((role, at) => {
    const width = all > 0 ? 100 * rate[role] / all : 0;
    bar.children[at].setAttribute('x', `${left}%`);
    bar.children[at].setAttribute('width', `${width}%`);
    left += width;
  });
  bar.setAttribute('aria-label', all === 0 ? 'No calls now' : ROLES.filter((role) => rate[role] > 0)
      .map((role) => `${ROLE_WORDS[role][0]} ${percent(rate[role] / all)}`).join(', '));
}

// --- routes ---------------------------------------------------------------------------------------------------------

const lines = new Map(); // by route: the rates of the last two minutes

const routeRows = new Rows(byId('routes'), () => {
  const picture = node('td');
  picture.dataset.label = 'Last 2 min';
  picture.append(spark());
  return [cell('Route', 'long', 'th'), cell('Shares', ''), cell('Calls'), cell('Saved now'), cell('Since the start'),
    cell('Half within'), cell('99 % within'), picture];
}, () => {});

const lasting = (inSeconds) => inSeconds < 60 ? duration(inSeconds) : span(inSeconds);

const differing = ({compared, differed, difference}) =>
  number(differed) === 0 ? '' : `; ${count(number(differed))} of ${count(number(compared))} replies differ in ${difference}`;

function shares(route, known) {
  if (!known) return '–';
  if (!route) return 'until its last call ends';
  if (route.shadow) {
    const saved = number(route.wouldBeHits) + number(route.wouldBeFollowers);
    return `nothing: in shadow, would have saved ${amount(saved, 'call')}${differing(route)}`;
  }
  if (route.sharing === 'SHARING_STOPPED') return `stopped by verify${differing(route)}`;
  const parts = [route.collapses ? 'calls' : '', route.caches ? `replies for ${lasting(secondsOf(route.ttl))}` : ''];
  const apart = route.sharing === 'SHARING_SOME_APART' ? `, but for some clients${differing(route)}` : '';
  return (parts.filter(Boolean).join(', ') || 'no, it relays') + apart;
}

// `before` is a second ago, `earlier` ten.
export function showRoutes(before, stats, earlier, configured) {
  const [calls, saved] = ['calls', 'saved'].map((field) => ratesBy(before, stats, 'routes', 'route', field));
  for (const {route} of stats.routes) {
    const line = lines.get(route) ?? {calls: [], upstream: []};
    line.calls = [...line.calls, calls.get(route)].slice(-120);
    line.upstream = [...line.upstream, Math.max(0, calls.get(route) - saved.get(route))].slice(-120);
    lines.set(route, line);
  }
  const [lately, spared] = ['calls', 'saved'].map((field) => ratesBy(earlier, stats, 'routes', 'route', field));
  routeRows.fill = (row, one) => {
    const {route} = one;
    const waited = merge(callHistograms(stats, route), callHistograms(earlier, route));
    put(row, 0, route);
    put(row, 1, shares(configured.get(route), configured.size > 0));
    put(row, 2, `${perSecond(lately.get(route))} calls/s`);
    put(row, 3, percent(share(spared.get(route), lately.get(route))));
    put(row, 4, `${percent(share(number(one.saved), number(one.calls)))} of ${amount(number(one.calls), 'call')}`);
    put(row, 5, duration(quantile(waited, 0.5)));
    put(row, 6, duration(quantile(waited, 0.99)));
    const line = lines.get(route);
    drawSpark(row.children[7].firstChild, line.calls, line.upstream,
        `${perSecond(calls.get(route))} calls/s, of which ${perSecond(saved.get(route))} saved`);
  };
  routeRows.show(stats.routes, ({route}) => route);
}

// --- upstreams ------------------------------------------------------------------------------------------------------

const STATES = {
  STATE_IDLE: 'idle', STATE_CONNECTING: 'connecting', STATE_READY: 'ready', STATE_FAILING: 'failing',
  STATE_SILENT: 'silent', STATE_DRAINED: 'drained', STATE_EJECTED: 'ejected',
  STATE_UNHEALTHY: 'unhealthy',
};

// "breaker.calls 2 of 1,000 (met)".
const bound = ({bound: name, used, max, met}) =>
  `${name} ${count(number(used))} of ${count(number(max))}${met ? ' (met)' : ''}`;

// "schema: 12 methods".
const schema = ({source, methods, failure}) => {
  const known = number(methods) > 0 ? amount(number(methods), 'method') : 'none yet';
  return `schema from ${source}: ${known}${failure ? ` (${failure})` : ''}`;
};

const upstreamRows = new Rows(byId('upstreams'), () => {
  const name = cell('Upstream', 'long', 'th');
  name.append(node('span', '', 'sub'));
  return [name, cell('Endpoint', 'long'), cell('State', ''), cell('Since'), cell('Calls'), cell('In the air'),
    cell('Connections'), cell('Last failure', 'long')];
}, (row, {upstream, endpoint, now}) => {
  const state = STATES[endpoint.state] ?? 'unknown';
  put(row, 0, upstream.upstream);
  const facts = [...upstream.bounds.map(bound), ...(upstream.schema ? [schema(upstream.schema)] : [])];
  row.children[0].children[1].textContent = facts.join(', ');
  put(row, 1, endpoint.address);
  put(row, 2, state);
  row.children[2].firstChild.className = `state state-${state}`;
  put(row, 3, endpoint.since ? ago(endpoint.since, now) : '–');
  put(row, 4, amount(number(endpoint.calls), 'call'));
  put(row, 5, amount(number(endpoint.active), 'call'));
  put(row, 6, `${count(number(endpoint.connections))} open`);
  put(row, 7, endpoint.lastFailure ? `${endpoint.lastFailure} (${ago(endpoint.lastFailureAt, now)})` : 'none yet');
});

export function showUpstreams({upstreams}, now) {
  const rows = upstreams.flatMap((upstream) => {
    const nobody = {address: upstream.target, state: 'STATE_IDLE', lastFailure: upstream.resolveError, lastFailureAt: now};
    const endpoints = upstream.endpoints.length > 0 ? upstream.endpoints : [nobody];
    return endpoints.map((endpoint) => ({upstream, endpoint, now}));
  });
  upstreamRows.show(rows, ({upstream, endpoint}) => `${upstream.upstream} ${endpoint.address}`);
}

// --- flights ----------------------------------------------------------------------------------------------------------

const flightRows = new Rows(byId('flying'), () => {
  const name = cell('Method and key', 'long', 'th');
  name.append(node('span', '', 'sub'), node('span', '', 'sub code'));
  return [name, cell('Aboard'), cell('Age')];
}, (row, flight) => {
  put(row, 0, flight.method);
  row.children[0].children[1].textContent = `${flight.route} to ${flight.upstream}`;
  row.children[0].children[2].textContent = `key ${flight.key}`;
  put(row, 1, amount(number(flight.waiters), 'caller'));
  put(row, 2, duration(secondsOf(flight.age)));
});

// The oldest first. `total` counts those too that are not listed.
export function showFlights({flights, total}) {
  flightRows.show(flights, ({key}) => key);
  byId('flying').parentElement.hidden = flights.length === 0;
  const more = number(total) - flights.length;
  say('flying-more', flights.length === 0 ? 'None just now.' : more > 0 ? `And ${amount(more, 'flight')} more.` : '');
  byId('flying-more').hidden = flights.length > 0 && more <= 0;
}

// --- keys, splits, events -------------------------------------------------------------------------------------------

export function topTable(onPurge) {
  const table = new Rows(byId('top'), (item) => {
    const name = cell('Method and key', 'long', 'th');
    name.append(node('span', `key ${item.key}`, 'sub code'));
    const button = node('button', 'Purge…', 'small');
    button.type = 'button';
    button.setAttribute('aria-label', `Purge the key ${item.key}`);
    button.addEventListener('click', () => onPurge(item.key));
    const last = node('td', '', 'figure');
    last.append(button);
    const figure = cell('Count');
    figure.append(node('span', '', 'sub'));
    return [name, figure, last];
  }, () => {});
  return ({keys}, by) => {
    const written = by === 'BY_SAVED_BYTES' ? bytes : (value) => amount(number(value), 'call');
    say('top-unit', by === 'BY_SAVED_BYTES' ? 'Bytes saved' : 'Calls');
    table.fill = (row, item) => {
      put(row, 0, item.method || item.route);
      put(row, 1, written(item.count));
      row.children[1].children[1].textContent = number(item.error) > 0 ? `or up to ${written(item.error)} fewer` : '';
    };
    table.show(keys, ({key}) => key);
    byId('top-none').hidden = keys.length > 0;
  };
}

const KINDS = {
  KIND_METADATA: 'metadata', KIND_CREDENTIAL: 'credential', KIND_AUTHORITY: 'authority', KIND_POLICY: 'listener or rules',
  KIND_ENCODING: 'compression', KIND_FIELD: 'field', KIND_SEVERAL: 'several of these',
};

function apartBy({kind, name, method, fieldNames}) {
  const what = KINDS[kind] ?? 'unknown';
  if (!name) return what;
  if (kind !== 'KIND_FIELD') return `${what} ${name}`;
  const fields = name === 'message' ? 'the message' : name.includes(',') ? `fields ${name}` : `field ${name}`;
  const named = fieldNames ? `${fields} (${fieldNames})` : fields;
  return method ? `${named} of ${method.split('/').at(-1)}` : named;
}

const whyRows = new Rows(byId('why'), () => {
  const name = cell('They differ in', 'long', 'th');
  name.append(node('span', '', 'sub'), node('span', '', 'sub code'));
  return [name, cell('Calls'), cell('Last')];
}, (row, {split, now}) => {
  put(row, 0, apartBy(split));
  row.children[0].children[1].textContent = split.route;
  row.children[0].children[2].textContent = split.cure;
  put(row, 1, amount(number(split.calls), 'call'));
  put(row, 2, split.lastAt ? ago(split.lastAt, now) : '–');
});

export function showWhy({splits}, now) {
  whyRows.show(splits.map((split) => ({split, now})), ({split}) => `${split.route} ${split.kind} ${split.name} ${split.method}`);
  byId('why-none').hidden = splits.length > 0;
}

export function showEvents({events}, now) {
  const list = byId('events');
  list.replaceChildren(...events.map((event) => {
    const item = node('li');
    const time = node('time', ago(event.at, now), 'quiet');
    time.dateTime = event.at;
    item.append(node('b', event.kind), time, node('span', [event.subject, event.text].filter(Boolean).join(': '), 'text'));
    return item;
  }));
  byId('events-none').hidden = events.length > 0;
}
