// The four kinds of calls from JavaScript, directly and through the proxy: both must end alike.

import assert from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, afterEach, before, describe, test} from 'node:test';

import {Backend, Caller, KINDS, PATIENCE, Proxy, grpc, metadata} from './fixture.mjs';

const HERD = 50;
const LARGE = randomBytes(5 << 20);
const bytes = (...texts) => texts.map((text) => Buffer.from(text));
const {status: Code} = grpc;

const METADATA = [
  ['x-plain', 'value'],
  ['x-twice', 'first'], ['x-twice', 'second'], ['x-twice', 'first'],
  ['x-commas', 'a, b;c="d" ~!'],
  ['x-odd-bin', Buffer.from([0])], ['x-odd-bin', Buffer.from([0, 255, 254, 44])],
  ['x-odd-bin', Buffer.from(Array.from({length: 256}, (_, byte) => byte))],
];

// Replies to every message with itself, to all of a client stream with their concatenation.
const ECHO = {
  unary: (call, reply) => reply(null, call.request),
  serverStream: (call) => {
    call.write(call.request);
    call.write(call.request);
    call.end();
  },
  clientStream: (call, reply) => {
    const received = [];
    call.on('data', (message) => received.push(message));
    call.on('end', () => reply(null, Buffer.concat(received)));
  },
  bidi: (call) => {
    call.on('data', (message) => call.write(message));
    call.on('end', () => call.end());
  },
};

// Every kind of call ends with this status.
const FAIL = (code, details, trailing) => ({
  unary: (_, reply) => reply({code, details, metadata: trailing}),
  serverStream: (call) => call.emit('error', {code, details, metadata: trailing}),
  clientStream: (call, reply) => call.once('data', () => reply({code, details, metadata: trailing})),
  bidi: (call) => call.once('data', () => call.emit('error', {code, details, metadata: trailing})),
});

for (const [name, route] of [
  ['a relay route', ''],
  ['a collapse route', 'collapse: {flight_timeout: 50s, max_join_age: 50s}'],
]) {
  describe(`on ${name}`, () => {
    const collapses = route !== '';
    let backend, proxy, direct, proxied;

    before(async () => {
      backend = await Backend.start();
      proxy = await Proxy.start(backend.address, route);
      direct = new Caller(backend.address);
      proxied = new Caller(proxy.address);
    });
    afterEach(() => proxy.settle());
    after(async () => {
      direct.close();
      proxied.close();
      await proxy.stop();
      backend.stop();
    });

    // Lets `calling(caller)` run both ways; what it returns and what the backend saw must be the same.
    async function same(calling) {
      backend.takeSeen();
      const expected = await calling(direct);
      const expectedSeen = backend.takeSeen();
      assert.deepEqual(await calling(proxied), expected);
      assert.deepEqual(backend.takeSeen(), expectedSeen);
      return expected;
    }

    // Begins a call that the backend leaves unanswered. Resolves once the backend has it.
    async function beginHeld(kind, caller, options = {}) {
      const begun = new Promise((resolve) => backend.methods = {[kind]: resolve});
      const call = caller.start(kind, bytes('x'), options);
      return {call, atServer: await begun};
    }

    for (const kind of KINDS) {
      test(`${kind}: messages arrive`, async () => {
        backend.methods = ECHO;
        const outcome = await same((caller) => caller.call(kind, bytes('a', 'b', 'c')));
        const expected = {unary: ['a'], serverStream: ['a', 'a'], clientStream: ['abc'], bidi: ['a', 'b', 'c']};
        assert.equal(outcome.code, Code.OK);
        assert.deepEqual(outcome.messages, bytes(...expected[kind]));
      });

      test(`${kind}: empty messages arrive`, async () => {
        backend.methods = ECHO;
        const outcome = await same((caller) => caller.call(kind, bytes('', '')));
        assert.equal(outcome.code, Code.OK);
        assert.ok(outcome.messages.length > 0 && outcome.messages.every((message) => message.length === 0));
      });

      test(`${kind}: messages of 5 MiB arrive`, async () => {
        backend.methods = ECHO;
        const outcome = await proxied.call(kind, [LARGE]);
        assert.equal(outcome.code, Code.OK);
        assert.ok(outcome.messages.length > 0 && outcome.messages.every((message) => LARGE.equals(message)));
      });

      test(`${kind}: compressed messages arrive`, async (context) => {
        backend.methods = ECHO;
        const gzip = {'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip};
        const callers = [new Caller(backend.address, gzip), new Caller(proxy.address, gzip)];
        context.after(() => callers.forEach((caller) => caller.close()));
        const even = Buffer.alloc(1 << 20, 'a');
        const [expected, outcome] = await Promise.all(callers.map((caller) => caller.call(kind, [even])));
        assert.deepEqual({...outcome, messages: []}, {...expected, messages: []});
        assert.ok(outcome.messages.length > 0 && outcome.messages.every((message) => even.equals(message)));
      });

      test(`${kind}: status, details and metadata of a failed call arrive`, async () => {
        const trailing = metadata(...METADATA, ['grpc-status-details-bin', randomBytes(300)]);
        backend.methods = FAIL(Code.FAILED_PRECONDITION, 'détails: 100 % "sure"', trailing);
        const outcome = await same((caller) => caller.call(kind, bytes('a')));
        assert.equal(outcome.code, Code.FAILED_PRECONDITION);
        assert.equal(outcome.details, 'détails: 100 % "sure"');
        assert.equal(outcome.trailing.filter(([key]) => key === 'x-odd-bin').length, 3);
      });

      test(`${kind}: request metadata arrives`, async () => {
        backend.methods = ECHO;
        await same((caller) => caller.call(kind, bytes('a'), {meta: metadata(...METADATA)}));
      });

      test(`${kind}: a client that cancels ends the call at the server`, async () => {
        const outcome = await same(async (caller) => {
          const {call, atServer} = await beginHeld(kind, caller);
          const cancelled = once(atServer, 'cancelled');
          call.cancel();
          await cancelled;
          return call.outcome;
        });
        assert.equal(outcome.code, Code.CANCELLED);
      });
    }

    test('a deadline that passes ends the call on both sides', async () => {
      const calls = [];
      const ends = [];
      backend.methods = Object.fromEntries(KINDS.map((kind) => [kind, (call) => {
        ends.push(call.cancelled || once(call, 'cancelled'));
      }]));
      for (const kind of KINDS) {
        for (const caller of [direct, proxied]) calls.push(caller.call(kind, bytes('x'), {deadline: Date.now() + 3000}));
      }
      for (const outcome of await Promise.all(calls)) assert.equal(outcome.code, Code.DEADLINE_EXCEEDED);
      assert.equal(ends.length, calls.length);
      await Promise.all(ends);
    });

    test('initial and trailing metadata arrive', async () => {
      backend.methods = {unary: (call, reply) => {
        call.sendMetadata(metadata(...METADATA));
        reply(null, call.request, metadata(...METADATA.slice(1)));
      }};
      const outcome = await same((caller) => caller.call('unary', bytes('a')));
      const [, twice] = outcome.initial.find(([key]) => key === 'x-twice');
      assert.equal(twice, 'first, second, first');  // so node:http2 presents duplicates
      assert.equal(outcome.trailing.filter(([key]) => key === 'x-odd-bin').length, 3);
    });

    test('the server sees no more time than the caller has', async () => {
      let deadline;
      backend.methods = {unary: (call, reply) => {
        deadline = call.getDeadline();
        reply(null, call.request);
      }};
      const asked = Date.now() + PATIENCE;
      await proxied.call('unary', bytes('a'), {deadline: asked});
      assert.ok(Number(deadline) > Date.now() && Number(deadline) <= asked + 1000, `${deadline}`);
    });

    test('both sides of a stream can take turns', async () => {
      backend.methods = ECHO;
      await same(async (caller) => {
        const call = caller.start('bidi', [], {open: true});
        for (let turn = 0; turn < 20; ++turn) {
          const reply = once(call, 'data');
          call.write(Buffer.from(`turn ${turn}`));
          assert.equal(String(await reply), `turn ${turn}`);
        }
        call.end();
        return call.outcome;
      });
    });

    for (const kind of ['clientStream', 'bidi']) {
      test(`${kind}: a server can end the call while the client still sends`, async () => {
        backend.methods = FAIL(Code.RESOURCE_EXHAUSTED, 'one was enough');
        const outcome = await same((caller) => caller.call(kind, bytes('only'), {open: true}));
        assert.equal(outcome.code, Code.RESOURCE_EXHAUSTED);
        assert.equal(outcome.details, 'one was enough');
      });
    }

    test('a client on a Unix socket may call its server whatever it likes', async (context) => {
      backend.methods = ECHO;
      const folder = mkdtempSync(join(tmpdir(), 'interop-'));
      const socket = `unix:${join(folder, 'proxy.sock')}`;
      const own = await Proxy.start(backend.address, route, socket);
      context.after(() => own.stop().then(() => rmSync(folder, {recursive: true})));
      for (const name of [undefined, join(folder, 'proxy.sock'), '@abstract', 'me@shop']) {
        const caller = new Caller(socket, name === undefined ? {} : {'grpc.default_authority': name});
        const outcome = await caller.call('unary', bytes('x'));
        caller.close();
        assert.deepEqual(outcome.messages, bytes('x'), `${name}: ${outcome.details}`);
      }
    });

    test('the backend itself says that it does not have a method', async () => {
      const outcome = await same((caller) => caller.call('unary', bytes('a'), {path: '/interop.v1.Nobody/AtHome'}));
      assert.equal(outcome.code, Code.UNIMPLEMENTED);
    });

    test('the proxy says that no route takes a call', async () => {
      const outcome = await proxied.call('unary', bytes('a'), {path: '/elsewhere.v1.Shop/Get'});
      assert.equal(outcome.code, Code.UNIMPLEMENTED);
      assert.match(outcome.details, /no route .*\/elsewhere\.v1\.Shop\/Get/);
    });

    for (const [what, each, expected] of [
      ['identical calls', () => [], collapses ? 1 : HERD],
      ['calls with two credentials', (number) => [['authorization', `Bearer ${number % 2}`]], collapses ? 2 : HERD],
      ['calls with a trace each', (number) => [['traceparent', `00-${number}`]], collapses ? 1 : HERD],
    ]) {
      test(`${HERD} ${what} at once: ${expected} at the server`, async () => {
        const held = [];
        backend.takeSeen();
        backend.methods = {unary: (call, reply) => held.push(() => reply(null, call.request))};
        const calls = Array.from({length: HERD}, (_, number) =>
          proxied.call('unary', bytes('id-7'), {meta: metadata(...each(number))}));
        await proxy.waitFor(collapses ? 'waiters' : 'upstream_calls_active', HERD);
        while (held.length < expected) await proxy.metric('flights');
        held.forEach((letGo) => letGo());
        for (const outcome of await Promise.all(calls)) assert.deepEqual(outcome.messages, bytes('id-7'));
        assert.equal(backend.takeSeen().length, expected);
      });
    }
  });
}
