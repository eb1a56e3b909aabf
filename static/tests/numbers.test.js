import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changesBetween } from '../numbers/change.js';
import { readName, readNumber } from '../numbers/entry.js';
import { fold, Search } from '../shared/search.js';
import { failureInWords } from '../numbers/words.js';
import { stateInWords } from '../shared/words.js';

const users = (numbers) => Object.entries(numbers).map(([UserName, FavoriteNumber]) => ({ UserName, FavoriteNumber }));

test('numbers are read exactly, within 64 bits', () => {
  for (const [text, number] of [
    ['7', 7n],
    [' -7 ', -7n],
    ['+7', 7n],
    ['−7', -7n],
    ['007', 7n],
    ['-0', 0n],
    ['9223372036854775807', 2n ** 63n - 1n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['0'.repeat(50) + '1', 1n],
  ]) {
    assert.deepEqual(readNumber(text), { number }, text);
  }
  for (const text of [
    '',
    '1.5',
    '1e3',
    'ana',
    '--7',
    '+-7',
    '0x1f',
    '1 000',
    '9223372036854775808',
    '-9223372036854775809',
    '9'.repeat(1e6),
  ]) {
    assert.ok(readNumber(text).problem, text.slice(0, 30));
  }
});

test('names are measured in bytes, and spaces around them dropped unless someone has them', () => {
  assert.deepEqual(readName(' ana '), { name: 'ana' });
  assert.deepEqual(
    readName(' ana ', (name) => name === ' ana '),
    { name: ' ana ' },
  );
  assert.deepEqual(readName('é'.repeat(128)), { name: 'é'.repeat(128) });
  for (const text of ['', '   ', 'a\tb', 'a\u0085b', '\ud83d', 'é'.repeat(128) + 'a'])
    assert.ok(readName(text).problem, text);
});

test('changes are found wherever they are', () => {
  const before = users({ ana: 1, branko: 2, marko: 3, zoe: 4 });
  assert.deepEqual(changesBetween(before, before), []);
  assert.deepEqual(changesBetween([], users({ ana: 1 })), [{ name: 'ana', from: undefined, to: 1 }]);
  assert.deepEqual(changesBetween(before, users({ ana: 1, branko: 5, marko: 3, zoe: 4 })), [
    { name: 'branko', from: 2, to: 5 },
  ]);
  const sorted = (changes) => changes.map(({ name, from, to }) => `${name} ${from} ${to}`).sort();
  assert.deepEqual(sorted(changesBetween(before, users({ aaron: 9, ana: 1, marko: 7, zoe: 8 }))), [
    'aaron undefined 9',
    'branko 2 undefined',
    'marko 3 7',
    'zoe 4 8',
  ]);
});

test('changes between any two listings lead from one to the other', () => {
  let seed = 1;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  for (let round = 0; round < 500; round++) {
    const [before, after] = [0, 1].map(() => {
      const numbers = {};
      for (let i = 0; i < 8; i++) if (random(3)) numbers['abcdefgh'[i]] = random(3);
      return users(numbers);
    });
    const numbers = new Map(before.map((user) => [user.UserName, user.FavoriteNumber]));
    for (const { name, from, to } of changesBetween(before, after)) {
      assert.equal(numbers.get(name), from);
      assert.notEqual(from, to);
      if (to === undefined) numbers.delete(name);
      else numbers.set(name, to);
    }
    assert.deepEqual(new Map([...numbers].sort()), new Map(after.map((user) => [user.UserName, user.FavoriteNumber])));
  }
});

test('search ignores case and accents', () => {
  for (const [name, query] of [
    ['Élodie', 'elo'],
    ['Đorđević', 'DORDEVIC'],
    ['Łódź', 'lodz'],
    ['Straße', 'STRASSE'],
    ['Nguyễn', 'nguyen'],
    ['İpek', 'ipek'],
    ['IŞIL', 'isil'],
    ['ΟΔΥΣΣΕΎΣ', 'οδυσσευσ'],
    ['Ｆｕｌｌ', 'full'],
    ['ana', ' ana '],
  ]) {
    assert.equal(
      new Search(({ UserName }) => UserName).filter(users({ [name]: 1 }), query).length,
      1,
      `${query} finds ${name}`,
    );
  }
  assert.deepEqual(new Search(({ UserName }) => UserName).filter(users({ ana: 1 }), 'b'), []);
  assert.equal(fold('か'), fold('か'));
});

test('each failure says what to do next', () => {
  const codes = [
    'bad_request',
    'not_found',
    'too_large',
    'rate_limited',
    'unavailable',
    'outcome_unknown',
    'internal',
    'timeout',
    'disconnected',
    'busy',
    'new_one',
  ];
  for (const code of codes) {
    const { text, retry } = failureInWords({ code, message: 'why', sent: true });
    assert.match(text, /[.]$/);
    assert.equal(typeof retry, 'boolean');
    assert.doesNotMatch(text, /undefined|_/);
  }
  assert.match(failureInWords({ code: 'disconnected', sent: false }).text, /nothing was sent/);
});

test('states are said in words', () => {
  assert.equal(stateInWords({ state: 'lost' }, false), 'You are offline');
  assert.equal(stateInWords({ state: 'offline' }), 'Offline, as you chose');
  assert.equal(stateInWords({ state: 'stopped', reason: 'full' }), 'Stopped by the server: full');
});
