import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { DigestCheck } from '../sets/digest-check.js';
import { LwwSet } from '../sets/lww-set.js';
import { Replica } from '../sets/replica.js';
import { settle } from './fake-websocket.js';

let replica;
let sync;
let check;
let asked;
let answer;
let underway;

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout'] });
  replica = new Replica({ set: 's', name: 'here' });
  sync = Object.assign(new EventTarget(), { phase: 'live' });
  asked = 0;
  answer = async () => ({ cursor: 'e-1', count: 1, digest: await new LwwSet([add('milk')]).digest() });
  underway = [];
  const track = (promise) => (underway.push(promise), promise);
  const { digest } = Replica.prototype;
  replica.digest = () => track(digest.call(replica));
  check = new DigestCheck(replica, sync, () => {
    asked++;
    return track(answer());
  });
  replica.replace({ cursor: 'e-1', elements: [{ value: 'milk', stamp: [1, 'zoe'] }] });
});
afterEach(() => {
  check.end();
  mock.timers.reset();
});

const add = (value) => ({ op: 'add', value, stamp: [1, 'zoe'] });
/** Lets time pass, and what is on its way arrive: digests are computed elsewhere, so they are waited for. */
async function pass(ms) {
  const before = asked;
  mock.timers.tick(ms);
  if (asked > before) await Promise.allSettled(underway.splice(0));
  await settle();
}

test('when all is quiet the digests are compared, and it is known that the copies are the same', async () => {
  await pass(399);
  assert.equal(asked, 0);
  await pass(2);
  assert.equal(check.result.isSame, true);
  assert.match(check.result.digest, /^[0-9a-f]{64}$/);
  await pass(60_000);
  assert.equal(asked, 1);
});

test('a copy that differs at the same cursor is told', async () => {
  answer = async () => ({ cursor: 'e-1', count: 1, digest: '0'.repeat(64) });
  await pass(401);
  assert.equal(check.result.isSame, false);
});

test('a result is void with the next change, and comes anew', async () => {
  await pass(401);
  replica.take({ prev: 'e-1', cursor: 'e-2', operations: [add('tea')] });
  assert.equal(check.result, null);
  answer = async () => ({ cursor: 'e-2', count: 2, digest: await replica.digest() });
  await pass(401);
  assert.equal(check.result.isSame, true);
});

test('what does not change the copy does not void its result', async () => {
  await pass(401);
  const { result } = check;
  replica.dismiss();
  sync.dispatchEvent(new Event('state'));
  assert.equal(check.result, result);
});

test('it does not compare with what the server was or will be, nor when something waits', async () => {
  answer = async () => ({ cursor: 'e-2', count: 2, digest: 'x' });
  await pass(401);
  assert.equal(check.result, null);
  await pass(5_401);
  assert.equal(asked, 2);
  replica.add('salt');
  await pass(60_000);
  assert.equal(asked, 2);
});

test('the larger the set, the longer it must be quiet', async () => {
  const elements = Array.from({ length: 10_000 }, (_, i) => ({ value: `${i}`, stamp: [1, 'zoe'] }));
  replica.replace({ cursor: 'e-2', elements });
  await pass(1_399);
  assert.equal(asked, 0);
  await pass(1);
  assert.equal(asked, 1);
});

test('without a connection, or an answer, there is no result', async () => {
  sync.phase = 'disconnected';
  sync.dispatchEvent(new Event('state'));
  await pass(60_000);
  assert.equal(asked, 0);
  sync.phase = 'live';
  sync.dispatchEvent(new Event('state'));
  answer = async () => {
    throw new Error('no');
  };
  await pass(401);
  assert.equal(asked, 1);
  assert.equal(check.result, null);
});

test('where there is no digest the numbers of values are compared', async () => {
  replica.digest = async () => null;
  await pass(401);
  assert.deepEqual(check.result, { cursor: 'e-1', digest: null, isSame: true });
});
