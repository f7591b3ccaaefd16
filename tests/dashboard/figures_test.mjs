// What the dashboard computes of statistics, without a page.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';

// As the browser takes it, which knows from the page that it is a module.
const source = readFileSync(new URL('../../server/admin/page/figures.js', import.meta.url), 'utf8');
const figures = await import(`data:text/javascript,${encodeURIComponent(source)}`);
const plain = (text) => text.replaceAll('\u00a0', ' ');

const stats = (at, calls, saved, upstream) => ({
  at: new Date(at * 1000).toISOString(),
  routes: [{route: 'a', calls: `${calls}`, saved: `${saved}`, hits: `${saved}`}, {route: 'b', calls: '5', saved: '0'}],
  upstreams: [{upstream: 'u', calls: `${upstream}`}], cache: {},
});

test('totals are sums over routes and upstreams', () => {
  const total = figures.totals(stats(0, 100, 90, 15));
  assert.equal(total.calls, 105);
  assert.equal(total.saved, 90);
  assert.equal(total.upstream, 15);
});

test('rates are per second, and never negative', () => {
  const rate = figures.rates(stats(0, 100, 90, 15), stats(2, 300, 280, 10));
  assert.equal(rate.calls, 100);
  assert.equal(rate.saved, 95);
  assert.equal(rate.upstream, 0);
  assert.equal(figures.rates(stats(1, 0, 0, 0), stats(1, 9, 9, 9)).calls, 0);
});

test('rates of a route that is new begin at nothing', () => {
  const before = {...stats(0, 0, 0, 0), routes: []};
  assert.equal(figures.ratesBy(before, stats(2, 10, 0, 0), 'routes', 'route', 'calls').get('a'), 5);
});

test('a share of nothing is none', () => {
  assert.equal(figures.share(0, 0), null);
  assert.equal(figures.share(3, 4), 0.75);
  assert.equal(figures.percent(null), '–');
});

test('nearly all is not said to be all', () => {
  assert.equal(plain(figures.percent(0.999999)), '99.99 %');
  assert.equal(plain(figures.percent(1)), '100 %');
  assert.equal(plain(figures.percent(0.8765)), '87.6 %');
});

test('little is not said to be nothing', () => {
  assert.equal(plain(figures.percent(0.00003)), '< 0.1 %');
  assert.equal(figures.percent(0), '0\u00a0%');
});

test('quantiles lie in the bucket that they fall into', () => {
  const histogram = {bounds: [0.1, 1], counts: ['10', '10', '0']};
  assert.equal(figures.quantile(figures.merge([histogram]), 0.5), 0.1);
  assert.equal(figures.quantile(figures.merge([histogram]), 0.75), 0.55);
  assert.equal(figures.quantile(figures.merge([]), 0.5), null);
  assert.equal(figures.quantile(figures.merge([{bounds: [1], counts: ['0', '4']}]), 0.5), 1);
});

test('what was there before does not count', () => {
  const before = {bounds: [1, 2], counts: ['5', '0', '0']};
  const after = {bounds: [1, 2], counts: ['5', '4', '0']};
  assert.equal(figures.quantile(figures.merge([after], [before]), 0.5), 1.5);
});

test('no figure is without its unit', () => {
  const written = [[figures.duration, 0.0000421, '42 µs'], [figures.duration, 0.0042, '4.2 ms'], [figures.duration, 0.25, '250 ms'],
    [figures.duration, 5, '5 s'], [figures.duration, null, '–'], [figures.bytes, '0', '0 B'], [figures.bytes, '1536', '1.5 KiB'],
    [figures.bytes, 268435456, '256 MiB'], [figures.span, 0, '0 s'], [figures.span, 90061, '1 d 1 h']];
  for (const [write, value, wanted] of written) assert.equal(plain(write(value)), wanted);
  assert.equal(figures.amount(1, 'call'), '1 call');
  assert.equal(figures.amount(12345678, 'call'), '12.3M calls');
});

test('times are said from now', () => {
  const now = '2026-01-02T00:00:00Z';
  assert.equal(figures.ago('2026-01-01T00:00:00Z', now), '1 d ago');
  assert.equal(figures.ago('1970-01-01T00:00:00Z', now), '–');
});
