import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dayInWords, loginFailureInWords, readText, readUsername, refusalInWords, standingInWords } from '../chat/words.js';

test('names and messages are measured in bytes, as the server does', () => {
  assert.deepEqual(readUsername(' Ana '), { name: 'Ana' });
  assert.deepEqual(readUsername('é'.repeat(32)), { name: 'é'.repeat(32) });
  for (const text of ['', ' ', 'a\tb', '\ud83d', `${'é'.repeat(32)}a`]) assert.ok(readUsername(text).problem, text);
  assert.deepEqual(readText(' one\ntwo '), { text: 'one\ntwo' });
  assert.deepEqual(readText(' \n '), { problem: '' });
  assert.ok(readText('é'.repeat(2_048)).text);
  assert.match(readText(`${'é'.repeat(2_048)}ab`).problem, /too long by 2 bytes of 4096/);
  assert.match(readText('\ud83d').problem, /half a character/);
});

test('only what is not as it should be is said', () => {
  const said = (standing) => standingInWords({ phase: 'live', trouble: null, unsent: 0, unkept: 0, ...standing });
  assert.equal(said({}), '');
  assert.equal(said({ unsent: 2 }), '');
  assert.match(said({ phase: 'waiting', unsent: 1 }), /1 message of yours will be sent then\./);
  assert.match(said({ unsent: 2, unkept: 2 }), /does not keep 2 of them/);
  assert.match(said({ trouble: { code: 'unavailable' } }), /does not answer/);
});

test('refusals say what to do next', () => {
  assert.match(loginFailureInWords({ code: 'unauthorized', message: '' }, false), /wants a token/);
  assert.match(loginFailureInWords({ code: 'unauthorized', message: '' }, true), /expired/);
  assert.match(refusalInWords({ code: 'bad_request', message: 'no such name' }), /^Not sent: no such name\.$/);
});

test('days near today have names', () => {
  const nowMs = new Date(2026, 2, 1, 0, 30).getTime();
  assert.equal(dayInWords(nowMs - 3_600_000, nowMs), 'Yesterday');
  assert.equal(dayInWords(nowMs, nowMs), 'Today');
  assert.match(dayInWords(new Date(2025, 5, 1).getTime(), nowMs), /2025/);
});
