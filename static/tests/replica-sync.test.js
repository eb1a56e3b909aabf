import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { Replica } from '../sets/replica.js';
import { ReplicaSync } from '../sets/replica-sync.js';
import { connect } from '../tercet.js';
import { settle } from './fake-websocket.js';
import { MockSets } from './mock-sets.js';
import { seeded } from './random.js';

const NOW_MS = 1_700_000_000_000;
/** Longer than any backoff. */
const PATIENCE_MS = 15_000;

let service;
let parts;

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: NOW_MS });
  mock.method(Math, 'random', () => 0.5);
  service = new MockSets();
  service.create('s', 'Groceries');
  parts = [];
});
afterEach(() => {
  for (const { sync } of parts) sync.end();
  mock.timers.reset();
  mock.restoreAll();
});

/** A replica with its sync and the sockets that it opened. */
function start(name, { skewMs = 0, kept, offline = false } = {}) {
  const replica = new Replica({ set: 's', name, local: () => Date.now() + skewMs });
  if (kept) replica.restore(...kept);
  if (offline) replica.setOffline(true);
  const sync = new ReplicaSync(replica, () => connect('ws://server/ws/sets', { WebSocket: service.WebSocket }));
  const part = { replica, sync, skewMs, socket: () => service.sockets.at(-1) };
  parts.push(part);
  return part;
}

/** One step of the network after the other, by default in the order in which things happen, until nothing moves. */
async function rest(random = () => 0) {
  do await settle();
  while (service.step(random));
}

const valuesOf = ({ replica }) => [...replica.values()].sort();
const serverValues = () => [...service.kept('s').values()].sort();
const add = (value, stamp) => ({ op: 'add', value, stamp });

async function assertInStep(part, note) {
  assert.equal(part.sync.phase, 'live', note);
  assert.ok(part.replica.isConfirmed, note);
  assert.equal(part.replica.cursor, service.cursor('s'), note);
  assert.deepEqual(valuesOf(part), serverValues(), note);
  assert.equal(part.replica.size, serverValues().length, note);
  assert.equal(await part.replica.digest(), (await service.digest('s')).digest, note);
}

test('a replica gets the set, follows it, and what it changes reaches the others', async () => {
  service.apply('s', [add('milk', [1, 'zoe'])]);
  const [a, b] = [start('a'), start('b')];
  await rest();
  assert.equal(a.replica.title, 'Groceries');
  assert.deepEqual(valuesOf(a), ['milk']);
  a.replica.add('eggs');
  b.replica.remove('milk');
  assert.equal(a.sync.sending, true);
  await rest();
  assert.deepEqual(serverValues(), ['eggs']);
  for (const part of [a, b]) await assertInStep(part);
  assert.equal(a.sync.sending, false);
});

test('offline, both sides go on; back online, they are equal', async () => {
  const [a, b] = [start('a'), start('b')];
  a.replica.add('milk');
  a.replica.add('tea');
  await rest();
  a.sync.setOffline(true);
  assert.equal(a.sync.phase, 'offline');
  assert.equal(a.sync.status.state, 'offline');
  a.replica.remove('milk');
  a.replica.add('salt');
  b.replica.remove('tea');
  b.replica.add('eggs');
  await rest();
  assert.deepEqual(valuesOf(a), ['salt', 'tea']);
  assert.deepEqual(valuesOf(b), ['eggs', 'milk']);
  a.sync.setOffline(false);
  await rest();
  assert.deepEqual(serverValues(), ['eggs', 'salt']);
  for (const part of [a, b]) await assertInStep(part);
  assert.deepEqual(a.replica.notices, []);
});

test('a replica that is kept offline connects only when its user wants it to', async () => {
  const a = start('a', { offline: true });
  a.replica.add('milk');
  await rest();
  assert.equal(service.sockets.length, 0);
  a.sync.reconnectNow();
  await rest();
  assert.deepEqual(serverValues(), ['milk']);
});

test('what was sent and not answered is sent again, and is there once', async () => {
  const a = start('a');
  await rest();
  a.replica.add('milk');
  service.step(() => 0); // handled, but the answer is lost
  assert.deepEqual(serverValues(), ['milk']);
  a.socket().break();
  await settle();
  assert.equal(a.replica.waiting.length, 1);
  mock.timers.tick(PATIENCE_MS);
  await rest();
  await assertInStep(a);
  assert.deepEqual(a.replica.notices, []);
});

test('changes that come before the answer to watch are neither lost nor taken twice', async () => {
  const a = start('a');
  service.step(() => 0); // open
  await settle();
  service.step(() => 0); // joined
  service.apply('s', [add('before', [1, 'zoe'])]);
  a.socket().joining.shift()();
  service.apply('s', [add('after', [2, 'zoe'])]);
  for (const message of a.socket().pushes.splice(0)) a.socket().onmessage({ data: JSON.stringify(message) });
  assert.deepEqual(valuesOf(a), []);
  await rest();
  await assertInStep(a);
  assert.deepEqual(valuesOf(a), ['after', 'before']);
});

test('too many changes before the answer to watch are watched for again', async () => {
  const a = start('a');
  service.step(() => 0);
  await settle();
  service.step(() => 0);
  a.socket().joining.shift()();
  for (let i = 0; i < 1_001; i++) service.apply('s', [add(String(i), [1, 'zoe'])]);
  for (const message of a.socket().pushes.splice(0)) a.socket().onmessage({ data: JSON.stringify(message) });
  await rest();
  await assertInStep(a);
});

test('a hole is noticed and filled, page by page', async () => {
  const a = start('a');
  await rest();
  service.deaf = true;
  for (let i = 0; i < 20; i++) service.apply('s', [add(`missed ${i}`, [1, 'zoe'])]);
  service.deaf = false;
  service.apply('s', [add('heard', [1, 'zoe'])]);
  await rest();
  await assertInStep(a);
});

test('after a gap it takes the reset, unless it is further already', async () => {
  const a = start('a');
  await rest();
  service.deaf = true;
  service.apply('s', [add('missed', [1, 'zoe'])]);
  service.gap();
  await rest();
  await assertInStep(a);
  const [{ id: _id, ...old }] = [{ type: 'reset', set: 's', cursor: service.cursor('s'), elements: [], removed: [] }];
  service.apply('s', [add('newer', [2, 'zoe'])]);
  await rest();
  a.socket().pushes.push(old);
  await rest();
  await assertInStep(a);
  assert.deepEqual(valuesOf(a), ['missed', 'newer']);
});

test('after a gap in a set that is too large to be sent it asks for what it missed', async () => {
  const a = start('a');
  await rest();
  const behind = () => {
    const cursor = service.cursor('s');
    return { type: 'delta', set: 's', prev: cursor, cursor, operations: [], server_ms: NOW_MS };
  };
  service.deaf = true;
  service.apply('s', [add('missed', [1, 'zoe'])]);
  a.socket().pushes.push(behind());
  await rest();
  await assertInStep(a);
  assert.deepEqual(valuesOf(a), ['missed']);
  a.socket().pushes.push(behind());
  await rest();
  await assertInStep(a);
});

test('a cursor that the server does not know any more leads to a reset, and own operations stay', async () => {
  const a = start('a');
  a.replica.add('milk');
  await rest();
  a.sync.setOffline(true);
  a.replica.add('salt');
  service.apply('s', [{ op: 'remove', value: 'milk', stamp: [NOW_MS + 1, 'zoe'] }]);
  service.apply('s', [add('tea', [1, 'zoe'])]);
  service.trim('s', 0);
  service.apply('s', [add('eggs', [1, 'zoe'])]);
  a.sync.setOffline(false);
  await rest();
  await assertInStep(a);
  assert.deepEqual(valuesOf(a), ['eggs', 'salt', 'tea']);
});

test('what was removed so long ago that the server forgot it does not come back, and that is told', async () => {
  const a = start('a');
  await rest();
  a.sync.setOffline(true);
  a.replica.add('milk');
  mock.timers.tick(60_000);
  service.apply('s', [{ op: 'remove', value: 'milk', stamp: [NOW_MS + 30_000, 'zoe'] }]);
  service.collect('s', NOW_MS + 40_000);
  a.sync.setOffline(false);
  await rest();
  await assertInStep(a);
  assert.deepEqual(valuesOf(a), []);
  assert.deepEqual(
    a.replica.notices.map(({ kind, value }) => [kind, value]),
    [['too_old', 'milk']],
  );
});

for (const [words, skewMs] of [
  ['ahead', 300_000],
  ['behind', -300_000],
]) {
  test(`a clock that is ${words} is corrected by the first answer that tells the time`, async () => {
    const a = start('a', { skewMs });
    await rest();
    assert.ok(Math.abs(a.replica.clock.offsetMs + skewMs) <= 1_000, String(a.replica.clock.offsetMs));
    a.replica.add('milk');
    await rest();
    await assertInStep(a);
    assert.ok(Math.abs(service.kept('s').kept('milk').stamp[0] - Date.now()) <= 1_000);
    assert.deepEqual(a.replica.notices, []);
  });
}

test('operations that were made with a clock that is ahead are stamped again and applied', async () => {
  const a = start('a', { skewMs: 300_000, offline: true });
  for (let i = 0; i < 20; i++) a.replica.add(`value ${i}`);
  a.sync.setOffline(false);
  for (let round = 0; round < 3; round++) {
    await rest();
    mock.timers.tick(PATIENCE_MS);
  }
  await assertInStep(a);
  assert.equal(serverValues().length, 20);
  assert.deepEqual(
    a.replica.notices.map(({ kind, count }) => [kind, count]),
    [['restamped', 20]],
  );
});

test('what a server applied and lost with a restored backup is sent again', async () => {
  const a = start('a');
  await rest();
  const backup = service.backup('s');
  a.replica.add('milk');
  service.step(() => 0);
  a.socket().pushes = [];
  service.step(() => 0); // the outcome arrives, the change does not
  await settle();
  assert.equal(a.replica.waiting.length, 0);
  assert.ok(!a.replica.isConfirmed);
  service.restore('s', backup);
  a.socket().break();
  mock.timers.tick(PATIENCE_MS);
  await rest();
  await assertInStep(a);
  assert.deepEqual(serverValues(), ['milk']);
});

test('errors that pass are waited for, and told until then', async () => {
  const a = start('a');
  service.errors = ['unavailable', 'internal'];
  await rest();
  assert.equal(a.sync.phase, 'catching_up');
  assert.equal(a.sync.trouble.code, 'unavailable');
  for (let round = 0; round < 3; round++) {
    mock.timers.tick(PATIENCE_MS);
    await rest();
  }
  assert.equal(a.sync.phase, 'live');
  service.errors = ['outcome_unknown', 'unavailable'];
  a.replica.add('milk');
  await rest();
  assert.equal(a.sync.trouble.code, 'outcome_unknown');
  const { length } = a.replica.batch();
  assert.equal(length, 1);
  for (let round = 0; round < 3; round++) {
    mock.timers.tick(PATIENCE_MS);
    await rest();
  }
  assert.equal(a.sync.trouble, null);
  await assertInStep(a);
});

test('of a batch that is refused only the operation that is to blame is given up, by name', async () => {
  const a = start('a', { offline: true });
  for (const value of ['a', 'b', 'c']) a.replica.add(value);
  a.sync.setOffline(false);
  const handle = service.handle.bind(service);
  service.handle = (socket, message) => {
    const toBlame = message.operations?.some(({ value }) => value === 'b');
    if (!toBlame) return handle(socket, message);
    socket.answers.push({ id: message.id, error: { code: 'too_large', message: 'the set is full' } });
  };
  await rest();
  await assertInStep(a);
  assert.deepEqual(serverValues(), ['a', 'c']);
  assert.deepEqual(
    a.replica.notices.map(({ value, message }) => [value, message]),
    [['b', 'the set is full']],
  );
});

test('a set that is gone is told, and what waits is not thrown away', async () => {
  const a = start('a');
  await rest();
  service.delete('s');
  await rest();
  assert.equal(a.sync.phase, 'gone');
  a.replica.add('milk');
  await rest();
  assert.equal(a.replica.waiting.length, 1);
  const b = start('b');
  await rest();
  assert.equal(b.sync.phase, 'gone');
});

test('a kept cursor that is spoiled costs a snapshot, no more', async () => {
  service.apply('s', [add('milk', [1, 'zoe'])]);
  const a = start('a', { kept: [null, { name: '', cursor: 'nonsense', elements: [], removed: [] }] });
  service.errors = ['bad_request'];
  await rest();
  await assertInStep(a);
});

/** A world in which everything goes wrong, as the seed says. */
class Chaos {
  /** The last operation of each replica on each value, which must be accounted for. */ #last = new Map();
  #random;
  #backup = null;
  #restored = false;

  constructor(random) {
    this.#random = random;
    for (const [name, skewMs] of [
      ['a', 0],
      ['b', 200_000],
      ['c', -5_000],
    ])
      start(name, { skewMs });
  }

  async step() {
    const random = this.#random;
    const part = parts[random(parts.length)];
    const kind = random(100);
    if (kind < 55) service.step(random);
    else if (kind < 75) this.#change(part);
    else if (kind < 80) this.#changeElsewhere();
    else if (kind < 84) part.sync.setOffline(!part.replica.offline);
    else if (kind < 87) service.sockets[random(service.sockets.length)]?.break();
    else if (kind < 90) mock.timers.tick([1, 100, PATIENCE_MS][random(3)]);
    else if (kind < 92) this.#pushTwice();
    else if (kind < 94) service.errors.push(['unavailable', 'outcome_unknown', 'internal'][random(3)]);
    else if (kind < 96) this.#turnDeaf();
    else if (kind < 97) service.trim('s', 0);
    else if (kind < 98) service.collect('s', Date.now() - 20_000);
    else if (kind < 99) this.#reload(parts.indexOf(part));
    else this.#backUp();
    await settle();
  }

  #value() {
    return ['', 'a', 'b', '\u{1f600}', '"', 'é'][this.#random(6)];
  }

  #change({ replica }) {
    const value = this.#value();
    const op = replica.has(value) ? 'remove' : 'add';
    if (replica[op](value) === 'done') this.#last.set(`${replica.name} ${value}`, { op, value, name: replica.name });
  }

  #changeElsewhere() {
    const op = ['add', 'remove'][this.#random(2)];
    service.apply('s', [{ op, value: this.#value() }]);
  }

  #pushTwice() {
    for (const { pushes } of service.sockets) if (pushes.length > 0) pushes.push(pushes[0]);
  }

  #turnDeaf() {
    if (service.deaf) service.gap();
    else service.deaf = true;
  }

  #backUp() {
    if (this.#backup === null) this.#backup = service.backup('s');
    else if (this.#random(3) === 0) {
      service.restore('s', this.#backup);
      this.#restored = true;
    }
  }

  /** The page ends without a word and starts again. What came from the server may be kept in an earlier state. */
  #reload(i) {
    const { replica, sync, skewMs, kept } = parts[i];
    const copy = kept && this.#random(2) ? kept : JSON.parse(JSON.stringify(replica.copy()));
    const own = JSON.parse(JSON.stringify(replica.own()));
    sync.end();
    parts.splice(i, 1);
    start(replica.name, { skewMs, kept: [own, copy] }).kept = copy;
  }

  /** Where a replica stands where the server stands, it shows what the server has. */
  assertNoLies(note) {
    for (const { replica, sync } of parts) {
      const settled = sync.phase === 'live' && replica.isConfirmed && !sync.sending;
      if (!settled || replica.cursor !== service.cursor('s')) continue;
      assert.deepEqual([...replica.values()].sort(), serverValues(), note);
    }
  }

  async calmDown() {
    service.errors = [];
    service.gap();
    for (const { sync } of parts) sync.setOffline(false);
    for (let round = 0; round < 20; round++) {
      await rest(this.#random);
      mock.timers.tick(PATIENCE_MS);
    }
  }

  assertAccounted(note) {
    if (this.#restored) return; // whoever restores a backup takes back what was acknowledged since
    for (const { op, value, name } of this.#last.values()) {
      const is = (other) => other.op === op && other.value === value;
      const applied = service.applied.some((other) => is(other) && other.stamp[1] === name);
      const told = parts.find(({ replica }) => replica.name === name).replica.notices.some(is);
      assert.ok(applied || told, `${note}: ${name} ${op} ${JSON.stringify(value)}`);
    }
  }
}

test('whatever happens to replicas, connections and the server: calm again, all are equal and nothing is unaccounted for', async () => {
  for (let seed = 1; seed <= 150; seed++) {
    service = new MockSets();
    service.create('s');
    parts = [];
    const chaos = new Chaos(seeded(seed * 7919));
    for (let i = 0; i < 250; i++) {
      await chaos.step();
      chaos.assertNoLies(`seed ${seed}, step ${i}`);
    }
    await chaos.calmDown();
    for (const part of parts) await assertInStep(part, `seed ${seed}, ${part.replica.name}`);
    chaos.assertAccounted(`seed ${seed}`);
    for (const { sync } of parts) sync.end();
  }
});
