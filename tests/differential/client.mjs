// client.mjs DIRECT PROXY WAY…: what differential-client (client.cc) does, with gRPC for JavaScript.

import {createHash} from 'node:crypto';
import {createInterface} from 'node:readline';

import {grpc} from '../interop/node/fixture.mjs';

// More, and some of the library's connections are dropped while calls run, without the proxy too.
const PLANS_AT_A_TIME = 1;
const STREAMS = {unary: [false, false], server: [false, true], client: [true, false], bidi: [true, true]};
const MARKS = ['age', 'cache-status'];
const same = (bytes) => bytes;
const shares = (way) => way !== 'direct' && !way.startsWith('relay');
const digest = (bytes) => `${bytes.length}:${createHash('md5').update(bytes).digest('hex')}`;

// --- plans (plan.h) -------------------------------------------------------------------------------------------------

// Of SIZE:SEED:COMPRESSED; even seeds compress well. Compression is of the whole channel in JavaScript.
function payload(text) {
  const [size, seed] = text.split(':').map(Number);
  if (seed % 2 === 0) return Buffer.alloc(size, 97 + seed % 26);
  const bytes = Buffer.alloc(size);
  for (let i = 0, state = seed; i < size; ++i) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

function parse(line) {
  const [index, kind, compression, deadline, inTurn, cancelAfter, codeOnly, messages, fields, script] = line.split('\t');
  const metadata = new grpc.Metadata();
  for (const [name, hex] of fields.split(',').filter(Boolean).map((field) => field.split('='))) {
    const value = Buffer.from(hex, 'hex');
    metadata.add(name, name.endsWith('-bin') ? value : value.toString('latin1'));
  }
  metadata.add('x-script', script);
  return {
    index, kind, metadata, compression: Number(compression), deadline: Number(deadline), inTurn: inTurn === '1',
    cancelAfter: Number(cancelAfter), codeOnly: codeOnly === '1',
    messages: messages.split(',').filter(Boolean).map(payload),
  };
}

// --- calls ----------------------------------------------------------------------------------------------------------

// One connection for all calls whose messages are not compressed; each other call has its own. A channel compresses until
// a server has told it what it reads, if that is a list with spaces; how a message goes would depend on calls before.
function connect(address, compression) {
  return new grpc.Client(address, grpc.credentials.createInsecure(), {
    'grpc.enable_http_proxy': 0, 'grpc.use_local_subchannel_pool': 1,
    'grpc.default_compression_algorithm': [0, 2, 1][compression],
  });
}

function begin(client, plan, way, unaryReply) {
  const [requests, replies] = STREAMS[plan.kind];
  const common = [`/${way}/differential.Echo/${plan.kind}`, same, same];
  const options = [plan.metadata, plan.deadline > 0 ? {deadline: Date.now() + plan.deadline} : {}];
  if (requests && replies) return client.makeBidiStreamRequest(...common, ...options);
  if (requests) return client.makeClientStreamRequest(...common, ...options, unaryReply);
  if (replies) return client.makeServerStreamRequest(...common, plan.messages[0], ...options);
  return client.makeUnaryRequest(...common, plan.messages[0], ...options, unaryReply);
}

// Lines of a header block, by name: only the order of the values of one name means something.
function* fieldsOf(block, plan, way, metadata) {
  const all = Object.entries(metadata.toJSON()).sort(([a], [b]) => a < b ? -1 : 1);
  for (const [name, value] of all.flatMap(([name, values]) => values.map((value) => [name, value]))) {
    if (name === 'x-report-bin') {
      for (const line of value.toString('latin1').split('\n').filter(Boolean)) {
        if (shares(way) && line.startsWith('field singleflight-chain=')) continue;
        // Within a call too, it compresses until the server has told it what it reads.
        yield `backend saw ${STREAMS[plan.kind][0] ? line.replace(/ compressed$/, '') : line}`;
      }
    } else if (!shares(way) || !MARKS.includes(name)) {
      yield `${block} ${name}=${Buffer.from(value).toString('hex')}`;
    }
  }
}

// The library may keep messages back that came before a status that is not OK.
function textOf(plan, way, seen, status) {
  if (plan.codeOnly) return `status ${status.code}`;
  const messages = status.code === grpc.status.OK || plan.cancelAfter > 0 ? seen.messages : [];
  return [`status ${status.code} ${JSON.stringify(status.details)}`, ...fieldsOf('initial', plan, way, seen.initial),
          ...messages.map((message) => `message ${digest(message)}`),
          ...(plan.cancelAfter < 0 ? fieldsOf('trailing', plan, way, status.metadata) : [])].join('\n');
}

// The lines of an outcome that must be the same by that way. A shared call has a deadline of its own; one
// that is sent again says so; with transport: grpc, gRPC names itself, and drops the message of an OK.
function compared(text, way) {
  const leftOut = [...(shares(way) ? ['backend saw deadline'] : []),
                   ...(way.endsWith('_again') ? ['backend saw field grpc-previous-rpc-attempts='] : []),
                   ...(way.endsWith('_by_grpc') ? ['backend saw field user-agent=', 'status 0 '] : [])];
  return text.split('\n').filter((line) => !leftOut.some((start) => line.startsWith(start))).join('\n');
}

// Makes a call as planned; resolves with its text and its cache-status. While the library compresses a message, the server
// may end the call. Then, whatever the server said, the library says this; it is asked again until it was fast enough.
async function make(server, plan, way) {
  for (let left = 50; ; --left) {
    const outcome = await attempt(server, plan, way);
    if (left === 0 || !outcome.text.startsWith('status 13 "Write error: write after end"')) return outcome;
  }
}

function attempt(server, plan, way) {
  const client = plan.compression === 0 ? server.plain : connect(server.address, plan.compression);
  const seen = {initial: new grpc.Metadata(), messages: []};
  let sent = 0;
  const call = begin(client, plan, way, (error, message) => {
    if (!error) seen.messages.push(message);
  });
  const [requests, replies] = STREAMS[plan.kind];
  // The next message, or once the end.
  const sendNext = () => {
    if (sent < plan.messages.length) call.write(plan.messages[sent]);
    else if (sent === plan.messages.length) call.end();
    sent += 1;
  };
  if (replies) {
    call.on('error', () => {}).on('data', (message) => {
      if (seen.messages.length === plan.cancelAfter) return;
      seen.messages.push(message);
      if (seen.messages.length === plan.cancelAfter) call.cancel();
      if (plan.inTurn) sendNext();
    });
  }
  if (requests && plan.inTurn) sendNext();
  else if (requests) while (sent <= plan.messages.length) sendNext();
  return new Promise((resolve) => {
    call.on('metadata', (metadata) => seen.initial = metadata);
    // A unary reply is handed over right after its status.
    call.on('status', (status) => setImmediate(() => {
      if (plan.compression !== 0) client.close();
      resolve({
        text: textOf(plan, way, seen, status),
        cacheStatus: [...seen.initial.get('cache-status'), ...status.metadata.get('cache-status')].join(' '),
      });
    }));
  });
}

// --------------------------------------------------------------------------------------------------------------------

const [direct, proxy] = process.argv.slice(2, 4).map((address) => ({address, plain: connect(address, 0)}));
const ways = process.argv.slice(4);
const counts = {direct: 0, compared: 0, hits: 0, collapsed: 0, different: 0};

// By all ways: twice at the same time by those named collapse…, twice in turn by those named cache….
async function run(plan) {
  const twice = (way) => way.startsWith('collapse') ? [way, way] : [way];
  const begun = ways.flatMap(twice).map(async (way) => [way, await make(proxy, plan, way)]);
  const expected = await make(direct, plan, 'direct');
  const outcomes = await Promise.all(begun);
  for (const way of ways.filter((name) => name.startsWith('cache'))) outcomes.push([way, await make(proxy, plan, way)]);
  const different = outcomes.filter(([way, {text}]) => compared(text, way) !== compared(expected.text, way));
  for (const [way, {text}] of different) {
    console.log(`DIFFERENT plan ${plan.index} by ${way}\n--- directly\n${expected.text}\n--- by ${way}\n${text}`);
  }
  counts.direct += 1;
  counts.compared += outcomes.length;
  counts.different += different.length > 0 ? 1 : 0;
  counts.hits += outcomes.filter(([, {cacheStatus}]) => cacheStatus.includes('; hit')).length;
  counts.collapsed += outcomes.filter(([, {cacheStatus}]) => cacheStatus.includes('; collapsed')).length;
}

const running = new Set();
for await (const line of createInterface({input: process.stdin})) {
  const done = run(parse(line)).finally(() => running.delete(done));
  running.add(done);
  if (running.size >= PLANS_AT_A_TIME) await Promise.race(running);
}
await Promise.all(running);
console.log(Object.entries(counts).flat().join(' '));
process.exit(0);
