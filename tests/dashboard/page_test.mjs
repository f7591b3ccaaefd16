// The dashboard of a real proxy under load, in Chromium. SINGLEFLIGHT_SCREENSHOTS=FOLDER has it leave pictures there.

import assert from 'node:assert/strict';
import {createServer} from 'node:http';
import {join} from 'node:path';
import {after, afterEach, before, test} from 'node:test';

import {PATIENCE, Scene, startBrowser, TOKEN} from './fixture.mjs';

const browser = await startBrowser();
let scene;
let complaints = []; // of the page: errors, what its policy forbade, and what did not load
let provoked = [];   // [how it begins, path] of what a test makes the browser itself say

before(async () => {
  scene = await Scene.start();
  scene.load();
  await scene.waitFor('calls_saved_total', (saved) => saved > 0);
});

after(async () => {
  await browser.close();
  await scene.stop();
});

afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  provoked = [];
  assert.deepEqual(complaints.splice(0), []);
});

const refused = (status, path) => [`Failed to load resource: the server responded with a status of ${status} `, path];

const isProvoked = (message) => provoked.some(([begins, path]) =>
  message.text().startsWith(begins) && new URL(message.location().url).pathname === path);

async function open(options = {}, url = scene.url) {
  const context = await browser.newContext({viewport: {width: 1200, height: 900}, ...options});
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && !isProvoked(message) &&
      complaints.push(message.text()));
  await page.goto(url);
  return page;
}

const live = (page) => page.waitForFunction(() => document.getElementById('calls-now').textContent !== '');
const text = (page, selector) => page.textContent(selector);

test('what the page cannot load is a complaint', async () => {
  const page = await open();
  const said = page.waitForEvent('console');
  await page.evaluate(() => fetch('/api/made-up'));
  await said;
  assert.match(complaints.splice(0).join(), /^Failed to load resource: .* 404 /);
});

// --- figures --------------------------------------------------------------------------------------------------------

test('the figures are those of /metrics', async () => {
  const page = await open();
  await live(page);
  await scene.endLoad();
  const wanted = {calls: await scene.metric('calls_total'), saved: await scene.metric('calls_saved_total')};
  await page.waitForFunction(({calls, saved}) =>
    document.getElementById('saved-ever').dataset.calls === `${calls}` &&
    document.getElementById('saved-calls').dataset.value === `${saved}`, wanted);
  assert.equal(await text(page, '#saved-calls'), `${wanted.saved.toLocaleString('en')} calls`);
  scene.load();
});

test('the chart moves under load', async () => {
  const page = await open();
  await live(page);
  const picture = () => page.evaluate(() => document.getElementById('calls-chart').toDataURL());
  const first = await picture();
  await page.waitForFunction((was) => document.getElementById('calls-chart').toDataURL() !== was, first);
  await page.waitForFunction(() => {
    const [calls, upstream] = window.Chart.getChart('calls-chart').data.datasets.map((set) => set.data.at(-1)?.y ?? 0);
    return calls > upstream && upstream > 0;
  });
});

test('no figure is without its unit', async () => {
  const page = await open();
  await page.waitForFunction(() => document.getElementById('saved-now').textContent.includes('%'));
  for (const id of ['saved-now', 'saved-ever', 'saved-calls', 'saved-bytes', 'flights', 'cache-fill', 'connections', 'resident',
    'calls-now', 'upstream-now', 'evictions']) {
    assert.match(await text(page, `#${id}`), /\d.*(%|calls?|\/s|per s|B|flights?|open)/, id);
  }
});

test('routes are shown with what they share and saved', async () => {
  const page = await open();
  await live(page);
  const row = page.locator('#routes tr', {hasText: '/demo.v1.Catalog/Search*'});
  await row.getByText('calls, replies for 1 h').waitFor();
  assert.equal(await page.locator('#routes tr').count(), 3);
  assert.match(await row.locator('svg').getAttribute('aria-label'), /calls\/s, of which .* saved/);
});

test('what comparing replies has found stands with the route', async () => {
  const page = await open();
  const search = {route: '/demo.v1.Catalog/Search*', collapses: true, caches: true, ttl: '3600s', compared: '64', differed: '4',
    difference: 'message field 3'};
  const row = page.locator('#routes tr', {hasText: search.route});
  for (const [found, text] of [
    [{sharing: 'SHARING_STOPPED'}, 'stopped by verify; 4 of 64 replies differ in message field 3'],
    [{sharing: 'SHARING_SOME_APART'}, 'calls, replies for 1 h, but for some clients; 4 of 64 replies differ in message field 3'],
    [{shadow: true, wouldBeHits: '40', wouldBeFollowers: '2', differed: '0'}, 'nothing: in shadow, would have saved 42 calls'],
  ]) {
    await page.route('**/api/routes', (route) => route.fulfill({json: {routes: [{...search, ...found}]}}));
    await row.getByText(text, {exact: true}).waitFor();
  }
});

test('the oldest flights are listed, and the others counted', async () => {
  const page = await open();
  const oldest = {key: '0123456789abcdef', route: '/a.*', method: '/a.B/C', upstream: 'u', waiters: '3', age: '2.5s'};
  await page.route('**/api/flights?order=ORDER_AGE&limit=10', (route) => route.fulfill({json: {flights: [oldest], total: '12'}}));
  await page.getByText('And 11 flights more.').waitFor();
  assert.match(await text(page, '#flying'), /\/a\.B\/C.*to u.*key 0123456789abcdef.*3 callers.*2\.5\u00a0s/);
});

// --- purge ----------------------------------------------------------------------------------------------------------

async function purge(page, token) {
  await page.click('#purge-open');
  await page.getByText('everything', {exact: true}).click();
  await page.getByLabel('Token').fill(token);
  await page.click('#purge-do');
  assert.match(await text(page, '#purge-said'), /This drops everything/);
  await page.click('#purge-do');
  await page.waitForFunction(() => /dropped/.test(document.getElementById('purge-said').textContent));
}

test('a purge drops what is kept', async () => {
  const page = await open();
  await live(page);
  await scene.endLoad();
  assert.ok(await scene.metric('cache_entries') > 0);
  await purge(page, TOKEN);
  assert.match(await text(page, '#purge-said'), /^Done: \d+ (reply was|replies were) dropped\.$/);
  await scene.waitFor('cache_entries', (entries) => entries === 0);
  scene.load();
});

test('a wrong token is told kindly, and drops nothing', async () => {
  await scene.waitFor('cache_entries', (entries) => entries > 0);
  const page = await open();
  await live(page);
  provoked = [refused(401, '/api/purge')];
  await purge(page, 'another-token-of-sixteen-or-more');
  assert.match(await text(page, '#purge-said'), /^That is not allowed: .*token.* Nothing was dropped\.$/);
  assert.ok(await scene.metric('cache_entries') > 0);
  await scene.waitFor('admin_refused_total{door="http",reason="wrong_token"}', () => true);
});

test('a purge without a token asks for it', async () => {
  const page = await open();
  await page.click('#purge-open');
  await page.getByText('everything', {exact: true}).click();
  await page.click('#purge-do');
  assert.match(await text(page, '#purge-said'), /wants the token/);
});

test('the token is kept in the page and nowhere else', async () => {
  const page = await open();
  await page.click('#purge-open');
  await page.getByLabel('Token').fill(TOKEN);
  assert.deepEqual(await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length]), ['', 0, 0]);
  await page.reload();
  await page.click('#purge-open');
  assert.equal(await page.getByLabel('Token').inputValue(), '');
});

// --- who may --------------------------------------------------------------------------------------------------------

test('a page from elsewhere can neither read nor change anything', async () => {
  const other = createServer((request, response) => response.setHeader('Content-Type', 'text/html').end('<title>other</title>'));
  await new Promise((resolve) => other.listen(0, '127.0.0.1', resolve));
  const page = await open({}, `http://127.0.0.1:${other.address().port}/`);
  const tried = await page.evaluate(async ([url, token]) => {
    const attempt = (path, options) => fetch(url + path, options).then(() => 'done', () => 'refused');
    return [await attempt('/api/stats'), await attempt('/api/purge', {method: 'POST', body: '{"all":true}', mode: 'cors',
      headers: {Authorization: `Bearer ${token}`}}), await attempt('/api/purge', {method: 'POST', body: '{"all":true}'})];
  }, [scene.url, TOKEN]);
  other.close();
  assert.deepEqual(tried, ['refused', 'refused', 'refused']);
  assert.ok(await scene.metric('admin_refused_total\\{door="http",reason="origin"\\}') >= 2);
  complaints = [];
});

test('a name from elsewhere that leads here is refused', async () => {
  const port = scene.address.split(':')[1];
  // A browser that is refused a page asks for its icon nevertheless, sometimes in time.
  provoked = [refused(421, '/'), refused(421, '/favicon.ico'), ['The Cross-Origin-Opener-Policy header has been ignored', '/']];
  const page = await open({}, `http://rebound.example:${port}/`);
  assert.match(await text(page, 'body'), /does not know itself as/);
});

// --- how it looks ---------------------------------------------------------------------------------------------------

test('it fits 400 and 2,000 pixels', async () => {
  for (const width of [400, 2000]) {
    const page = await open({viewport: {width, height: 900}});
    await live(page);
    await page.locator('#upstreams tr').getByText('ready').waitFor();
    await page.locator('#upstreams tr').getByText(/breaker\.calls \d+ of 1,000/).waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= width, `${width}`);
  }
});

test('keyboard and screen reader find their way', async () => {
  const page = await open();
  await live(page);
  const found = await page.evaluate(() => ({
    headings: document.querySelectorAll('h1').length,
    landmarks: ['header', 'main', 'footer'].every((tag) => document.querySelector(tag)),
    nameless: [...document.querySelectorAll('button, input:not([type=radio])')].filter((element) =>
      !(element.textContent.trim() || element.getAttribute('aria-label') || element.labels?.length)).length,
    untold: [...document.querySelectorAll('canvas, svg[role=img]')].filter((element) => !element.getAttribute('aria-label')).length,
    live: document.getElementById('spoken').getAttribute('aria-live'),
  }));
  assert.deepEqual(found, {headings: 1, landmarks: true, nameless: 0, untold: 0, live: 'polite'});
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  await page.click('#purge-open');
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate(() => document.getElementById('purge').open), false);
});

test('it is said when the proxy is gone', async () => {
  const page = await open();
  await live(page);
  await page.route('**/api/stream', (route) => route.abort());
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.waitForFunction(() => document.getElementById('link').textContent.startsWith('Connection lost'));
  complaints = [];
});

// Light and dark differ, and each is what it should be.
for (const colorScheme of ['light', 'dark']) {
  test(`there is a ${colorScheme} page`, async () => {
    const page = await open({colorScheme});
    await live(page);
    const [red] = (await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).match(/\d+/g).map(Number);
    assert.equal(red > 128, colorScheme === 'light');
    const folder = process.env.SINGLEFLIGHT_SCREENSHOTS;
    if (!folder) return;
    await page.waitForFunction(() => window.Chart.getChart('calls-chart').data.datasets[0].data.length > 60, null,
      {timeout: 3 * PATIENCE});
    await page.screenshot({path: join(folder, `dashboard-${colorScheme}.png`), clip: {x: 0, y: 0, width: 1200, height: 590}});
  });
}
