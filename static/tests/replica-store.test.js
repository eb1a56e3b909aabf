import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { Replica } from '../sets/replica.js';
import { ReplicaKeeper } from '../sets/replica-keeper.js';
import { COPIES_MAX, COPY_LENGTH_MAX, ReplicaStore } from '../sets/replica-store.js';
import { FakeLocks, FakeStorage } from './fake-browser.js';
import { settle } from './fake-websocket.js';

let storage;
let locks;

beforeEach(() => {
  storage = new FakeStorage();
  locks = new FakeLocks();
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_700_000_000_000 });
});
afterEach(() => mock.timers.reset());

/** A tab; its session outlives its pages. */
function tab(options) {
  const session = new FakeStorage();
  return () => new ReplicaStore({ storage: () => storage, session: () => session, locks, ...options });
}

/** A page that shows a set: a replica in a slot. */
async function page(store, { set = 's', side = 'a' } = {}) {
  const slot = await store.claim(set, side);
  const replica = new Replica({ set, name: 'fresh' });
  const said = [];
  const keeper = new ReplicaKeeper(replica, slot, (keeping) => said.push(keeping));
  return { slot, replica, keeper, said };
}

function fill(replica, count, { set = 'x' } = {}) {
  const element = (_, i) => ({ value: `${set} value ${i}`, stamp: [1_600_000_000_000, 'somebody'] });
  replica.replace({ name: 'Groceries', cursor: 'e-7', elements: Array.from({ length: count }, element) });
}

const valuesOf = (replica) => [...replica.values()].sort();

test('what was changed is there after a reload, even if the page ended without a word', async () => {
  const store = tab();
  const first = await page(store());
  fill(first.replica, 2);
  first.keeper.flush();
  first.replica.setOffline(true);
  first.replica.add('milk');
  first.replica.remove('x value 0');
  await settle();
  first.slot.release();
  const again = await page(store());
  assert.deepEqual(valuesOf(again.replica), ['milk', 'x value 1']);
  assert.equal(again.replica.offline, true);
  assert.equal(again.replica.name, 'fresh');
  assert.equal(again.replica.cursor, 'e-7');
  assert.equal(again.replica.title, 'Groceries');
  assert.deepEqual(again.said, ['kept']);
});

test('what others changed is written a moment later, and when the page is left', async () => {
  const first = await page(tab()());
  fill(first.replica, 3);
  assert.equal(first.slot.readCopy(), null);
  mock.timers.tick(1_000);
  assert.equal(first.slot.readCopy().elements.length, 3);
  fill(first.replica, 4);
  first.keeper.end();
  assert.equal(first.slot.readCopy().elements.length, 4);
});

test('two pages are two replicas, and a page that is loaded anew is the one it was', async () => {
  const [first, second] = [tab(), tab()];
  const pages = [await page(first()), await page(second()), await page(second(), { side: 'b' })];
  assert.deepEqual(
    pages.map(({ slot }) => slot.name),
    ['1', '2', '3'],
  );
  const again = page(second());
  await settle();
  pages[1].keeper.end(); // the page before ends only now
  assert.equal((await again).slot.name, '2');
  pages[0].keeper.end();
  await settle();
  assert.equal((await page(tab()())).slot.name, '1');
});

test('a tab that was duplicated does not take the slot of its original', async () => {
  const session = new FakeStorage();
  const store = () => new ReplicaStore({ storage: () => storage, session: () => session, locks });
  await page(store());
  const duplicate = page(store());
  await settle();
  mock.timers.tick(10_000);
  assert.equal((await duplicate).slot.name, '2');
});

test('where pages cannot be told apart each tab has a slot of its own, over reloads', async () => {
  const [first, second] = [tab({ locks: undefined }), tab({ locks: undefined })];
  const names = [];
  for (const store of [first, second, first]) names.push((await page(store())).slot.name);
  assert.notEqual(names[0], names[1]);
  assert.equal(names[0], names[2]);
});

test('where the browser refuses locks it is as where it has none', async () => {
  const refuse = () => Promise.reject(new DOMException('no', 'SecurityError'));
  const explode = () => {
    throw new TypeError('no');
  };
  for (const request of [refuse, explode]) {
    let requests = 0;
    // Who asks for ever waits for ever in the end, instead of freezing this process.
    const refusing = { request: () => (++requests > 100 ? new Promise(() => {}) : request()) };
    const store = tab({ locks: refusing });
    const first = await page(store());
    const second = await page(tab({ locks: refusing })());
    assert.match(first.slot.name, /^tab-/);
    assert.notEqual(first.slot.name, second.slot.name);
    first.replica.add('milk');
    await settle();
    first.keeper.end();
    const again = await page(store());
    assert.equal(again.slot.name, first.slot.name);
    assert.deepEqual(valuesOf(again.replica), ['milk']);
  }
});

test('what a closed page left behind is counted, and taken over by whoever wants it', async () => {
  const [closed, open] = [await page(tab()()), await page(tab()())];
  closed.replica.add('milk');
  open.replica.add('tea');
  await settle();
  const store = tab()();
  const mine = await page(store);
  assert.equal(await store.countLeftBehind(mine.slot), 0);
  closed.keeper.end();
  await settle();
  assert.equal(await store.countLeftBehind(mine.slot), 1);
  assert.deepEqual(store.kept(), new Map([['s', { title: '', waiting: 2 }]]));
  await store.takeOver(mine.slot, (waiting) => mine.replica.adopt(waiting));
  assert.deepEqual(valuesOf(mine.replica), ['milk']);
  assert.equal(await store.countLeftBehind(mine.slot), 0);
  assert.deepEqual(store.kept(), new Map([['s', { title: '', waiting: 2 }]]));
});

test('a set that is too large is kept without its copy, and that is said', async () => {
  const large = await page(tab()());
  fill(large.replica, COPY_LENGTH_MAX / 40);
  large.replica.add('milk');
  await settle();
  large.keeper.flush();
  assert.deepEqual(large.said, ['kept', 'own_only']);
  assert.equal(large.slot.readCopy(), null);
  assert.deepEqual(
    large.slot.readOwn().waiting.map(({ value }) => value),
    ['milk'],
  );
  fill(large.replica, 3);
  large.keeper.flush();
  assert.deepEqual(large.said, ['kept', 'own_only', 'kept']);
});

test('where storage is full copies of other sets make room, the oldest first', async () => {
  const store = tab()();
  for (const set of ['oldest', 'old', 'new']) {
    const { replica, keeper } = await page(store, { set });
    mock.timers.tick(5_000);
    fill(replica, 100, { set });
    if (set === 'oldest') replica.add('waits');
    keeper.end();
  }
  storage.lengthMax = 20_000;
  const { replica, keeper, said } = await page(store, { set: 'large' });
  fill(replica, 200);
  keeper.flush();
  assert.deepEqual(said, ['kept']);
  assert.equal(store.kept().get('oldest').waiting, 1);
  assert.equal(storage.getItem('tercet.sets/oldest/1/copy'), null);
  assert.notEqual(storage.getItem('tercet.sets/new/1/copy'), null);
});

test('where storage refuses everything the page works, and says what that means', async () => {
  const full = await page(tab()());
  fill(full.replica, 3);
  full.keeper.flush();
  storage.lengthMax = 0;
  full.replica.add('milk');
  await settle();
  assert.deepEqual(full.said, ['kept', 'refused']);
  storage.lengthMax = Infinity;
  full.keeper.flush();
  assert.deepEqual(full.said, ['kept', 'refused', 'kept']);

  const deny = () => {
    throw new DOMException('no', 'SecurityError');
  };
  const store = new ReplicaStore({ storage: deny, session: deny, locks });
  const { replica, keeper, said } = await page(store, { set: 'other' });
  assert.equal(replica.add('milk'), 'done');
  await settle();
  keeper.flush();
  assert.deepEqual(said, ['refused']);
  assert.deepEqual(store.kept(), new Map());
});

test('copies are bounded in number, and what waits is never dropped for that', async () => {
  const store = tab()();
  for (let i = 0; i < COPIES_MAX + 5; i++) {
    const { replica, keeper } = await page(store, { set: `set-${i}` });
    mock.timers.tick(10);
    fill(replica, 3);
    if (i === 0) replica.add('waits');
    keeper.end();
  }
  const copies = Array.from({ length: storage.length }, (_, i) => storage.key(i)).filter((key) =>
    key.endsWith('/copy'),
  );
  assert.ok(copies.length <= COPIES_MAX, String(copies.length));
  assert.equal(store.kept().get('set-0').waiting, 1);
  assert.ok(!store.kept().has('set-1'));
});

test('what is kept and spoiled is as if it were not there', async () => {
  const store = tab();
  const { replica, keeper, slot } = await page(store());
  fill(replica, 3);
  keeper.end();
  for (const own of ['{', '7', '{"waiting":[{"op":"explode","value":"x","stamp":[1,"a"]}],"notices":[],"name":"a"}']) {
    storage.setItem(`tercet.sets/s/${slot.name}/own`, own);
    storage.setItem(`tercet.sets/s/${slot.name}/copy`, '[]');
    const again = await page(store());
    assert.deepEqual(valuesOf(again.replica), []);
    assert.equal(again.replica.name, 'fresh');
    again.keeper.end();
  }
});

test('a set can be forgotten', async () => {
  const store = tab()();
  const { replica, keeper } = await page(store);
  replica.add('milk');
  keeper.end();
  await settle();
  store.forget('s');
  assert.equal(storage.length, 0);
});
