import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse, stringify } from '../client/json.js';

test('integers are numbers up to 2^53 - 1 and BigInts beyond', () => {
  for (const [text, value] of [
    ['0', 0],
    ['-7', -7],
    ['9007199254740991', 9007199254740991],
    ['-9007199254740991', -9007199254740991],
    ['9007199254740992', 9007199254740992n],
    ['9007199254740993', 9007199254740993n],
    ['-9223372036854775808', -9223372036854775808n],
    ['[9223372036854775807 , 1]', [9223372036854775807n, 1]],
    ['{"a":{"b":[12345678901234567]}}', { a: { b: [12345678901234567n] } }],
  ])
    assert.deepEqual(parse(text), value, text);
});

test('integers are found wherever they stand, and however many there are', () => {
  for (let pad = 0; pad < 40; pad++) {
    const text = `[${' '.repeat(pad)}9007199254740993,-12345678901234567,1,9223372036854775807]`;
    assert.deepEqual(parse(text), [9007199254740993n, -12345678901234567n, 1, 9223372036854775807n], text);
  }
});

test('fractions and exponents are no integers', () => {
  for (const text of [
    '0.12345678901234567',
    '12345678901234567.5',
    '12345678901234567e3',
    '1e-12345678901234567',
    '1.5E+12345678901234567',
  ]) {
    assert.equal(parse(text), JSON.parse(text), text);
  }
});

test('digits in strings are left alone', () => {
  for (const text of [
    '{"a":"12345678901234567"}',
    '["x:12345678901234567,"]',
    '["\\"12345678901234567"]',
    '["\\\\",12345678901234567]',
    '{"12345678901234567":"12345678901234567"}',
    '["\\\\\\",12345678901234567,"]',
  ]) {
    const exact = JSON.stringify(parse(text), (_key, value) => (typeof value === 'bigint' ? Number(value) : value));
    assert.equal(exact, JSON.stringify(JSON.parse(text)), text);
  }
  assert.equal(parse('["\\\\",12345678901234567]')[1], 12345678901234567n);
});

test('what is no JSON is refused, with long numbers in it too', () => {
  for (const text of [
    '',
    '{',
    '"12345678901234567',
    '{"a":12345678901234567',
    '[1-12345678901234567]',
    '012345678901234567',
  ]) {
    assert.throws(() => parse(text), SyntaxError, text);
  }
});

test('BigInts are written as integers, in place', () => {
  assert.equal(
    stringify({ a: 2n ** 63n - 1n, b: ['1', -5n], c: 'n' }),
    '{"a":9223372036854775807,"b":["1",-5],"c":"n"}',
  );
});
