import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SortedValues } from '../sets/sorted-values.js';
import { seeded } from './random.js';

test('values stand where people look for them', () => {
  const sorted = new SortedValues();
  sorted.reset(['item 10', 'Zoe', 'item 9', 'élodie', 'apple']);
  assert.deepEqual(sorted.values, ['apple', 'élodie', 'item 9', 'item 10', 'Zoe']);
});

test('changed bit by bit or at once, the order is the same, and earlier lists stay as they were', () => {
  const random = seeded(11);
  const names = ['a', 'A', 'á', 'a\u0301', 'b', '1', '10', '9', '', '😀', '\0', '﹡'];
  for (let round = 0; round < 200; round++) {
    const sorted = new SortedValues();
    const expected = new Set(Array.from({ length: 40 }, (_, i) => `value ${i}`));
    sorted.reset(expected);
    for (let step = 0; step < 10; step++) {
      const before = sorted.values;
      const copy = [...before];
      const changes = new Map();
      for (let i = random(12); i >= 0; i--) changes.set(names[random(names.length)], random(2) === 1);
      for (const [value, has] of changes) has ? expected.add(value) : expected.delete(value);
      sorted.change(changes);
      assert.deepEqual(before, copy);
      const anew = new SortedValues();
      anew.reset(expected);
      assert.deepEqual(sorted.values, anew.values);
    }
  }
});
