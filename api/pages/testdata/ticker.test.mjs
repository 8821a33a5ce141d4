import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Ticker} from '../assets/ticker.js';
import {decode, encode, msgpack} from '../assets/ticker-msgpack.js';
import {Socket, pass, reset, settle, time} from './world.mjs';

const product = 'p:01234567-89ab-7def-8123-456789abcdef', id = product.slice(2);

// start returns a ticker that is connecting, and what it has told.
async function start(options = {}) {
  reset();
  const told = {frames: [], states: [], refused: []};
  const ticker = new Ticker({url: 'ws://shop.example/api/ws', WebSocket: Socket, random: () => 1, frame: f => told.frames.push(f),
    state: (state, code) => told.states.push(code ? `${state} ${code}` : state), refused: (channel, err) => told.refused.push([channel, err.code]), ...options});
  ticker.watch([product], {hz: 5});
  ticker.start();
  await settle();
  return {ticker, told};
}

test('it says hello, watches, and tells what is news', async () => {
  const {ticker, told} = await start();
  assert.deepEqual(Socket.last.protocols, ['stockticker.v1.json']);
  Socket.last.hello();
  const [sub] = Socket.last.commands('sub');
  assert.deepEqual([sub.ch, sub.hz, 'since' in sub, 'm' in sub], [[product], 5, false, false]);
  for (const [e, s, a] of [[1, 5, 10], [1, 4, 99], [1, 5, 11], [1, 6, 12], [2, 1, 13], [1, 9, 99]]) Socket.last.says({t: 'u', p: id, e, s, a});
  Socket.last.says({t: 'u', p: 'another', e: 9, s: 9, a: 99});
  Socket.last.says({t: 'what comes later', x: 1});
  assert.deepEqual(told.frames.filter(f => f.t === 'u').map(f => f.a), [10, 11, 12, 13]);
  assert.deepEqual(told.states, ['connecting', 'live']);
  assert.equal(ticker.state, 'live');
});

test('after a break it resumes with what it has', async () => {
  const {told} = await start();
  Socket.last.hello();
  Socket.last.says({t: 's', p: id, e: 3, s: 7, a: 1});
  Socket.last.ends(1006);
  assert.deepEqual(told.states.slice(-1), ['backoff 1006']);
  await pass(500);
  Socket.last.hello();
  assert.deepEqual(Socket.last.commands('sub')[0].since, {[product]: [3, 7]});
});

test('the pauses double to half a minute, at random, and begin anew after ten seconds of life', async () => {
  await start();
  const pauses = [];
  for (let i = 0; i < 9; i++) {
    const before = time(), sockets = Socket.all.length;
    Socket.last.ends(1006);
    while (Socket.all.length === sockets) await pass(100);
    pauses.push(time() - before);
  }
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  Socket.last.hello();
  await pass(11_000);
  const before = time(), sockets = Socket.all.length;
  Socket.last.ends(1006);
  while (Socket.all.length === sockets) await pass(100);
  assert.equal(time() - before, 500);
});

test('a bye says when to come back, or not to', async () => {
  const {told} = await start();
  Socket.last.hello();
  Socket.last.says({t: 'bye', code: 4200, why: 'restart', retry: [2000, 5000]});
  Socket.last.ends(4200);
  await pass(4900);
  assert.equal(Socket.all.length, 1);
  await pass(200);
  assert.equal(Socket.all.length, 2);
  for (const code of [4000, 4003, 4005, 1002, 1009]) {
    const one = await start();
    Socket.last.hello();
    Socket.last.ends(code);
    await pass(120_000);
    assert.deepEqual([Socket.all.length, one.told.states.at(-1)], [1, `idle ${code}`]);
  }
  assert.equal(told.states.includes('idle'), false);
});

test('silence for twenty seconds ends a connection, and the old socket is closed before the new one', async () => {
  const {told} = await start();
  Socket.last.hello();
  await pass(15_000);
  Socket.last.says({t: 'hb', now: 5_015_000});
  await pass(18_500);
  assert.equal(told.states.at(-1), 'stale');
  Socket.last.says({t: 'hb', now: 5_033_000});
  assert.equal(told.states.at(-1), 'live');
  const first = Socket.last;
  await pass(23_000);
  assert.equal(first.closed, true);
  assert.equal(Socket.all.length, 2);
  first.says({t: 'u', p: id, e: 9, s: 9, a: 9});
  assert.equal(told.frames.some(f => f.a === 9), false);
});

test('a probe that is not answered in three seconds makes a new connection', async () => {
  const {ticker} = await start();
  Socket.last.hello();
  await pass(1000);
  ticker.probe();
  await pass(2000);
  assert.equal(Socket.all.length, 1);
  await pass(3000);
  assert.equal(Socket.all.length, 2);
});

test('time is the server\'s, from the quickest of five answers', async () => {
  const {ticker} = await start();
  Socket.last.hello();
  assert.equal(ticker.clock.now(), 5_000_000);
  const answer = async (after, now) => {
    const ping = Socket.last.commands('ping').at(-1);
    await pass(after);
    Socket.last.says({t: 'ok', id: ping.id, now});
    await settle();
  };
  await answer(100, 6_000_000);
  assert.equal(ticker.clock.now(), 6_000_050);
  ticker.probe();
  await settle();
  await answer(10, 7_000_000);
  assert.deepEqual([ticker.clock.now(), ticker.clock.rtt], [7_000_005, 10]);
});

test('a ticket is asked for each connection, and refused tickets are tried again', async () => {
  let tickets = 0;
  await start({ticket: async () => { if (++tickets === 1) throw new Error('503'); return tickets === 2 ? 'a/b' : null; }});
  assert.equal(Socket.all.length, 0);
  await pass(500);
  assert.equal(Socket.last.url, 'ws://shop.example/api/ws?ticket=a%2Fb');
  Socket.last.ends(1006);
  await pass(2000);
  assert.equal(Socket.last.url, 'ws://shop.example/api/ws');
});

test('commands fit their bounds, and no more than the server takes come at once', async () => {
  const {ticker} = await start();
  Socket.last.hello();
  const many = Array.from({length: 190}, (_, i) => `p:01234567-89ab-7def-8123-${String(i).padStart(12, '0')}`);
  ticker.watch(many, {hz: 5});
  for (let i = 0; i < 20; i++) ticker.ask({op: 'ping'}).catch(() => {});
  await settle();
  assert.equal(Socket.last.sent.length <= 12, true);
  for (const one of Socket.last.sent) assert.equal(JSON.stringify(one).length <= 4096, true);
  await pass(1000);
  assert.equal(Socket.last.sent.length <= 21, true);
  await pass(3000);
  assert.equal(Socket.last.commands('sub').flatMap(one => one.ch).length, 191);
  let refused = 0;
  for (let i = 0; i < 100; i++) ticker.ask({op: 'ping'}).catch(() => refused++);
  await settle();
  assert.equal(refused > 0, true);
});

test('a server without m, rate, boards or figures is served all the same', async () => {
  const {ticker, told} = await start();
  ticker.watch(['*'], {slow: true});
  ticker.watch([product.replace('0123', '9999')], {slow: true});
  Socket.last.hello();
  const refuse = (command, code, more) => Socket.last.says({t: 'err', id: command.id, code, ...more});
  const slow = Socket.last.commands('sub').filter(one => one.m);
  assert.equal(slow.length, 2);
  for (const one of slow) refuse(one, 107);
  await settle();
  const again = Socket.last.commands('sub').slice(-2);
  assert.deepEqual(again.map(one => 'm' in one), [false, false]);
  refuse(again.find(one => one.ch[0] === '*'), 107);
  await settle();
  assert.deepEqual(told.refused, [['*', 107]]);
  ticker.rate(0.2);
  await settle();
  refuse(Socket.last.commands('rate')[0], 104);
  await settle();
  assert.equal(Socket.last.commands('unsub')[0].ch.length, 2);
  assert.deepEqual(Socket.last.commands('sub').slice(-1)[0].hz, 0.2);
});

test('rate slows all down and brings back what each had', async () => {
  const {ticker} = await start();
  ticker.watch([product.replace('0123', '9999')], {hz: 10});
  Socket.last.hello();
  const ok = async () => { for (const one of Socket.last.commands('rate')) Socket.last.says({t: 'ok', id: one.id}); await settle(); };
  ticker.rate(0.2);
  await settle(); await ok();
  ticker.rate(null);
  await settle(); await ok();
  assert.deepEqual(Socket.last.commands('rate').map(one => [one.hz, one.ch?.length]), [[0.2, undefined], [5, 1], [10, 1]]);
});

test('a command that came too fast is sent again when it may be', async () => {
  const {ticker} = await start();
  Socket.last.hello();
  const asked = ticker.ask({op: 'hist', ch: product, n: 5});
  const sent = Socket.last.commands('hist')[0];
  Socket.last.says({t: 'err', id: sent.id, code: 111, temp: true, after_ms: 300});
  await pass(400);
  Socket.last.says({t: 'ok', id: Socket.last.commands('hist')[1].id, i: [[1, 2]]});
  assert.deepEqual((await asked).i, [[1, 2]]);
});

test('a snapshot of a board replaces what was known, also in parts', async () => {
  const {ticker, told} = await start();
  ticker.watch(['*']);
  Socket.last.hello();
  const board = (t, i, more) => Socket.last.says({t, c: '*', i, ...more});
  board('s', [{p: 'a', e: 1, s: 5, a: 1}], {more: true});
  board('s', [{p: 'b', e: 1, s: 5, a: 2}]);
  board('b', [{p: 'a', e: 1, s: 4, a: 9}, {p: 'b', e: 1, s: 6, a: 3}, {p: 'c', gone: true}]);
  board('s', [{p: 'a', e: 1, s: 1, a: 4}]);
  assert.deepEqual(told.frames.filter(f => f.c).map(f => [f.first, f.i.map(row => row.p)]), [[true, ['a']], [false, ['b']], [false, ['b', 'c']], [true, ['a']]]);
});

test('another connection takes the place of this one when it is asked for', async () => {
  const {ticker} = await start();
  Socket.last.hello();
  const first = Socket.last;
  ticker.reconnect();
  await settle();
  assert.deepEqual([first.closed, Socket.all.length, ticker.state], [true, 2, 'connecting']);
});

test('stop ends it for good', async () => {
  const {ticker} = await start();
  Socket.last.hello();
  const asked = ticker.ask({op: 'ping'});
  ticker.stop();
  await assert.rejects(asked, {t: 'err'});
  await pass(60_000);
  assert.deepEqual([Socket.all.length, Socket.last.closed, ticker.state], [1, true, 'idle']);
});

test('MessagePack says the same', async () => {
  for (const value of [0, 127, 128, 255, 256, 65536, 2 ** 40, -1, -33, -70000, 1.5, true, false, null, '', 'ä'.repeat(40), 'x'.repeat(70000), [], [1, [2]], {}, {a: {b: [1, null]}}]) {
    assert.deepEqual(JSON.parse(JSON.stringify(decode(encode(value)))), value);
  }
  const hex = text => Uint8Array.from(text.match(/../g), byte => parseInt(byte, 16));
  assert.equal(decode(hex('ccff')), 255);
  assert.equal(decode(hex('cdffff')), 65535);
  assert.equal(decode(hex('ceffffffff')), 4294967295);
  assert.equal(decode(hex('cf0000010000000000')), 2 ** 40);
  assert.equal(decode(hex('d0ff')), -1);
  assert.equal(decode(hex('d1ff7f')), -129);
  assert.equal(decode(hex('ca3fc00000')), 1.5);
  assert.deepEqual(decode(hex('dc0001c0')), [null]);
  for (const bad of ['', '92', 'a5', 'c1', 'cfffffffffffffffff', '0101', '81c0c0', '919191919191919191919101']) assert.throws(() => decode(hex(bad)), undefined, bad);
  const {told} = await start({codec: {...msgpack, open: () => ({...msgpack.open(), encode: JSON.stringify})}});
  const says = frame => Socket.last.says(encode(frame).buffer);
  assert.deepEqual(Socket.last.protocols, ['stockticker.v1.msgpack']);
  says({t: 'hello', v: 1, now: 1});
  says([2, 7, 1, 1, 1, 1, 1, 1, 1]);
  says({t: 's', p: id, n: 7, e: 1, s: 5, a: 4, r: 3, d: 2, ph: 1, ts: 99});
  says([2, 7, 1, 6, 3, 3, 3, 3, 100, 'what comes later']);
  assert.deepEqual(told.frames.slice(1).map(({t, p, e, s, a, r, d, ph, ts}) => [t, p, e, s, a, r, d, ph, ts]),
    [['s', id, 1, 5, 4, 3, 2, 'live', 99], ['u', id, 1, 6, 3, 3, 3, 'sold_out', 100]]);
});
