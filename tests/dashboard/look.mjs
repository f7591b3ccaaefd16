// look.mjs URL CALLS SAVED: opens the dashboard at URL, waits until it shows these figures, and prints what it says. 77: the
// machine has no Chromium that runs.

import {PATIENCE, startBrowser} from './fixture.mjs';

const [url, calls, saved] = process.argv.slice(2);
const browser = await startBrowser();
const page = await browser.newPage();
page.setDefaultTimeout(PATIENCE);
await page.goto(url);
await page.waitForFunction((wanted) =>
  document.getElementById('saved-ever').dataset.calls === wanted.calls &&
  document.getElementById('saved-calls').dataset.value === wanted.saved, {calls, saved});
console.log(await page.textContent('#saved-calls'), 'saved,', await page.textContent('#saved-ever'));
await browser.close();
