import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareFiles } from '../files/order.js';
import { FilesState } from '../files/state.js';
import { seeded } from './random.js';

const NAMES = ['a', 'b', 'B', 'é', '\ufffd', '😀', 'a b', '﹡', '\u0001'];

/** The service, as far as its readers can tell: each change is one place in its log. */
class Service {
  epoch = 1;
  position = 0;
  log = [];
  watchers = new Map();
  #numbers = 0;

  constructor(random) {
    this.random = random;
  }

  get cursor() {
    return this.at(this.position);
  }

  at(position) {
    return `e${this.epoch}-${position}`;
  }

  /** Does something, and returns the push that tells it. */
  step() {
    const changes = Array.from({ length: 1 + this.random(4) }, () => this.#change());
    const prev = this.cursor;
    this.position++;
    this.log.push(changes);
    return { type: 'changes', prev, cursor: this.cursor, changes, server_ms: 1 };
  }

  #change() {
    const numbers = [...this.watchers.keys()];
    const watcher = numbers[this.random(numbers.length || 1)];
    const what = this.random(12);
    if (watcher === undefined || what === 0) {
      const number = ++this.#numbers;
      const change = { op: 'watcher', watcher: number, instance: `i${number}`, address: '10.0.0.1', state: 'dirty' };
      this.watchers.set(number, { ...change, names: new Set() });
      return change;
    }
    const known = this.watchers.get(watcher);
    if (what === 1) {
      this.watchers.delete(watcher);
      return { op: 'gone', watcher, reason: 'bye' };
    }
    if (what === 2) {
      known.state = ['synced', 'dirty', 'stale'][this.random(3)];
      const { instance, address, state } = known;
      return { op: 'watcher', watcher, instance, address, state };
    }
    const filename = NAMES[this.random(NAMES.length)];
    const op = this.random(2) ? 'add' : 'remove';
    if (op === 'add') known.names.add(filename);
    else known.names.delete(filename);
    return { op, watcher, filename };
  }

  files() {
    const all = [...this.watchers].flatMap(([watcher, { names }]) => [...names].map((name) => ({ name, watcher })));
    return all.sort(compareFiles);
  }

  snapshot(type = 'snapshot') {
    const watchers = [...this.watchers].map(([watcher, { instance, address, state }]) => ({
      watcher,
      instance,
      address,
      state,
    }));
    const files = this.files().map(({ name, watcher }) => [name, watcher]);
    return { type, cursor: this.cursor, server_ms: 1, count: files.length, watchers, files };
  }

  since(cursor) {
    const at = cursor.lastIndexOf('-');
    if (cursor.slice(0, at) !== `e${this.epoch}`) return this.snapshot('reset');
    const from = Number(cursor.slice(at + 1));
    return { type: 'changes', cursor: this.cursor, changes: this.log.slice(from).flat(), more: false, server_ms: 1 };
  }
}

function assertIs(state, service) {
  state.drain();
  assert.deepEqual(state.files, service.files());
  const counts = new Map([...service.watchers].map(([watcher, { names }]) => [watcher, names.size]));
  assert.deepEqual(new Map([...state.watchers].map(([number, { files }]) => [number, files])), counts);
  for (const [number, { state: is }] of service.watchers) assert.equal(state.watchers.get(number).state, is);
}

test('a snapshot and changes, late, twice, lost or out of order, end as the listing', () => {
  for (let seed = 1; seed <= 400; seed++) {
    const random = seeded(seed);
    const service = new Service(random);
    const state = new FilesState();
    const waiting = [];
    const hear = (message, options) => {
      const outcome = state.take(message, options);
      if (outcome !== 'hole') return;
      const answer = state.cursor === null ? service.snapshot() : service.since(state.cursor);
      assert.notEqual(state.take(answer, { isAnswer: true }), 'hole');
    };
    for (let step = 0; step < 80; step++) {
      const what = random(20);
      if (what === 0) waiting.push(service.snapshot());
      else if (what === 1) waiting.push(service.snapshot('reset'));
      else if (what === 2 && random(4) === 0) service.epoch++, (service.position = 0), (service.log = []);
      else if (what === 3) state.drain();
      else if (what < 12) {
        const push = service.step();
        if (random(8)) waiting.push(push);
        if (random(8) === 0) waiting.push(push);
      } else if (waiting.length > 0) {
        hear(waiting.splice(random(3) ? 0 : random(waiting.length), 1)[0]);
      }
    }
    hear(service.step()); // whatever was missed shows with the next push
    assertIs(state, service);
  }
});

test('what a drain tells leads from one list to the next, and files that stay are the same objects', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seeded(seed);
    const service = new Service(random);
    const state = new FilesState();
    state.take(service.snapshot());
    assert.equal(state.drain().isFirst, true);
    for (let round = 0; round < 10; round++) {
      const before = [...state.files];
      for (let i = random(6); i > 0; i--) state.take(service.step());
      if (random(4) === 0) {
        service.step();
        state.take(service.snapshot('reset'), { isAnswer: true });
      }
      const { added, removed, left, isFirst } = state.drain();
      assert.equal(isFirst, false);
      const isLeft = new Set(left.map(({ watcher }) => watcher));
      const stays = before.filter((file) => !removed.includes(file) && !isLeft.has(file.watcher));
      assert.deepEqual(new Set([...stays, ...added]), new Set(state.files));
      for (const file of stays) assert.ok(state.files.includes(file));
      for (const { watcher, files } of left)
        assert.equal(files, before.filter((file) => file.watcher === watcher).length);
      assertIs(state, service);
    }
  }
});

test('pages that were read while the listing changed, and all that happened since, are the listing', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seeded(seed);
    const service = new Service(random);
    for (let i = 0; i < 20; i++) service.step();
    const { files: _, ...message } = service.snapshot();
    const pairs = [];
    for (let last = null; ;) {
      const page = service.files().filter((file) => last === null || compareFiles(file, last) > 0);
      pairs.push(...page.slice(0, 2).map(({ name, watcher }) => [name, watcher]));
      if (page.length <= 2) break;
      last = page[1];
      if (random(2)) service.step();
    }
    const state = new FilesState();
    state.take({ ...message, files: pairs }, { isAnswer: true });
    state.drain();
    state.take(service.since(state.cursor), { isAnswer: true });
    assertIs(state, service);
  }
});

test('of a listing that is too long only the beginning is followed', () => {
  const state = new FilesState();
  const watchers = [{ watcher: 1, instance: 'i', address: '10.0.0.1:1', state: 'synced' }];
  const snapshot = { type: 'snapshot', cursor: 'e-1', watchers, files: [['a', 1], ['c', 1]], count: 9 };
  state.take(snapshot, { isAnswer: true, end: { name: 'c', watcher: 1 } });
  const changes = ['b', 'd', 'c'].map((filename) => ({ op: filename === 'c' ? 'remove' : 'add', watcher: 1, filename }));
  state.take({ type: 'changes', prev: 'e-1', cursor: 'e-2', changes });
  state.drain();
  assert.deepEqual(state.files.map(({ name }) => name), ['a', 'b']);
});

test('more changes than may wait are in the list and in the next difference', () => {
  const state = new FilesState();
  const watchers = [{ watcher: 1, instance: 'i', address: '10.0.0.1:1', state: 'synced' }];
  state.take({ type: 'snapshot', cursor: 'e-0', watchers, files: [['a', 1]] });
  state.drain();
  const names = Array.from({ length: 25_000 }, (_, i) => `file ${i}`);
  names.forEach((filename, i) => {
    state.take({
      type: 'changes',
      prev: `e-${i}`,
      cursor: `e-${i + 1}`,
      changes: [{ op: 'add', watcher: 1, filename }],
    });
  });
  assert.equal(state.drain().added.length, names.length);
  assert.equal(state.files.length, names.length + 1);
  assert.equal(state.watchers.get(1).files, names.length + 1);
});
