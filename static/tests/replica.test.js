import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isValue } from '../sets/lww-set.js';
import {
  isNotAfter,
  NOTICES_MAX,
  onTheWire,
  OPERATIONS_BYTES_MAX,
  OPERATIONS_MAX,
  Replica,
  WAITING_MAX,
} from '../sets/replica.js';

const NOW_MS = 1_700_000_000_000;

function replica(local = () => NOW_MS) {
  return new Replica({ set: 's', name: 'here', local });
}
function filled(...elements) {
  const here = replica();
  here.replace({
    name: 'Groceries',
    cursor: 'e-1',
    elements: elements.map(([value, ms, by]) => ({ value, stamp: [ms, by] })),
  });
  return here;
}
const valuesOf = (here) => [...here.values()].sort();
const waitingOf = (here) => here.waiting.map(onTheWire);

test('what is changed here shows at once and waits, and only the last word on a value is sent', () => {
  const here = replica();
  assert.equal(here.add('milk'), 'done');
  assert.equal(here.add('milk'), 'unchanged');
  assert.equal(here.add('eggs'), 'done');
  assert.equal(here.remove('milk'), 'done');
  assert.equal(here.remove('milk'), 'unchanged');
  assert.deepEqual(valuesOf(here), ['eggs']);
  assert.equal(here.size, 1);
  assert.deepEqual(waitingOf(here), [
    { op: 'add', value: 'eggs', stamp: [NOW_MS, 'here'] },
    { op: 'remove', value: 'milk', stamp: [NOW_MS + 1, 'here'] },
  ]);
});

test('an operation is greater than what its user saw, even if that came from a clock that is ahead', () => {
  const here = filled(['milk', NOW_MS + 5_000, 'zoe']);
  here.remove('milk');
  assert.deepEqual(waitingOf(here)[0].stamp, [NOW_MS + 5_001, 'here']);
  assert.equal(here.has('milk'), false);
});

test('what others did later wins here too, before the server says so', () => {
  const here = filled();
  here.add('milk');
  assert.equal(
    here.take({ cursor: 'e-2', operations: [{ op: 'remove', value: 'milk', stamp: [NOW_MS + 1, 'zoe'] }] }),
    'taken',
  );
  assert.equal(here.has('milk'), false);
  assert.equal(here.size, 0);
  assert.equal(here.waiting.length, 1);
});

test('each change tells what came and went, who did it, and whether it was made here', () => {
  const here = filled(['milk', 1, 'zoe'], ['eggs', 1, 'zoe']);
  const changes = [];
  here.addEventListener('change', ({ detail }) => changes.push(detail));
  here.add('salt');
  here.take({
    cursor: 'e-2',
    operations: [
      { op: 'remove', value: 'milk', stamp: [2, 'ana'] },
      { op: 'add', value: 'eggs', stamp: [2, 'ana'] },
    ],
  });
  here.replace({
    cursor: 'e-3',
    elements: [{ value: 'tea', stamp: [3, 'zoe'] }],
    removed: [{ value: 'eggs', stamp: [4, 'bo'] }],
  });
  assert.deepEqual(changes, [
    { values: [{ value: 'salt', has: true, by: 'here' }], own: true, isAll: false },
    { values: [{ value: 'milk', has: false, by: 'ana' }], own: false, isAll: false },
    {
      values: [
        { value: 'tea', has: true, by: 'zoe' },
        { value: 'eggs', has: false, by: 'bo' },
      ],
      own: false,
      isAll: true,
    },
  ]);
  assert.deepEqual(valuesOf(here), ['salt', 'tea']);
  assert.equal(here.size, 2);
});

test('a change is taken only where it follows, and never twice', () => {
  const here = filled();
  const add = (value) => [{ op: 'add', value, stamp: [5, 'zoe'] }];
  assert.equal(here.take({ prev: 'e-1', cursor: 'e-20', operations: add('a') }), 'taken');
  assert.equal(here.take({ prev: 'e-1', cursor: 'e-20', operations: add('a') }), 'known');
  assert.equal(here.take({ prev: 'e-1', cursor: 'e-9', operations: add('b') }), 'known');
  assert.equal(here.take({ prev: 'e-21', cursor: 'e-22', operations: add('c') }), 'hole');
  assert.equal(here.take({ prev: 'f-1', cursor: 'f-2', operations: add('c') }), 'hole');
  assert.equal(here.cursor, 'e-20');
  assert.deepEqual(valuesOf(here), ['a']);
});

test('cursors are compared as numbers, within an epoch', () => {
  for (const [cursor, other, expected] of [
    ['e-9', 'e-10', true],
    ['e-10', 'e-10', true],
    ['e-10', 'e-9', false],
    ['e-1-9', 'e-1-10', true],
    ['e-2-9', 'e-1-10', false],
    ['e-1', null, false],
  ]) {
    assert.equal(isNotAfter(cursor, other), expected, `${cursor} ${other}`);
  }
});

test('each outcome that is not an application becomes a notice, and nothing waits any more', () => {
  const here = filled(['old', 1, 'zoe']);
  for (const value of ['a', 'b', 'c', 'd', 'e']) here.add(value);
  const outcomes = [
    { outcome: 'applied', stamp: [NOW_MS, 'here'] },
    { outcome: 'duplicate', stamp: [NOW_MS, 'here'] },
    { outcome: 'superseded', op: 'remove', stamp: [NOW_MS + 9, 'zoe'] },
    { outcome: 'too_old', floor_ms: NOW_MS + 1 },
    { outcome: 'invented_later' },
  ];
  here.settle(here.batch(), { cursor: 'e-2', outcomes });
  assert.deepEqual(valuesOf(here), ['a', 'b', 'old']);
  assert.equal(here.size, 3);
  assert.equal(here.waiting.length, 0);
  assert.ok(!here.isConfirmed);
  here.take({
    prev: 'e-1',
    cursor: 'e-2',
    operations: ['a', 'b'].map((value) => ({ op: 'add', value, stamp: [NOW_MS, 'here'] })),
  });
  assert.ok(here.isConfirmed);
  assert.equal(here.size, 3);
  assert.deepEqual(
    here.notices.map(({ kind, value }) => [kind, value]),
    [
      ['superseded', 'c'],
      ['too_old', 'd'],
      ['refused', 'e'],
    ],
  );
  assert.deepEqual(here.notices[0].winner, { op: 'remove', stamp: [NOW_MS + 9, 'zoe'] });
  here.dismiss(here.notices[1]);
  assert.deepEqual(
    here.notices.map(({ value }) => value),
    ['c', 'e'],
  );
  here.dismiss();
  assert.deepEqual(here.notices, []);
});

test('an outcome does not settle what was changed again meanwhile', () => {
  const here = replica();
  here.add('milk');
  const batch = here.batch();
  here.remove('milk');
  here.settle(batch, { cursor: 'e-2', outcomes: [{ outcome: 'applied', stamp: batch[0].stamp }] });
  assert.equal(here.has('milk'), false);
  assert.deepEqual(waitingOf(here), [{ op: 'remove', value: 'milk', stamp: [NOW_MS + 1, 'here'] }]);
});

test('a clock that is ahead is corrected, and what was refused for it is stamped as of when it was made', () => {
  let localMs = NOW_MS + 300_000;
  const here = replica(() => localMs);
  here.add('milk');
  localMs += 20_000;
  const ahead = { outcome: 'clock_ahead', server_ms: NOW_MS + 20_000, ahead_ms_max: 60_000 };
  const batch = here.batch();
  here.clock.hear(NOW_MS + 20_000, localMs, localMs);
  here.settle(batch, { cursor: 'e-1', outcomes: [ahead] });
  assert.equal(here.clock.offsetMs, -300_000);
  assert.deepEqual(waitingOf(here), [{ op: 'add', value: 'milk', stamp: [NOW_MS, 'here'] }]);
  assert.deepEqual(
    here.notices.map(({ kind, count }) => [kind, count]),
    [['restamped', 1]],
  );
  here.add('eggs');
  assert.deepEqual(waitingOf(here)[1].stamp, [NOW_MS + 20_000, 'here']);
});

test('an operation that is stamped again stays above what its user saw, and above their own that the server took', () => {
  let localMs = NOW_MS;
  const here = replica(() => localMs);
  here.replace({
    cursor: 'e-1',
    elements: [
      { value: 'milk', stamp: [NOW_MS - 10, 'zoe'] },
      { value: 'tea', stamp: [1, 'zoe'] },
    ],
  });
  here.remove('tea');
  const first = here.batch();
  localMs += 300_000;
  here.remove('milk');
  here.add('tea');
  here.settle(first, { cursor: 'e-2', outcomes: [{ outcome: 'applied', stamp: first[0].stamp }] });
  const serverMs = NOW_MS - 60_000;
  here.clock.hear(serverMs, localMs, localMs);
  const ahead = { outcome: 'clock_ahead', server_ms: serverMs, ahead_ms_max: 60_000 };
  here.settle(here.batch(), { cursor: 'e-2', outcomes: here.batch().map(() => ahead) });
  assert.deepEqual(waitingOf(here), [
    { op: 'remove', value: 'milk', stamp: [NOW_MS - 9, 'here'] },
    { op: 'add', value: 'tea', stamp: [NOW_MS + 1, 'here'] },
  ]);
  assert.deepEqual(valuesOf(here), ['tea']);
});

test('it stays above an own operation whose outcome never came, but which the server has', () => {
  const here = filled();
  here.add('tea');
  here.remove('tea'); // while the first was on its way
  const [{ stamp }] = here.waiting;
  here.clock.offsetMs = -300_000;
  here.take({ cursor: 'e-2', operations: [{ op: 'add', value: 'tea', stamp: [NOW_MS, 'here'] }] });
  const ahead = { outcome: 'clock_ahead', server_ms: NOW_MS - 60_000, ahead_ms_max: 60_000 };
  here.settle(here.batch(), { cursor: 'e-2', outcomes: [ahead] });
  assert.deepEqual(waitingOf(here), [{ op: 'remove', value: 'tea', stamp }]);
  assert.equal(here.has('tea'), false);
});

test('a request carries no more than the server takes', () => {
  const here = replica();
  for (let i = 0; i < OPERATIONS_MAX + 1; i++) here.add(String(i));
  assert.equal(here.batch().length, OPERATIONS_MAX);
  const wide = replica();
  for (let i = 0; i < 20; i++) wide.add('\0'.repeat(1_020) + i); // six bytes of JSON each
  const batch = wide.batch();
  assert.ok(batch.length > 1 && batch.length < 20);
  assert.ok(Buffer.byteLength(JSON.stringify(batch.map(onTheWire))) <= OPERATIONS_BYTES_MAX + 2);
  assert.equal(wide.batch(1).length, 1);
});

test('there are bounds, and at them it says so', () => {
  const here = replica();
  assert.equal(here.add('é'.repeat(513)), 'invalid');
  assert.ok(!isValue('\ud800'));
  assert.equal(here.add('\ud800'), 'invalid');
  for (let i = 0; i < WAITING_MAX; i++) assert.equal(here.add(String(i)), 'done');
  assert.equal(here.add('one more'), 'full');
  assert.equal(here.remove('7'), 'done');
  assert.equal(here.adopt([{ op: 'add', value: 'x', stamp: [1, 'other'], madeMs: 1, seenMs: 0 }]), false);
  for (let i = 0; i < NOTICES_MAX + 5; i++) here.refuse({ op: 'add', value: String(i), stamp: [1, 'here'] }, 'no');
  assert.equal(here.notices.length, NOTICES_MAX);
  assert.equal(here.noticesDropped, 5);
});

test('what another replica left behind is taken over with its stamps', () => {
  const here = replica();
  here.add('milk');
  const left = [
    { op: 'remove', value: 'milk', stamp: [1, 'there'], madeMs: 1, seenMs: 0 },
    { op: 'add', value: 'eggs', stamp: [2, 'there'], madeMs: 2, seenMs: 0 },
  ];
  assert.equal(here.adopt(left), true);
  assert.deepEqual(waitingOf(here), [
    { op: 'add', value: 'milk', stamp: [NOW_MS, 'here'] },
    { op: 'add', value: 'eggs', stamp: [2, 'there'] },
  ]);
  assert.equal(here.size, 2);
});

test('kept and taken back it is what it was', () => {
  const here = filled(['milk', 1, 'zoe'], ['tea', 2, 'zoe']);
  here.take({ cursor: 'e-2', operations: [{ op: 'remove', value: 'tea', stamp: [3, 'zoe'] }] });
  here.remove('milk');
  here.add('salt');
  here.refuse({ op: 'add', value: 'x', stamp: [1, 'here'] }, 'no');
  here.clock.offsetMs = 1_234;
  here.setOffline(true);
  const again = replica();
  again.restore(JSON.parse(JSON.stringify(here.own())), JSON.parse(JSON.stringify(here.copy())));
  assert.deepEqual(again.own(), here.own());
  assert.deepEqual(again.copy(), here.copy());
  assert.deepEqual(valuesOf(again), ['salt']);
  assert.equal(again.size, 1);
  assert.equal(again.title, 'Groceries');
  const withoutCopy = replica();
  withoutCopy.restore(here.own(), null);
  assert.deepEqual(valuesOf(withoutCopy), ['salt']);
  assert.equal(withoutCopy.cursor, null);
});
