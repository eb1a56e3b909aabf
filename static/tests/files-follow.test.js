import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { FilesFollow } from '../files/follow.js';
import { connect } from '../tercet.js';
import { FakeWebSocket, settle } from './fake-websocket.js';

const WATCHERS = [{ watcher: 1, instance: 'one', address: '127.0.0.1:4001', state: 'synced' }];
const snapshot = (position, names, more = {}) => ({
  type: 'snapshot',
  cursor: `e-${position}`,
  server_ms: 1,
  count: names.length,
  watchers: WATCHERS,
  files: names.map((name) => [name, 1]),
  ...more,
});
const push = (position, filename, op = 'add') => ({
  type: 'changes',
  prev: `e-${position - 1}`,
  cursor: `e-${position}`,
  changes: [{ op, watcher: 1, filename }],
  server_ms: 1,
});

let connection;
let follow;
let nodes;
let pages;
const server = () => FakeWebSocket.last;
const answer = async (message) => {
  server().says({ ...message, id: server().lastSent.id });
  await settle();
};
const names = () => {
  follow.state.drain();
  return follow.state.files.map(({ name }) => name);
};
const pass = async (ms) => {
  mock.timers.tick(ms);
  await settle();
};

beforeEach(() => {
  FakeWebSocket.made = [];
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_700_000_000_000 });
  nodes = { nodes: [], count: 0, cursor: 'e-0' };
  pages = () => assert.fail('no pages were needed');
  connection = connect('ws://server/ws/files', { WebSocket: FakeWebSocket, random: () => 0.5 });
  follow = new FilesFollow(connection, { fetchNodes: async () => nodes, fetchFiles: () => pages() });
  server().accept();
});
afterEach(() => {
  follow.end();
  connection.close();
  mock.timers.reset();
});

test('the snapshot comes by itself, and changes that came before it are not lost', async () => {
  server().says(push(2, 'b'));
  server().says(push(3, 'c'));
  assert.equal(follow.isFresh, false);
  server().says(snapshot(2, ['a', 'b']));
  assert.deepEqual(names(), ['a', 'b', 'c']);
  assert.equal(follow.isFresh, true);
  assert.deepEqual(server().sent, []);
});

test('a service that says nothing on a new connection is asked, and again until it answers', async () => {
  await pass(5_000);
  assert.deepEqual(server().lastSent, { type: 'watch', id: 1 });
  await answer({ error: { code: 'unavailable', message: '' } });
  assert.equal(follow.trouble.code, 'unavailable');
  await pass(10_000);
  assert.equal(server().sent.length, 2);
  await answer(snapshot(1, ['a']));
  assert.deepEqual([names(), follow.isFresh, follow.trouble], [['a'], true, null]);
});

test('what was missed is asked for once, and what comes meanwhile waits for it', async () => {
  server().says(snapshot(1, ['a']));
  server().says(push(3, 'c'));
  server().says(push(4, 'd'));
  server().says(push(5, 'e'));
  assert.deepEqual(server().sent.map((text) => JSON.parse(text)), [{ type: 'watch', cursor: 'e-1', id: 1 }]);
  const { prev: _, ...changes } = push(2, 'b');
  await answer({ ...changes, cursor: 'e-2', more: true });
  assert.deepEqual(server().lastSent, { type: 'watch', cursor: 'e-2', id: 2 });
  const rest = ['c', 'd'].map((filename) => ({ op: 'add', watcher: 1, filename }));
  await answer({ type: 'changes', cursor: 'e-4', changes: rest, more: false, server_ms: 1 });
  assert.deepEqual(names(), ['a', 'b', 'c', 'd', 'e']);
  assert.equal(server().sent.length, 2);
});

test('a reset is taken in the place of what was there, also where it goes back', async () => {
  server().says(snapshot(9, ['a', 'b']));
  server().says(snapshot(8, ['old'], { type: 'reset' }));
  assert.deepEqual(names(), ['a', 'b']);
  server().says(push(11, 'x'));
  await answer(snapshot(3, ['c'], { type: 'reset' }));
  assert.deepEqual(names(), ['c']);
});

test('after a loss it is out of date until the next snapshot', async () => {
  server().says(snapshot(1, ['a']));
  server().ends(1006);
  assert.equal(follow.isFresh, false);
  await pass(10_000);
  server().accept();
  server().says(snapshot(4, ['a', 'b']));
  assert.deepEqual([names(), follow.isFresh], [['a', 'b'], true]);
});

test('a listing that is too long for a message is read in pages, and then what came meanwhile', async () => {
  let finish;
  pages = () => new Promise((resolve) => (finish = resolve));
  const { files: _, ...message } = snapshot(5, []);
  server().says({ ...message, count: 3 });
  server().says(push(6, 'b'));
  assert.equal(follow.isFresh, false);
  finish({ files: [['a', 1], ['c', 1]], isAll: false });
  await settle();
  server().says(push(7, 'z'));
  assert.deepEqual([names(), follow.isFresh, follow.count], [['a', 'b', 'c'], true, 3]);
});

test('pages that cannot be read are read again', async () => {
  pages = async () => {
    throw Object.assign(new Error('no'), { code: 'unavailable' });
  };
  const { files: _, ...message } = snapshot(5, []);
  server().says(message);
  await settle();
  assert.equal(follow.trouble.code, 'unavailable');
  pages = async () => ({ files: [['a', 1]], isAll: true });
  await pass(10_000);
  await answer(message);
  assert.deepEqual([names(), follow.trouble], [['a'], null]);
});

test('a last push that was lost is found out by how the watchers are doing', async () => {
  server().says(snapshot(1, ['a']));
  nodes = { nodes: [{ watcher: 1, files: 2, lag_ms: 20 }], count: 2, cursor: 'e-2' };
  for (let looks = 0; looks < 3 && server().sent.length === 0; looks++) await pass(5_000);
  assert.deepEqual(server().lastSent, { type: 'watch', cursor: 'e-1', id: 1 });
  const { prev: _, ...changes } = push(2, 'b');
  await answer({ ...changes, more: false });
  assert.deepEqual([names(), follow.nodes.get(1).lag_ms], [['a', 'b'], 20]);
});
