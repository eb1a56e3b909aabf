import assert from 'node:assert/strict';
import { test } from 'node:test';
import { itemsOf } from '../chat/bubble.js';
import { Conversation, MESSAGES_KEPT_MAX } from '../chat/conversation.js';
import { isReached } from '../chat/cursor.js';
import { ChatModel } from '../chat/model.js';
import { ChatServer } from './chat-server.js';
import { seeded } from './random.js';

const USERS = ['ana', 'bob', 'čedo'];

const message = (seq, from = 'bob') => ({ seq, from, from_name: from, text: `${seq}`, message_id: `m${seq}`, sent_ms: seq });
const seqs = ({ messages }) => messages.map(({ seq }) => seq);

test('a cursor is reached by those in the same epoch and not before it', () => {
  assert.ok(isReached('e-9', 'e-10'));
  assert.ok(isReached('e-10', 'e-10'));
  assert.ok(!isReached('e-11', 'e-10'));
  assert.ok(!isReached('e-9', 'f-10'));
  assert.ok(!isReached('e-9', null));
  assert.ok(!isReached('e-1760000000000002', 'e-1760000000000001'));
});

test('messages are in order, once, and without holes, in whatever order they come', () => {
  const conversation = new Conversation('bob', 'Bob');
  for (const seq of [5, 6, 6, 5, 7]) conversation.add(message(seq));
  assert.deepEqual(seqs(conversation), [5, 6, 7]);
  conversation.addPage([2, 3, 4, 5].map((seq) => message(seq)));
  assert.deepEqual(seqs(conversation), [2, 3, 4, 5, 6, 7]);
  assert.ok(!conversation.isWhole);
  conversation.addPage([message(1)]);
  assert.ok(conversation.isWhole);
  conversation.add(message(12));
  assert.deepEqual(seqs(conversation), [12]);
  conversation.addPage([message(8), message(9)]); // older than a hole
  assert.deepEqual(seqs(conversation), [12]);
  conversation.addPage([10, 11, 12, 13].map((seq) => message(seq)));
  assert.deepEqual(seqs(conversation), [10, 11, 12, 13]);
});

test('a conversation that is not shown keeps its newest messages', () => {
  const conversation = new Conversation('bob', 'Bob');
  for (let seq = 1; seq <= MESSAGES_KEPT_MAX + 5; seq++) conversation.add(message(seq));
  conversation.trim();
  assert.equal(conversation.messages.length, MESSAGES_KEPT_MAX);
  assert.equal(conversation.firstSeq, 6);
});

test('a home screen that is older than what is here sets nothing back', () => {
  const conversation = new Conversation('bob', 'Bob');
  conversation.addSummary({ with_name: 'Bob', last: message(9), unread: 0, read: 9, receipt: 4 });
  conversation.addSummary({ with_name: 'BOB', last: message(8), unread: 3, read: 5, receipt: 2 });
  assert.deepEqual(conversation.summary, {
    with: 'bob',
    with_name: 'Bob',
    last: message(9),
    unread: 0,
    read: 9,
    receipt: 4,
    delivered: 4,
    received: 0,
  });
});

/** Asks until nothing is missing, as a session does. */
function catchUp(model, server, limit) {
  for (let more = true; more || model.isBehind; ) {
    const request = model.startCatchingUp();
    more = model.catchUp(request, server.handle(model.user, { ...request, limit }));
  }
}

/** Scrolls to the beginning of everything. */
function readAll(model, server) {
  while (model.next !== null) model.addOlder(server.handle(model.user, { type: 'home', limit: 2, before: model.next }));
  for (const conversation of model.conversations.values()) {
    while (!conversation.isWhole) {
      const before = conversation.firstSeq;
      const page = server.handle(model.user, { type: 'history', with: conversation.id, before, limit: 3 });
      model.addHistory(conversation.id, page);
    }
  }
}

function assertSame(model, server) {
  const { user } = model;
  for (const other of USERS) {
    const { messages, read, received } = server.conversation(user, other);
    const mine = model.find(other);
    assert.deepEqual(mine?.messages ?? [], messages);
    if (messages.length === 0) continue;
    assert.equal(mine.unread, server.unread(user, other));
    assert.deepEqual([mine.read, mine.receipt], [read.get(user), read.get(other)]);
    assert.equal(mine.delivered, Math.max(read.get(other), received.get(other)));
  }
  const home = server.handle(user, { type: 'home' }).conversations.map(({ with: other }) => other);
  assert.deepEqual(model.home.map(({ id }) => id), home);
}

test('after pushes that were lost, repeated and out of order, each page has what the server has', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed);
    const models = [...USERS, 'ana'].map((user) => new ChatModel(user));
    const onTheWay = new Map(models.map((model) => [model, []]));
    const server = new ChatServer((user, push) => {
      for (const model of models) if (model.user === user && random(5) > 0) onTheWay.get(model).push(push);
    });
    const steps = [
      (model) => {
        const to = USERS[random(3)];
        const unsent = { message_id: `m${seed}-${random(40)}`, to, text: '', written_ms: 0 };
        if (model.unsent.some((other) => other.message_id === unsent.message_id)) return;
        model.write(unsent);
        const { message_id, text } = model.nextUnsent;
        const answer = server.handle(model.user, { type: 'send', to: model.nextUnsent.to, text, message_id });
        if (random(3) > 0) model.sent(answer, model.user.toUpperCase()); // or the answer gets lost
      },
      (model) => {
        const other = USERS[random(3)];
        const length = server.conversation(model.user, other).messages.length;
        if (length > 0) server.handle(model.user, { type: 'read', with: other, seq: 1 + random(length) });
      },
      (model) => {
        const other = USERS[random(3)];
        const length = server.conversation(model.user, other).messages.length;
        if (length > 0 && other !== model.user) server.handle(model.user, { type: 'received', with: other, seq: 1 + random(length) });
      },
      (model) => {
        const waiting = onTheWay.get(model);
        const [push] = waiting.splice(random(Math.min(3, waiting.length) || 1), random(4) > 0 ? 1 : 0);
        if (push) model.push(push);
      },
      (model) => onTheWay.get(model).forEach((push) => model.push(push)),
      (model) => model.isBehind && catchUp(model, server, 1 + random(5)),
      (model) => random(20) === 0 && server.forget(model.user, random(4)),
      (model) => random(60) === 0 && server.changeEpoch(model.user),
      (model) => random(10) === 0 && readAll(model, server),
    ];
    for (let step = 0; step < 150; step++) {
      const model = models[random(models.length)];
      if (model.cursor === null) catchUp(model, server, 2);
      steps[random(steps.length)](model);
    }
    for (const model of models) {
      model.gap(server.gap(model.user).cursor);
      catchUp(model, server, 3);
      for (const unsent of [...model.unsent]) {
        const { message_id, to, text } = unsent;
        model.sent(server.handle(model.user, { type: 'send', to, text, message_id }), model.user.toUpperCase());
      }
    }
    for (const model of models) {
      model.gap(server.gap(model.user).cursor);
      catchUp(model, server, 3);
      readAll(model, server);
      assertSame(model, server);
      assert.deepEqual(model.unsent, []);
    }
  }
});

test('a push behind a hole waits for what was missed', () => {
  const pushes = [];
  const server = new ChatServer((user, push) => user === 'ana' && pushes.push(push));
  const model = new ChatModel('ana');
  catchUp(model, server);
  for (const text of ['1', '2', '3']) server.handle('bob', { type: 'send', to: 'ana', text, message_id: text });
  assert.equal(model.push(pushes[0]), 'applied');
  assert.equal(model.push(pushes[0]), 'dropped');
  assert.equal(model.push(pushes[2]), 'missed');
  assert.equal(model.find('Bob').lastSeq, 1);
  assert.ok(model.isBehind);
  catchUp(model, server);
  assert.deepEqual(seqs(model.find('Bob')), [1, 2, 3]);
  assert.equal(model.unread, 3);
});

test('a message on its way has one place, before and after it is stored', () => {
  const model = new ChatModel('ana');
  model.reset({ conversations: [], cursor: 'e-1' });
  model.write({ message_id: 'a', to: 'Straße', text: 'hi', written_ms: 1 });
  assert.equal(model.unsentTo(model.idOf('straße')).length, 1);
  model.sent({ with: 'strasse', with_name: 'Straße', message_id: 'a', seq: 3, sent_ms: 5 }, 'Ana');
  assert.equal(model.unsentTo('strasse')[0].seq, 3);
  const stored = { seq: 3, from: 'ana', from_name: 'Ana', text: 'hi', message_id: 'a', sent_ms: 5 };
  model.addHistory('Straße', { with: 'strasse', messages: [message(1), message(2), stored] });
  assert.deepEqual(model.unsent, []);
  assert.deepEqual(seqs(model.find('Straße')), [1, 2, 3]);
});

test('of what is told of a user the newest counts, and without a connection nothing is known', () => {
  const model = new ChatModel('ana');
  assert.equal(model.isOnline('bob'), undefined);
  model.learnPresence([{ user: 'bob', online: true, version: 7 }]);
  model.learnPresence([{ user: 'bob', online: false, version: 6 }]);
  assert.equal(model.isOnline('bob'), true);
  model.learnPresence([{ user: 'bob', online: false, version: 8 }]);
  assert.equal(model.isOnline('bob'), false);
  model.forgetPresence();
  assert.equal(model.isOnline('bob'), undefined);
});

test('a message is sent, delivered and read, and to oneself only sent', () => {
  const model = new ChatModel('ana');
  const own = (seq) => message(seq, 'ana');
  const summary = { with: 'bob', with_name: 'Bob', last: own(3), unread: 0, read: 0, receipt: 1, delivered: 2 };
  model.reset({ conversations: [summary, { ...summary, with: 'ana' }], cursor: 'e-1' });
  for (const id of ['bob', 'ana']) model.addHistory(id, { with: id, messages: [own(1), own(2), own(3)] });
  const marks = (id) => itemsOf(model, id).filter(({ seq }) => seq).map(({ mark }) => mark);
  assert.deepEqual(marks('bob'), ['read', 'delivered', 'sent']);
  assert.deepEqual(marks('ana'), ['sent', 'sent', 'sent']);
  model.push({ type: 'delivered', with: 'bob', delivered: 3, prev: 'e-1', cursor: 'e-2' });
  assert.deepEqual(marks('bob'), ['read', 'delivered', 'delivered']);
});
