import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { BACKOFF_CAP_MS } from '../client/backoff.js';
import { connect, follow } from '../tercet.js';
import { FakeWebSocket, settle } from './fake-websocket.js';

let connection;
const start = () => (connection = connect('ws://server/ws', { WebSocket: FakeWebSocket, random: () => 0.5 }));
const open = () => {
  start();
  FakeWebSocket.last.accept();
};
const pass = (ms) => mock.timers.tick(ms);

beforeEach(() => {
  FakeWebSocket.made = [];
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_700_000_000_000 });
});
afterEach(() => {
  connection.close();
  mock.timers.reset();
});

test('follow asks on each connection, and drops listings that are not newer than the newest', async () => {
  start();
  const versions = [];
  const freshness = [];
  follow(connection, {
    ask: { Cmd: 2 },
    onListing: ({ Version }) => versions.push(Version),
    onFresh: (fresh) => freshness.push(fresh),
  });
  FakeWebSocket.last.accept();
  const answer = (Version) => FakeWebSocket.last.says({ id: FakeWebSocket.last.lastSent.id, Users: [], Version });
  answer(10);
  for (const Version of [12, 11, 12, 10]) FakeWebSocket.last.says({ Users: [], Version });
  assert.deepEqual(versions, [10, 12]);
  await settle();

  FakeWebSocket.last.ends(1006);
  assert.deepEqual(freshness, [true, false]);
  pass(125);
  FakeWebSocket.last.accept();
  assert.equal(FakeWebSocket.last.lastSent.Cmd, 2);
  answer(12);
  assert.deepEqual(versions, [10, 12]);
  assert.deepEqual(freshness, [true, false, true]);
});

test('a dropped listing still answers its request', async () => {
  open();
  follow(connection, { ask: { Cmd: 2 }, onListing: () => {} });
  FakeWebSocket.last.says({ Users: [], Version: 9 });
  const request = connection.request({ Cmd: 2 });
  FakeWebSocket.last.says({ id: FakeWebSocket.last.lastSent.id, Users: [], Version: 8 });
  assert.equal((await request).Version, 8);
});

test('follow asks again when asking failed, and stops when told', async () => {
  open();
  const errors = [];
  const unfollow = follow(connection, {
    ask: { Cmd: 2 },
    onListing: () => {},
    onError: ({ code }) => errors.push(code),
  });
  const fail = async () => {
    FakeWebSocket.last.says({ id: FakeWebSocket.last.lastSent.id, error: { code: 'unavailable', message: '' } });
    await settle();
  };
  await fail();
  pass(BACKOFF_CAP_MS);
  assert.equal(FakeWebSocket.last.sent.length, 2);
  await fail();
  assert.deepEqual(errors, ['unavailable', 'unavailable']);
  unfollow();
  pass(BACKOFF_CAP_MS);
  assert.equal(FakeWebSocket.last.sent.length, 2);
});
