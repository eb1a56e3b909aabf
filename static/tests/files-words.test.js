import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  differenceInLines,
  emptinessInWords,
  lagInWords,
  ownerInWords,
  troubleInWords,
  watcherStateInWords,
} from '../files/words.js';

const WATCHER = { watcher: 1, instance: '8d3f0c1e-4f', address: '127.0.0.1:4001', state: 'synced', files: 2 };
const NOTHING = { added: [], removed: [], arrived: [], left: [] };

test('a watcher is told from others, also before its first hello', () => {
  assert.equal(ownerInWords(WATCHER), '127.0.0.1:4001');
  assert.equal(ownerInWords({ ...WATCHER, address: '[::1]:4001' }), '[::1]:4001');
  assert.equal(ownerInWords({ ...WATCHER, address: '127.0.0.1' }), '127.0.0.1 8d3f0c1e');
  assert.equal(ownerInWords({ ...WATCHER, address: '::1' }), '::1 8d3f0c1e');
  assert.equal(ownerInWords({ watcher: 7 }), 'watcher 7');
});

test('changes are told with whose they are', () => {
  const file = { name: 'a\nb', watcher: 1 };
  const ownerOf = () => '127.0.0.1:4001';
  const say = (difference) =>
    differenceInLines({ ...NOTHING, ...difference }, ownerOf).map(({ shown, text, gone }) => [shown, text, gone]);
  assert.deepEqual(say({ added: [file] }), [['a␊b', 'added · 127.0.0.1:4001', false]]);
  assert.deepEqual(say({ removed: [file] }), [['a␊b', 'removed · 127.0.0.1:4001', true]]);
  assert.deepEqual(say({ left: [{ ...WATCHER, reason: 'bye' }] }), [['127.0.0.1:4001', 'left, with 2 files', true]]);
  assert.deepEqual(say({ left: [{ ...WATCHER, files: 0, reason: 'expired' }] }), [
    ['127.0.0.1:4001', 'fell silent', true],
  ]);
  assert.deepEqual(say({ arrived: [WATCHER] }), [['127.0.0.1:4001', 'watches a folder', true]]);
});

test('no rows are explained, and how to start is told only where nobody did', () => {
  const say = (situation) =>
    emptinessInWords({ isKnown: true, watchers: 0, files: 0, query: '', trouble: null, ...situation });
  assert.equal(say({}).isFirst, true);
  for (const situation of [
    { isKnown: false },
    { isKnown: false, trouble: { code: 'unavailable' } },
    { watchers: 1 },
    { watchers: 1, files: 2, query: 'x' },
    { watchers: 1, files: 2 },
  ]) {
    const { text, isFirst } = say(situation);
    assert.equal(isFirst, false);
    assert.match(text, /\.$/);
  }
});

test('states, silences and failures are said in words', () => {
  for (const state of ['synced', 'dirty', 'stale', 'new_one']) assert.ok(watcherStateInWords(state).text);
  assert.equal(lagInWords(undefined), '');
  assert.equal(lagInWords(120), 'heard just now');
  assert.equal(lagInWords(17_400), 'heard 17 s ago');
  for (const code of ['not_found', 'unavailable', 'timeout', 'disconnected', 'internal'])
    assert.match(troubleInWords({ code, message: 'why' }), /\.$/);
});
