import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { backoffMs, BACKOFF_CAP_MS } from '../client/backoff.js';
import { connect, DEFAULTS } from '../tercet.js';
import { FakeWebSocket, settle } from './fake-websocket.js';

const network = new EventTarget();
globalThis.addEventListener ??= network.addEventListener.bind(network);
globalThis.removeEventListener ??= network.removeEventListener.bind(network);

let connection;
const start = (options) =>
  (connection = connect('ws://server/ws/numbers', { WebSocket: FakeWebSocket, random: () => 0.5, ...options }));
const open = (options) => {
  start(options);
  FakeWebSocket.last.accept();
};
const pass = (ms) => mock.timers.tick(ms);

beforeEach(() => {
  FakeWebSocket.made = [];
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_700_000_000_000 });
});
afterEach(() => {
  connection?.close();
  mock.timers.reset();
});

test('backoff grows to its cap, and its jitter is full', () => {
  for (let attempt = 0; attempt < 2000; attempt++) {
    const bound = Math.min(BACKOFF_CAP_MS, 250 * 2 ** attempt);
    const shortest = backoffMs(attempt, () => 0);
    assert.equal(shortest, 0);
    const longest = backoffMs(attempt, () => 1 - Number.EPSILON);
    assert.ok(longest < bound && longest >= bound - 1, `attempt ${attempt}: ${longest}`);
  }
});

test('answers find their requests by id, in any order', async () => {
  open();
  const first = connection.request({ Cmd: 2 });
  const second = connection.request({ Cmd: 1 });
  const [a, b] = FakeWebSocket.last.sent.map((text) => JSON.parse(text).id);
  assert.notEqual(a, b);
  FakeWebSocket.last.says({ id: b, ok: true });
  FakeWebSocket.last.says({ id: a, Users: [], Version: 1 });
  assert.deepEqual(await first, { id: a, Users: [], Version: 1 });
  assert.deepEqual(await second, { id: b, ok: true });
});

test('an error answer rejects its request with its code', async () => {
  open();
  const request = connection.request({ Cmd: 9 });
  FakeWebSocket.last.says({
    id: FakeWebSocket.last.lastSent.id,
    error: { code: 'bad_request', message: 'no such Cmd' },
  });
  await assert.rejects(request, { code: 'bad_request', message: 'no such Cmd', sent: true });
});

test('a request without an answer times out, and its late answer settles nothing', async () => {
  open();
  const request = connection.request({ Cmd: 2 }, { timeoutMs: 1000 });
  const { id } = FakeWebSocket.last.lastSent;
  pass(1000);
  await assert.rejects(request, { code: 'timeout', sent: true });
  FakeWebSocket.last.says({ id, ok: true });
  assert.equal(connection.state, 'open');
});

test('without a connection a request is rejected at once and never sent later', async () => {
  start();
  await assert.rejects(connection.request({ Cmd: 2 }), { code: 'disconnected', sent: false });
  FakeWebSocket.last.accept();
  assert.deepEqual(FakeWebSocket.last.sent, []);
});

test('requests that wait when the connection is lost are rejected, and known to have been sent', async () => {
  open();
  const request = connection.request({ Cmd: 1 });
  FakeWebSocket.last.ends(1006);
  await assert.rejects(request, { code: 'disconnected', sent: true });
});

test('requests in flight are bounded', async () => {
  open({ requestsMax: 2 });
  const waiting = [connection.request({}), connection.request({})];
  await assert.rejects(connection.request({}), { code: 'busy', sent: false });
  connection.close();
  for (const request of waiting) await assert.rejects(request, { code: 'disconnected' });
});

test('it reconnects for ever, later each time up to the cap', () => {
  start({ random: () => 0.999 });
  let previousMs = 0;
  for (let attempt = 0; attempt < 50; attempt++) {
    FakeWebSocket.last.ends(1006);
    assert.equal(connection.state, 'lost');
    const waitMs = connection.status.retryAtMs - Date.now();
    assert.ok(waitMs >= previousMs && waitMs < BACKOFF_CAP_MS);
    previousMs = waitMs;
    pass(waitMs - 1);
    assert.equal(FakeWebSocket.made.length, attempt + 1);
    pass(1);
    assert.equal(FakeWebSocket.made.length, attempt + 2);
  }
});

test('only a connection that held for a while starts the backoff anew', () => {
  const waitMs = () => connection.status.retryAtMs - Date.now();
  open();
  for (const expected of [125, 250, 500]) {
    FakeWebSocket.last.ends(1006);
    assert.equal(waitMs(), expected);
    connection.reconnectNow();
    FakeWebSocket.last.accept();
  }
  pass(DEFAULTS.stableMs);
  FakeWebSocket.last.ends(1006);
  assert.equal(waitMs(), 125);
});

test('it waits at least as long as the server asks, within reason', () => {
  open();
  FakeWebSocket.last.ends(1012, '{"retry_ms":4000}');
  assert.equal(connection.status.retryAtMs - Date.now(), 4000 + 125);
  globalThis.dispatchEvent?.(new Event('online'));
  network.dispatchEvent(new Event('online'));
  assert.equal(connection.state, 'lost');
  pass(4125);
  assert.equal(connection.state, 'connecting');
  for (const [reason, hintMs] of [
    ['{"retry_ms":1e12}', DEFAULTS.retryHintMaxMs],
    ['{"retry_ms":"x"}', 0],
    ['{', 0],
    ['null', 0],
    ['', 0],
  ]) {
    open();
    FakeWebSocket.last.ends(1013, reason);
    assert.equal(connection.status.retryAtMs - Date.now(), hintMs + 125, reason);
    connection.close();
  }
});

test('of all close codes only 4500 to 4999 stop it, and it says why', () => {
  for (const code of [1000, 1001, 1002, 1003, 1006, 1009, 1011, 1012, 1013, 4000, 4008, 4100, 4499]) {
    open();
    FakeWebSocket.last.ends(code);
    assert.equal(connection.state, 'lost', String(code));
    connection.close();
  }
  for (const code of [4500, 4999]) {
    open();
    FakeWebSocket.last.ends(code, 'blocked');
    assert.deepEqual(connection.status, { state: 'stopped', code, reason: 'blocked' });
    const { length } = FakeWebSocket.made;
    pass(3_600_000);
    assert.equal(FakeWebSocket.made.length, length);
    connection.reconnectNow();
    assert.equal(connection.state, 'connecting');
    connection.close();
  }
});

test('when the network is back it does not wait', () => {
  start();
  FakeWebSocket.last.ends(1006);
  network.dispatchEvent(new Event('online'));
  assert.equal(connection.state, 'connecting');
});

test('closed, it leaves the network alone, until it is to connect again', () => {
  start();
  connection.close();
  network.dispatchEvent(new Event('online'));
  assert.equal(connection.state, 'stopped');
  connection.reconnectNow();
  FakeWebSocket.last.ends(1006);
  network.dispatchEvent(new Event('online'));
  assert.equal(connection.state, 'connecting');
});

test('connecting that leads nowhere is given up', () => {
  start();
  pass(DEFAULTS.connectTimeoutMs);
  assert.equal(connection.state, 'lost');
  assert.ok(FakeWebSocket.last.closed);
});

test('a socket that was given up is heard no more', () => {
  open();
  const [old] = FakeWebSocket.made;
  old.ends(1006);
  connection.reconnectNow();
  FakeWebSocket.last.accept();
  old.ends(4500);
  old.says('nonsense');
  assert.equal(connection.state, 'open');
});

test('a silence is probed; any answer keeps the connection, none ends it', async () => {
  open();
  pass(DEFAULTS.quietMs - 1);
  FakeWebSocket.last.says({ Users: [], Version: 1 });
  pass(DEFAULTS.quietMs - 1);
  assert.equal(FakeWebSocket.last.sent.length, 0);
  pass(1);
  assert.equal(FakeWebSocket.last.sent.length, 1);
  FakeWebSocket.last.says({ id: FakeWebSocket.last.lastSent.id, error: { code: 'bad_request', message: '' } });
  await settle();
  pass(DEFAULTS.quietMs);
  assert.equal(FakeWebSocket.last.sent.length, 2);
  pass(DEFAULTS.probeTimeoutMs);
  await settle();
  assert.equal(connection.state, 'lost');
});

test('what is no message ends the connection', () => {
  for (const frame of ['{', '7', 'null']) {
    open();
    FakeWebSocket.last.says(frame);
    assert.equal(connection.state, 'lost', frame);
    connection.close();
  }
});

test('opened resolves when open and rejects when stopped', async () => {
  start();
  const opened = connection.opened();
  FakeWebSocket.last.ends(1006);
  pass(125);
  FakeWebSocket.last.accept();
  await opened;
  FakeWebSocket.last.ends(4500, 'full');
  await assert.rejects(connection.opened(), { code: 'disconnected', message: 'full' });
});

test('64-bit integers cross in both directions exactly', async () => {
  open();
  const request = connection.request({ Cmd: 1, CmdData: { UserName: 'zoe', FavoriteNumber: -(2n ** 63n) } });
  assert.match(FakeWebSocket.last.sent[0], /"FavoriteNumber":-9223372036854775808\}/);
  const { id } = FakeWebSocket.last.lastSent;
  FakeWebSocket.last.says(
    `{"id":${id},"Users":[{"UserName":"zoe","FavoriteNumber":9223372036854775807}],"Version":1789000000000123}`,
  );
  const { Users, Version } = await request;
  assert.equal(Users[0].FavoriteNumber, 2n ** 63n - 1n);
  assert.equal(Version, 1789000000000123);
});
