import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counted, quoted, visible } from '../shared/words.js';
import { checkInDetail, checkInWords, clockInWords, keepingInWords, noticeInWords, readSetName, readValue, setsFailureInWords, standingInWords, titleOf } from '../sets/words.js';

test('what shall be added is taken as it is, but for spaces around it, and mistakes are explained', () => {
  assert.deepEqual(readValue('  a,b/c 😀 '), { value: 'a,b/c 😀' });
  assert.deepEqual(readValue('é'.repeat(512)), { value: 'é'.repeat(512) });
  assert.match(readValue(' ').problem, /Enter/);
  assert.match(readValue(`${'é'.repeat(512)}ab`).problem, /too long by 2 bytes of 1024/);
  assert.match(readValue('\ud83d').problem, /half a character/);
});

test('names of sets are measured in bytes', () => {
  assert.deepEqual(readSetName(' Groceries '), { name: 'Groceries' });
  assert.deepEqual(readSetName('é'.repeat(64)), { name: 'é'.repeat(64) });
  for (const text of ['', ' ', 'a\tb', '\ud83d', `${'é'.repeat(64)}a`]) assert.ok(readSetName(text).problem, text);
});

test('any value can be seen, and a long one does not fill the page', () => {
  assert.equal(visible('a\0b\n'), 'a␀b␊');
  assert.equal(visible(''), '(empty text)');
  assert.equal(quoted('x'.repeat(500)), `“${'x'.repeat(39)}…”`);
  assert.equal(titleOf({ id: '0123456789', name: '' }), 'Unnamed set 01234567');
});

test('each standing says what waits', () => {
  const standing = (phase, waiting, trouble = null) => standingInWords({ phase, waiting, trouble });
  assert.deepEqual(standing('live', 0), { mark: 'ok', text: 'Up to date.' });
  assert.deepEqual(standing('live', 1_200), { mark: 'busy', text: 'Sending 1,200 changes…' });
  assert.deepEqual(standing('offline', 1), { mark: 'offline', text: 'Working offline. 1 change waits.' });
  assert.deepEqual(standing('disconnected', 0), { mark: 'offline', text: 'No connection. Nothing waits.' });
  assert.equal(standing('gone', 2).mark, 'trouble');
  for (const code of ['unavailable', 'timeout', 'outcome_unknown', 'internal', 'invented_later']) {
    const { mark, text } = standing('live', 2, { code });
    assert.equal(mark, 'trouble');
    assert.match(text, /again.*\. 2 changes wait\.$/);
  }
});

test('whatever was not applied is explained by name, with who won', () => {
  const notice = (kind, op, more) => noticeInWords({ kind, op, value: 'milk', atMs: 0, ...more }, 'me');
  const winner = (op, replica = 'phone') => ({ winner: { op, stamp: [Date.now(), replica] } });
  assert.match(notice('superseded', 'add', winner('remove')).text, /“milk” was not added: phone removed it later, at /);
  assert.equal(notice('superseded', 'add', winner('remove')).again, 'Add it again');
  assert.match(notice('superseded', 'remove', winner('add', 'server')).text, /not removed: somebody added it/);
  assert.match(notice('superseded', 'remove', winner('add', 'me')).text, /this replica added it/);
  assert.match(notice('superseded', 'add', winner('add')).text, /was added by phone as well/);
  assert.equal(notice('superseded', 'add', winner('add')).again, '');
  assert.match(notice('too_old', 'remove').text, /“milk” was not removed\./);
  assert.match(notice('refused', 'add', { message: 'the set is full' }).text, /refused it \(the set is full\)/);
  assert.match(noticeInWords({ kind: 'restamped', count: 1, atMs: 0 }, 'me').text, /^1 change came .* got its time/);
});

test('a comparison says what was compared', () => {
  const digest = '0123456789abcdef'.repeat(4);
  assert.equal(checkInWords({ digest, isSame: true }), 'In sync 01234567');
  assert.equal(checkInWords({ digest, isSame: false }), 'Differs 01234567');
  assert.match(checkInDetail({ digest, isSame: false }), new RegExp(`${digest}.*another`));
  assert.match(checkInWords({ digest: null, isSame: true }), /As many/);
  assert.match(checkInDetail({ digest: null, isSame: true }), /Only the numbers/);
});

test('a clock that is wrong is told in a unit that fits', () => {
  assert.equal(clockInWords(0), '');
  assert.equal(clockInWords(-900), '');
  assert.match(clockInWords(-300_000), /5 minutes ahead of the server/);
  assert.match(clockInWords(90_000), /90 seconds behind/);
  assert.match(clockInWords(-3 * 86_400_000), /3 days ahead/);
  assert.match(clockInWords(5_400_000 * 2), /3 hours behind/);
});

test('each failure and each state of storage has its words', () => {
  const codes = [
    'bad_request',
    'too_large',
    'not_found',
    'unavailable',
    'timeout',
    'outcome_unknown',
    'disconnected',
    'new',
  ];
  for (const code of codes) assert.doesNotMatch(setsFailureInWords({ code, message: 'Why.' }), /undefined|_/);
  assert.equal(keepingInWords('kept'), '');
  for (const keeping of ['own_only', 'refused']) assert.match(keepingInWords(keeping), /\.$/);
  assert.equal(counted(1), '1 change');
  assert.equal(counted(2, 'element'), '2 elements');
});
