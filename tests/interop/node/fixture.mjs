// A gRPC backend whose methods the test writes, and callers that see it directly and through the proxy.
//
// Messages are Buffers and stay Buffers: no generated code, no schema.

import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {accessSync, constants, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';

export const grpc = await import('@grpc/grpc-js').then(
    (module) => module.default ?? module,
    () => fail('@grpc/grpc-js is missing: npm ci in tests/interop (./dev test does)'));

export const PATIENCE = 60_000;  // milliseconds; sanitizers and busy machines are slow
export const KINDS = ['unary', 'serverStream', 'clientStream', 'bidi'];
const SERVICE = '/interop.v1.Echo/';
const SIZES = {'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1};
const same = (bytes) => bytes;

function fail(message) {
  console.error(message);
  process.exit(1);
}

// --- the proxy ------------------------------------------------------------------------------------------------------

function binary() {
  const path = process.env.SINGLEFLIGHT_PROXY || process.env.SINGLEFLIGHT_BUILT_PROXY || '';
  try {
    accessSync(path, constants.X_OK);
  } catch {
    fail(`no proxy at "${path}": build it (./dev build), or set SINGLEFLIGHT_PROXY=PATH`);
  }
  return path;
}

// A running proxy in front of `target`; `route` is more YAML of its one route.
export class Proxy {
  static async start(target, route, listener = '127.0.0.1:0') {
    const proxy = new Proxy();
    proxy.folder = mkdtempSync(join(tmpdir(), 'interop-'));
    const file = join(proxy.folder, 'proxy.yaml');
    writeFileSync(file, `
listeners: [{address: "${listener}"}]
upstreams: [{name: backend, target: "${target}"}]
routes:
  - match: {method: /interop.v1.*}
    upstream: backend
    ${route}
health: {address: 127.0.0.1:0}
`);
    // The kernel stops it if this process dies first.
    proxy.process = spawn('setpriv', ['--pdeathsig', 'KILL', binary(), '--config', file],
                          {stdio: ['ignore', 'pipe', 'inherit']});
    proxy.ended = once(proxy.process, 'exit');
    const lines = createInterface({input: proxy.process.stdout});
    const [said] = await Promise.race([once(lines, 'line'), proxy.ended.then(() => ['nothing'])]);
    const ready = / ready: listening on (\S+); health on ([^\s;]+)/.exec(said);
    if (!ready) throw new Error(`the proxy is not ready; it said "${said}"`);
    [, proxy.address, proxy.health] = ready;
    return proxy;
  }

  // The sum of all samples of a metric.
  async metric(name) {
    const page = await (await fetch(`http://${this.health}/metrics`)).text();
    const samples = page.split('\n').filter((line) => line.match(`^singleflight_${name}[{ ]`));
    if (samples.length === 0) throw new Error(`no metric singleflight_${name}`);
    return samples.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  async waitFor(name, value) {
    const until = Date.now() + PATIENCE;
    let found;
    while ((found = await this.metric(name)) !== value) {
      if (Date.now() > until) throw new Error(`waited for singleflight_${name} = ${value}; it is ${found}`);
    }
  }

  // Until every call has ended and nothing is left of it.
  async settle() {
    for (const gauge of ['streams', 'waiters', 'flights', 'held_bytes', 'upstream_calls_active']) {
      await this.waitFor(gauge, 0);
    }
  }

  async stop() {
    this.process.kill('SIGTERM');
    const [status, signal] = await this.ended;
    rmSync(this.folder, {recursive: true});
    if (status !== 0) throw new Error(`the proxy ended with ${status ?? signal}`);
  }
}

// --- the backend ----------------------------------------------------------------------------------------------------

// `methods` maps each kind to what it does; tests replace it. `seen` has the metadata of every call.
export class Backend {
  methods = {};
  seen = [];

  static async start() {
    const backend = new Backend();
    backend.server = new grpc.Server(SIZES);
    const [definition, behaviour] = [{}, {}];
    for (const kind of KINDS) {
      definition[kind] = {
        path: SERVICE + kind,
        requestStream: kind === 'clientStream' || kind === 'bidi',
        responseStream: kind === 'serverStream' || kind === 'bidi',
        requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same,
      };
      behaviour[kind] = (call, reply) => {
        backend.seen.push(plain(call.metadata, ['singleflight-chain']));
        backend.methods[kind](call, reply);
      };
    }
    backend.server.addService(definition, behaviour);
    const port = await new Promise((resolve, reject) => backend.server.bindAsync(
        '127.0.0.1:0', grpc.ServerCredentials.createInsecure(),
        (error, bound) => error ? reject(error) : resolve(bound)));
    backend.address = `127.0.0.1:${port}`;
    return backend;
  }

  takeSeen() {
    return this.seen.splice(0);
  }

  stop() {
    this.server.forceShutdown();
  }
}

// Metadata as [name, value] pairs, without what may differ: the server's clock and what collapse routes add.
export function plain(metadata, dropped = ['date', 'age', 'cache-status']) {
  return Object.entries(metadata.toJSON())
      .filter(([name]) => !dropped.includes(name))
      .flatMap(([name, values]) => values.map((value) => [name, value.toString('latin1')]));
}

export function metadata(...entries) {
  const result = new grpc.Metadata();
  for (const [name, value] of entries) result.add(name, value);
  return result;
}

// --- callers --------------------------------------------------------------------------------------------------------

// A client of the backend, directly or through a proxy.
export class Caller {
  constructor(address, options = {}) {
    this.client = new grpc.Client(address, grpc.credentials.createInsecure(),
                                  {...SIZES, 'grpc.enable_http_proxy': 0, ...options});
  }

  // The call, begun; `outcome` resolves with all that a caller gets to know of it. `sent` are the messages; with
  // `open`, the client never half-closes.
  start(kind, sent, {meta = new grpc.Metadata(), deadline = Date.now() + PATIENCE, open = false, path} = {}) {
    const outcome = {messages: [], initial: []};
    const take = (message) => outcome.messages.push(Buffer.from(message));
    const unary = (error, message) => error || take(message);
    const common = [path ?? SERVICE + kind, same, same];
    const call = {
      unary: () => this.client.makeUnaryRequest(...common, sent[0], meta, {deadline}, unary),
      serverStream: () => this.client.makeServerStreamRequest(...common, sent[0], meta, {deadline}),
      clientStream: () => this.client.makeClientStreamRequest(...common, meta, {deadline}, unary),
      bidi: () => this.client.makeBidiStreamRequest(...common, meta, {deadline}),
    }[kind]();
    if (kind === 'serverStream' || kind === 'bidi') call.on('data', take).on('error', () => {});
    call.on('metadata', (received) => outcome.initial = plain(received));
    call.outcome = new Promise((resolve) => call.on('status', ({code, details, metadata: trailing}) => {
      // A unary reply is handed over right after its status.
      setImmediate(() => resolve({...outcome, code, details, trailing: plain(trailing)}));
    }));
    if (kind === 'clientStream' || kind === 'bidi') {
      for (const message of sent) call.write(message);
      if (!open) call.end();
    }
    return call;
  }

  call(kind, sent, options) {
    return this.start(kind, sent, options).outcome;
  }

  close() {
    this.client.close();
  }
}
