// A proxy with its dashboard before the demo backend, a load that can be ended, and a browser.

import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';

export const PATIENCE = 60_000; // milliseconds; sanitizers and busy machines are slow
export const TOKEN = '0123456789abcdef0123456789abcdef';

const require = createRequire(new URL('../interop/package.json', import.meta.url));

function skip(message) {
  console.log(message);
  process.exit(77);
}

// --- the browser ----------------------------------------------------------------------------------------------------

// Chromium does not sandbox what root starts. A name from elsewhere leads here, as with DNS rebinding.
export async function startBrowser() {
  const path = process.env.SINGLEFLIGHT_CHROMIUM ?? '/usr/bin/chromium';
  let chromium;
  try {
    ({chromium} = require('playwright-core'));
  } catch {
    console.error('playwright-core is missing: npm ci in tests/interop (./dev test does)');
    process.exit(1);
  }
  try {
    return await chromium.launch({
      executablePath: path,
      args: ['--no-sandbox', '--disable-gpu', '--host-resolver-rules=MAP rebound.example 127.0.0.1'],
    });
  } catch (error) {
    return skip(`chromium cannot run here (${path}): ${error.message.split('\n')[0]}`);
  }
}

// --- programs -------------------------------------------------------------------------------------------------------

// The kernel stops it if this process dies first.
function start(...command) {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {stdio: ['ignore', 'pipe', 'inherit']});
  const ended = once(child, 'exit');
  return {
    lines: createInterface({input: child.stdout}), ended,
    async stop() {
      child.kill('SIGTERM');
      const [status, signal] = await ended;
      if (status !== 0) throw new Error(`${command[0]} ended with ${status ?? signal}`);
    },
  };
}

async function ready(program, what) {
  const [line] = await Promise.race([once(program.lines, 'line'), program.ended.then(() => ['nothing'])]);
  const found = line.match(what);
  if (!found) throw new Error(`not ready; it said "${line}"`);
  return found[1];
}

export class Scene {
  static async start() {
    const scene = new Scene();
    scene.folder = mkdtempSync(join(tmpdir(), 'dashboard-'));
    scene.backend = start(`${process.env.SINGLEFLIGHT_DEMO}/demo-backend`, '--listen=127.0.0.1:0', '--delay=20ms');
    const backend = await ready(scene.backend, /listening on ([^ ;]+)/);
    const [config, token] = [join(scene.folder, 'proxy.yaml'), join(scene.folder, 'token')];
    writeFileSync(token, `${TOKEN}\n`, {mode: 0o600});
    writeFileSync(config, `
listeners: [{address: "127.0.0.1:0"}]
upstreams: [{name: demo, target: "${backend}", breaker: {calls: 1000}}]
routes:
  - {match: {method: /demo.v1.Catalog/Get*}, upstream: demo, collapse: true}
  - {match: {method: /demo.v1.Catalog/Search*}, upstream: demo, collapse: true, cache: {ttl: 1h}}
  - {match: {method: /*}, upstream: demo}
admin: {http: "127.0.0.1:0", token_file: "${token}"}
`);
    scene.proxy = start(process.env.SINGLEFLIGHT_PROXY || process.env.SINGLEFLIGHT_BUILT_PROXY, '--config', config);
    const said = await ready(scene.proxy, /ready: (.*)/);
    scene.listener = said.match(/listening on ([^ ;]+)/)[1];
    scene.address = said.match(/admin \(http\) on ([^ ;]+)/)[1];
    scene.url = `http://${scene.address}`;
    return scene;
  }

  load() {
    this.loading = start(`${process.env.SINGLEFLIGHT_DEMO}/demo-load`, `--proxy=${this.listener}`);
  }

  // Returns when its last call has ended.
  async endLoad() {
    await this.loading?.stop();
    this.loading = null;
  }

  // The sum of all samples of a metric.
  async metric(name) {
    const page = await (await fetch(`${this.url}/metrics`)).text();
    const samples = page.split('\n').filter((line) => line.match(`^singleflight_${name}[{ ]`));
    return samples.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  async waitFor(name, holds) {
    const until = Date.now() + PATIENCE;
    let found;
    while (!holds(found = await this.metric(name))) {
      if (Date.now() > until) throw new Error(`waited for singleflight_${name}; it is ${found}`);
    }
    return found;
  }

  async stop() {
    await this.endLoad();
    await this.proxy.stop();
    await this.backend.stop();
    rmSync(this.folder, {recursive: true});
  }
}
