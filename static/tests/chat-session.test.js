import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BACKOFF_CAP_MS } from '../client/backoff.js';
import { ChatModel, UNSENT_MAX } from '../chat/model.js';
import { ChatSession } from '../chat/session.js';
import { ChatStore, CONVERSATIONS_KEPT_MAX } from '../chat/store.js';
import { RequestError } from '../tercet.js';
import { ChatServer } from './chat-server.js';
import { FakeStorage } from './fake-browser.js';
import { settle } from './fake-websocket.js';

/** Stands in for the connection: requests go to the server, unless it is cut off or `fail` says otherwise. */
class Line extends EventTarget {
  state = 'lost';
  asked = [];
  #fail = null;

  constructor(server, user) {
    super();
    [this.server, this.user] = [server, user];
  }

  open() {
    this.state = 'open';
    this.dispatchEvent(new CustomEvent('state'));
    this.dispatchEvent(new CustomEvent('open'));
  }

  cut() {
    this.state = 'lost';
    this.dispatchEvent(new CustomEvent('state'));
  }

  /** The next request of a type is handled, or not, and fails. */
  failNext(type, code, { isHandled = false, message = code } = {}) {
    this.#fail = { type, code, isHandled, message };
  }

  async request(request) {
    if (this.state !== 'open') throw new RequestError('disconnected', '', { sent: false });
    this.asked.push(request.type);
    const fail = this.#fail?.type === request.type ? this.#fail : null;
    if (fail) this.#fail = null;
    const answer = fail && !fail.isHandled ? null : this.server.handle(this.user, request);
    await null;
    if (fail) throw new RequestError(fail.code, fail.message, { sent: true });
    if (answer.error) throw new RequestError(answer.error.code, answer.error.message, { sent: true });
    return answer;
  }

  push(message) {
    if (this.state === 'open') this.dispatchEvent(new CustomEvent('message', { detail: message }));
  }
}

function setUp() {
  const lines = [];
  const server = new ChatServer((user, push) => lines.forEach((line) => line.user === user && line.push(push)));
  const page = (user, storage = new FakeStorage()) => {
    const line = new Line(server, user);
    lines.push(line);
    const options = { login: { username: user }, model: new ChatModel(user), store: new ChatStore(() => storage) };
    return { line, storage, session: new ChatSession(line, options) };
  };
  return { server, page };
}

const texts = (session, other) => (session.model.find(other)?.messages ?? []).map(({ text }) => text);

async function settleLong() {
  for (let i = 0; i < 20; i++) await settle();
}

test('what is written without a connection is kept over a reload, and sent once and in order', async () => {
  const { server, page } = setUp();
  const before = page('ana');
  for (const text of ['one', 'two', 'three']) assert.ok(before.session.write('bob', text));
  assert.deepEqual(before.session.model.unsentTo('bob').map(({ text }) => text), ['one', 'two', 'three']);
  before.session.end();

  const { session, line, storage } = page('ana', before.storage);
  assert.deepEqual(session.model.unsentTo('bob').map(({ text }) => text), ['one', 'two', 'three']);
  line.failNext('send', 'conflict', { message: 'no' }); // one that is refused does not hold up the others
  line.open();
  await settleLong();
  assert.deepEqual(server.conversation('ana', 'bob').messages.map(({ text }) => text), ['two', 'three']);
  assert.deepEqual(session.model.unsent.map(({ text, refused }) => [text, refused.code]), [['one', 'conflict']]);
  session.writeAgain(session.model.unsent[0]);
  await settleLong();
  assert.deepEqual(texts(session, 'bob'), ['two', 'three', 'one']);
  assert.deepEqual(new ChatStore(() => storage).readUnsent('ana'), []);
  session.end();
});

test('a message whose answer was lost is sent again under its id and stored once', async () => {
  const { server, page } = setUp();
  const { session, line } = page('ana');
  line.open();
  await settleLong();
  line.failNext('send', 'disconnected', { isHandled: true });
  session.write('bob', 'hi');
  line.cut();
  await settleLong();
  line.open();
  await settleLong();
  assert.equal(server.conversation('ana', 'bob').messages.length, 1);
  assert.deepEqual(texts(session, 'bob'), ['hi']);
  assert.deepEqual(session.model.unsent, []);
  session.end();
});

test('a page that comes back shows what it had, and fetches only what it missed', async () => {
  const { server, page } = setUp();
  server.handle('bob', { type: 'send', to: 'ana', text: 'one', message_id: '1' });
  const before = page('ana');
  before.line.open();
  await settleLong();
  before.session.end();
  server.handle('bob', { type: 'send', to: 'ana', text: 'two', message_id: '2' });

  const { session, line } = page('ana', before.storage);
  assert.deepEqual(texts(session, 'bob'), ['one']);
  assert.equal(session.model.unread, 1);
  line.open();
  await settleLong();
  assert.deepEqual(line.asked, ['login', 'sync']);
  assert.deepEqual(texts(session, 'bob'), ['one', 'two']);
  assert.equal(session.model.unread, 2);
  session.end();
});

test('a hole, a gap and a reset are made up for without being asked', async () => {
  const { server, page } = setUp();
  const { session, line } = page('ana');
  line.open();
  await settleLong();
  const send = (text) => server.handle('bob', { type: 'send', to: 'ana', text, message_id: text });
  const push = line.push;
  line.push = () => {};
  send('one');
  line.push = push;
  send('two');
  await settleLong();
  assert.deepEqual(texts(session, 'bob'), ['one', 'two']);
  line.push = () => {};
  send('three');
  line.push = push;
  line.push(server.gap('ana'));
  await settleLong();
  assert.deepEqual(texts(session, 'bob'), ['one', 'two', 'three']);
  server.changeEpoch('ana');
  line.push(server.gap('ana'));
  await settleLong();
  assert.deepEqual(texts(session, 'bob'), ['three']);
  assert.ok(await session.history('bob', 3));
  assert.deepEqual(texts(session, 'bob'), ['one', 'two', 'three']);
  assert.equal(session.phase, 'live');
  session.end();
});

test('what was read without a connection is told when it is back', async () => {
  const { server, page } = setUp();
  server.handle('bob', { type: 'send', to: 'ana', text: 'one', message_id: '1' });
  const { session, line } = page('ana');
  line.open();
  await settleLong();
  line.cut();
  session.read('bob', 1);
  assert.equal(session.model.unread, 0);
  line.open();
  await settleLong();
  assert.equal(server.unread('ana', 'bob'), 0);
  session.end();
});

test('what was read without a connection is told after a reload, too, and no more after that', async () => {
  const { server, page } = setUp();
  server.handle('bob', { type: 'send', to: 'ana', text: 'one', message_id: '1' });
  const before = page('ana');
  before.line.open();
  await settleLong();
  before.line.cut();
  before.session.read('bob', 1);
  before.session.end();
  assert.equal(server.unread('ana', 'bob'), 1);

  const { session, line, storage } = page('ana', before.storage);
  assert.equal(session.model.unread, 0);
  line.open();
  await settleLong();
  assert.equal(server.unread('ana', 'bob'), 0);
  session.end();

  const again = page('ana', storage);
  again.line.open();
  await settleLong();
  assert.ok(!again.line.asked.includes('read'));
  again.session.end();
});

test('reading that is refused for now is told again, without more being read', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { server, page } = setUp();
  server.handle('bob', { type: 'send', to: 'ana', text: 'one', message_id: '1' });
  const { session, line } = page('ana');
  line.open();
  await settleLong();
  for (let times = 1; times <= 2; times++) {
    line.failNext('read', 'unavailable');
    if (times === 1) session.read('bob', 1);
    else context.mock.timers.tick(BACKOFF_CAP_MS);
    await settleLong();
    assert.equal(server.unread('ana', 'bob'), 1);
    assert.equal(line.asked.filter((type) => type === 'read').length, times);
  }
  context.mock.timers.tick(BACKOFF_CAP_MS);
  await settleLong();
  assert.equal(server.unread('ana', 'bob'), 0);
  session.end();
});

test('what is here and not read is told once to the other side, and what is read is not', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { server, page } = setUp();
  const send = (text) => server.handle('bob', { type: 'send', to: 'ana', text, message_id: text });
  const { session, line, storage } = page('ana');
  line.open();
  await settleLong();
  const received = () => line.asked.filter((type) => type === 'received').length;
  const wait = async () => {
    context.mock.timers.tick(600);
    await settleLong();
  };
  for (const text of ['one', 'two']) send(text);
  await wait();
  assert.equal(server.conversation('ana', 'bob').received.get('ana'), 2);
  assert.equal(received(), 1, 'one for both');
  send('three');
  session.read('bob', 3);
  await wait();
  assert.equal(received(), 1);
  line.failNext('received', 'unavailable');
  send('four');
  await wait();
  send('five');
  await wait();
  assert.equal(server.conversation('ana', 'bob').received.get('ana'), 5);
  session.end();

  const again = page('ana', storage);
  again.line.open();
  await settleLong();
  await wait();
  assert.ok(!again.line.asked.includes('received'), 'it was told before the reload');
  again.session.end();
});

test('those who are shown are watched, once a connection, and unknown without one', async () => {
  const { server, page } = setUp();
  const { session, line } = page('ana');
  for (const name of ['bob', 'carl']) server.handle(name, { type: 'send', to: 'ana', text: 'hi', message_id: name });
  server.setOnline('bob', true);
  line.open();
  await settleLong();
  const watches = () => line.asked.filter((type) => type.endsWith('watch'));
  for (let times = 0; times < 2; times++) session.show(['bob', 'carl', 'nobody', null]);
  await settleLong();
  assert.deepEqual(watches(), ['watch']);
  assert.deepEqual(['bob', 'carl', 'nobody'].map((id) => session.model.isOnline(id)), [true, false, undefined]);
  server.setOnline('carl', true);
  assert.equal(session.model.isOnline('carl'), true);
  session.show(['carl']);
  await settleLong();
  assert.deepEqual(watches(), ['watch', 'unwatch']);
  assert.equal(session.model.isOnline('bob'), undefined);
  line.cut();
  assert.equal(session.model.isOnline('carl'), undefined);
  line.open();
  await settleLong();
  assert.equal(session.model.isOnline('carl'), true);
  session.end();
});

test('a connection whose token has expired asks for a new login', async () => {
  const { page } = setUp();
  const { session, line } = page('ana');
  line.open();
  await settleLong();
  line.state = 'stopped';
  line.dispatchEvent(new CustomEvent('state', { detail: { state: 'stopped', code: 4501, reason: 'expired' } }));
  assert.deepEqual([session.phase, session.trouble.code], ['refused', 'expired']);
  session.end();
});

test('a refused login says so and asks no more', async () => {
  const { page } = setUp();
  const { session, line } = page('ana');
  line.failNext('login', 'unauthorized');
  line.open();
  await settleLong();
  assert.equal(session.phase, 'refused');
  assert.equal(session.trouble.code, 'unauthorized');
  assert.deepEqual(line.asked, ['login']);
  session.end();
});

test('messages that storage does not take are counted, and too many are not taken', () => {
  const { page } = setUp();
  const { session } = page('ana', new FakeStorage(0));
  for (let count = 1; count <= UNSENT_MAX; count++) assert.ok(session.write('bob', `${count}`));
  assert.equal(session.unkept, UNSENT_MAX);
  assert.ok(!session.write('bob', 'one more'));
  session.discard(session.model.unsent[0].message_id);
  assert.equal(session.unkept, UNSENT_MAX - 1);
  session.end();
});

test('what is in storage may be anything, and a home screen that is too long is not kept', () => {
  const storage = new FakeStorage();
  const store = new ChatStore(() => storage);
  const model = new ChatModel('ana');
  const last = { seq: 1, from: 'bob', from_name: 'Bob', text: 'x', message_id: 'm', sent_ms: 1 };
  const summaries = (count) =>
    Array.from({ length: count }, (_, i) => ({ with: `u${i}`, with_name: `U${i}`, last, unread: 1, read: 0, receipt: 0 }));
  model.reset({ conversations: summaries(CONVERSATIONS_KEPT_MAX), cursor: 'e-1' });
  store.writeHome(model);
  assert.equal(store.readHome('ana').conversations.length, CONVERSATIONS_KEPT_MAX);
  model.reset({ conversations: summaries(CONVERSATIONS_KEPT_MAX + 1), cursor: 'e-2' });
  store.writeHome(model);
  assert.equal(store.readHome('ana'), null);
  storage.setItem('tercet.chat/ana/home', 'null');
  storage.setItem('tercet.chat/ana/unsent/x', '{"message_id":7}');
  assert.equal(store.readHome('ana'), null);
  storage.setItem('tercet.chat/ana/home', '{"cursor":"e-1","conversations":[],"reading":[7,["bob"],["bob","1"],["bob",1]]}');
  assert.deepEqual(store.readHome('ana').reading, [['bob', 1]]);
  assert.deepEqual(store.readUnsent('ana'), []);
  const off = new ChatStore(() => {
    throw new DOMException('off', 'SecurityError');
  });
  assert.ok(!off.keepUnsent('ana', { message_id: 'a', to: 'bob', text: 'x', written_ms: 1 }));
  assert.deepEqual(off.readUnsent('ana'), []);
});
