// The dashboard: statistics come once a second as server-sent events, the rest is asked for now and then, and nothing
// while nobody looks.

import {amount, bytes, callHistograms, compact, count, duration, merge, number, percent, perSecond, quantile, rates, share, span,
  secondsOf, totals} from '/figures.js';
import {callsChart, latencyChart} from '/charts.js';
import {byId, say, showEvents, showFlights, showRoles, showRoutes, showUpstreams, showWhy, topTable} from '/panels.js';
import {openPurge, setUpPurge} from '/purge.js';

const KEPT = 301;       // seconds of history
const LATELY = 10;      // seconds that "now" is about, where a single one would jump
const ASK_EVERY = 3000; // milliseconds
const SPEAK_EVERY = 30; // seconds, to those who listen

const history = []; // {at, stats, rate, p50, p99}
let configured = new Map();
let spokenAt = 0;

const calls = callsChart(byId('calls-chart'));
const latency = latencyChart(byId('latency-chart'));
const showTop = topTable(openPurge);

// --- once a second --------------------------------------------------------------------------------------------------

function take(stats) {
  const at = Date.parse(stats.at) / 1000;
  const last = history.at(-1);
  if (last && at <= last.at) return;
  if (last && restarted(last.stats, stats)) history.length = 0;
  const before = history.at(-1)?.stats;
  const earlier = history[Math.max(0, history.length - LATELY)]?.stats;
  history.push({at, stats, rate: before && rates(before, stats), ...waited(earlier, stats)});
  if (history.length > KEPT) history.shift();
  showTotals(stats);
  if (before) showRates(before, stats, earlier);
}

// A process that began anew counts from nothing.
const restarted = (before, after) => secondsOf(after.uptime) < secondsOf(before.uptime);

function waited(earlier, stats) {
  if (!earlier) return {p50: null, p99: null};
  const lately = merge(callHistograms(stats), callHistograms(earlier));
  return {p50: quantile(lately, 0.5), p99: quantile(lately, 0.99)};
}

function showTotals(stats) {
  const total = totals(stats);
  say('saved-ever', `${percent(share(total.saved, total.calls))} of ${amount(total.calls, 'call')}`);
  byId('saved-ever').dataset.calls = total.calls;
  say('saved-calls', `${count(total.saved)} calls`);
  byId('saved-calls').dataset.value = total.saved;
  say('saved-bytes', bytes(total.savedBytes));
  const [flights, waiters] = [number(stats.flights), number(stats.waiters)];
  say('flights', amount(flights, 'flight'));
  say('waiters', `${amount(waiters, 'caller')} aboard`);
  showCache(stats.cache ?? {});
  say('connections', `${count(number(stats.connections))} open`);
  const unrouted = number(stats.unrouted);
  say('unrouted', unrouted > 0 ? `${amount(unrouted, 'call')} found no route` : 'every call found a route');
  say('resident', bytes(stats.residentBytes));
  say('buffered', `${bytes(stats.bufferedBytes)} of ${bytes(stats.maxBufferedBytes)} for calls`);
}

function showCache(cache) {
  const [used, most] = [number(cache.bytes), number(cache.maxBytes)];
  say('cache-fill', percent(share(used, most)));
  say('cache-words', `${bytes(used)} of ${bytes(most)}, ${compact(number(cache.entries))} replies`);
  byId('cache-bar').setAttribute('width', `${100 * (share(used, most) ?? 0)}%`);
}

function showRates(before, stats, earlier) {
  const {rate} = history.at(-1);
  const lately = rates(earlier, stats);
  const part = share(lately.saved, lately.calls);
  say('saved-now', percent(part));
  say('saved-words', part === null ? 'No calls in the last 10 seconds' :
    `${perSecond(lately.saved)} of ${perSecond(lately.calls)} calls/s did not reach your backends`);
  say('calls-now', `${perSecond(rate.calls)} calls/s`);
  say('upstream-now', `${perSecond(rate.upstream)} calls/s`);
  say('saved-rate', `${perSecond(rate.saved)} calls/s`);
  say('evictions', `${perSecond(lately.evictions)} per s`);
  say('stores', `${perSecond(lately.stores)} replies kept per s`);
  showWaits();
  showRoles(lately, totals(stats));
  showRoutes(before, stats, earlier, configured);
  drawCharts();
  speak(lately, part);
}

function showWaits() {
  const {p50, p99} = history.at(-1);
  say('p50', p50 === null ? '–' : `≤ ${duration(p50)}`);
  say('p99', p99 === null ? 'nothing was measured' : `99 of 100 at most ${duration(p99)}`);
  say('p50-now', duration(p50));
  say('p99-now', duration(p99));
}

function drawCharts() {
  const moments = history.filter(({rate}) => rate);
  calls.show(moments, ({rate}) => [rate.calls, rate.upstream]);
  const inMilliseconds = (value) => value === null ? null : value * 1000;
  latency.show(moments, ({p50, p99}) => [inMilliseconds(p99), inMilliseconds(p50)]);
}

// Once in a while, in a sentence.
function speak(lately, part) {
  const {at, p50, p99} = history.at(-1);
  if (at - spokenAt < SPEAK_EVERY) return;
  spokenAt = at;
  const text = `${perSecond(lately.calls)} calls per second from clients, ${perSecond(lately.upstream)} to backends, ` +
      `${percent(part)} saved.`;
  say('spoken', text);
  byId('calls-chart').setAttribute('aria-label', text);
  byId('latency-chart').setAttribute('aria-label',
      `Half of callers waited at most ${duration(p50)}, 99 of 100 at most ${duration(p99)}.`);
}

// --- now and then ---------------------------------------------------------------------------------------------------

async function ask(path) {
  const response = await fetch(`/api/${path}`, {cache: 'no-store', credentials: 'omit'});
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

// What one panel cannot get does not keep the others from theirs.
async function show(path, how) {
  try {
    how(await ask(path), new Date().toISOString());
  } catch {
    // The stream says whether the proxy is there.
  }
}

function showInfo(info) {
  say('version', info.version);
  const where = info.listeners.join(', ');
  say('about', `${where ? `Listening on ${where}` : 'Not listening'} · up ${span(secondsOf(info.uptime))} · ` +
      amount(info.workers, 'worker'));
  byId('notice').hidden = !info.refused;
  say('notice', info.refused ? `The latest configuration was refused, and the one before is in force. ${info.refused}` : '');
  draining = info.draining;
  setLink();
}

function askAll() {
  if (document.hidden) return;
  const by = document.querySelector('input[name="by"]:checked').value;
  show('info', showInfo);
  show('routes', ({routes}) => { configured = new Map(routes.map((route) => [route.route, route])); });
  show('upstreams', showUpstreams);
  show('flights?order=ORDER_AGE&limit=10', showFlights);
  show(`top?by=${by}&limit=10`, (answer) => showTop(answer, by));
  show('why', showWhy);
  show('events?limit=50', showEvents);
}

// --- the stream -----------------------------------------------------------------------------------------------------

let source = null;
let live = false;
let draining = false;

function setLink() {
  const state = !live ? 'lost' : draining ? 'draining' : 'live';
  byId('link').dataset.state = state;
  say('link', {lost: 'Connection lost, trying again', draining: 'Draining', live: 'Live'}[state]);
}

function listen() {
  source = new EventSource('/api/stream');
  source.addEventListener('message', (event) => {
    live = true;
    setLink();
    take(JSON.parse(event.data));
  });
  source.addEventListener('error', () => {
    live = false;
    setLink();
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, ASK_EVERY);
  });
}

// A page that nobody sees takes no place among those that watch.
document.addEventListener('visibilitychange', () => {
  source.close();
  if (document.hidden) return;
  listen();
  askAll();
});

setUpPurge();
for (const choice of document.querySelectorAll('input[name="by"]')) choice.addEventListener('change', askAll);
listen();
askAll();
setInterval(askAll, ASK_EVERY);
