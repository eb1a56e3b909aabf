import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { compareBytewise } from '../shared/bytewise.js';
import { isStamp, isValue, LwwSet } from '../sets/lww-set.js';
import { seeded } from './random.js';

const VECTORS = new URL('../../lww-set/vectors/', import.meta.url);

const entriesOf = (set) => [...set.operations()].sort((a, b) => compareBytewise(a.value, b.value));

for (const file of readdirSync(VECTORS).filter((name) => name.endsWith('.json'))) {
  for (const { name, operations, ...expected } of JSON.parse(readFileSync(new URL(file, VECTORS), 'utf8')).cases) {
    test(`${file}: ${name}`, async () => {
      const set = new LwwSet();
      assert.deepEqual(
        operations.map((operation) => set.apply(operation)),
        expected.outcomes,
      );
      assert.deepEqual(entriesOf(set), expected.entries);
      assert.deepEqual([...set.values()].sort(compareBytewise), expected.contained);
      assert.equal(set.size, expected.contained.length);
      assert.equal(await set.digest(), expected.digest);
    });
  }
}

/** Few values, times and replicas, so that everything collides. */
function randomOperations(random, count) {
  return Array.from({ length: count }, () => ({
    op: ['add', 'remove'][random(2)],
    value: ['', 'a', '\u{1f600}', '\uffff'][random(4)],
    stamp: [random(4), ['a', 'B', 'a-1'][random(3)]],
  }));
}

test('whatever the order and however often operations come, the set is the same', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed);
    const operations = randomOperations(random, 20);
    const shuffled = [...operations, ...operations.slice(random(20))].sort(() => random(3) - 1);
    assert.deepEqual(entriesOf(new LwwSet(shuffled)), entriesOf(new LwwSet(operations)), `seed ${seed}`);
  }
});

test('merging is the same in any order, in any grouping, and however often', () => {
  const merged = (...sets) => {
    const result = new LwwSet();
    for (const set of sets) result.merge(set);
    return result;
  };
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed);
    const [a, b, c] = [0, 1, 2].map(() => new LwwSet(randomOperations(random, 6)));
    const expected = entriesOf(merged(a, b, c));
    for (const other of [merged(c, b, a), merged(merged(a, b), c), merged(a, merged(b, c)), merged(a, b, c, a, b)]) {
      assert.deepEqual(entriesOf(other), expected, `seed ${seed}`);
    }
  }
});

test('a value is contained as the definition with two sets of operations says', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const operations = randomOperations(seeded(seed), 12);
    const set = new LwwSet(operations);
    for (const { value } of operations) {
      const of = (op) => operations.filter((operation) => operation.value === value && operation.op === op);
      const rank = ({ stamp: [ms, replica] }) => `${ms} ${replica}`; // one digit, so texts compare like numbers
      const contained = of('add').some((add) => of('remove').every((remove) => rank(remove) < rank(add)));
      assert.equal(set.contains(value), contained, `seed ${seed}, ${JSON.stringify(value)}`);
    }
  }
});

test('texts are compared as their bytes are', () => {
  const random = seeded(5);
  const parts = ['', 'a', 'b', '\0', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'];
  for (let round = 0; round < 2_000; round++) {
    const [a, b] = [0, 1].map(
      () => parts[random(parts.length)] + parts[random(parts.length)] + parts[random(parts.length)],
    );
    assert.equal(
      Math.sign(compareBytewise(a, b)),
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
      JSON.stringify([a, b]),
    );
  }
});

test('what the server would refuse is told beforehand', () => {
  for (const value of ['', 'a\0b', 'é'.repeat(512), 'a,b/c', '\u{1f600}']) assert.ok(isValue(value), value);
  for (const value of [7, null, '\ud83d', 'é'.repeat(512) + 'a']) assert.ok(!isValue(value), String(value));
  for (const stamp of [
    [0, 'a'],
    [2 ** 53 - 1, 'A-z_0.9'],
  ])
    assert.ok(isStamp(stamp));
  for (const stamp of [
    [-1, 'a'],
    [1.5, 'a'],
    [2 ** 53, 'a'],
    ['1', 'a'],
    [1, ''],
    [1, 'a b'],
    [1, 'a'.repeat(65)],
    [1],
    7,
  ]) {
    assert.ok(!isStamp(stamp), String(stamp));
  }
});

test('without SHA-256 there is no digest, and no harm', async () => {
  const { crypto } = globalThis;
  Object.defineProperty(globalThis, 'crypto', { value: {}, configurable: true });
  try {
    assert.equal(await new LwwSet().digest(), null);
  } finally {
    Object.defineProperty(globalThis, 'crypto', { value: crypto, configurable: true });
  }
});
