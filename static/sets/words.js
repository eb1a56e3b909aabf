/** What happened to a set, and what to do next, in plain words. */

import { counted, quoted, timeInWords } from '../shared/words.js';
import { CLOCK_TOLERANCE_MS } from './server-clock.js';
import { NAME_BYTES_MAX } from './service.js';
import { isValue, utf8Length, VALUE_BYTES_MAX } from './lww-set.js';

/** How a set without a name is called. */
export function titleOf({ id, name }) {
  return name === '' ? `Unnamed set ${id.slice(0, 8)}` : name;
}

/**
 * Reads what shall be added. Spaces around it are dropped: keyboards add them unasked.
 * @returns {{value: string} | {problem: string}}
 */
export function readValue(text) {
  const value = text.trim();
  if (value === '') return { problem: 'Enter what to add.' };
  if (isValue(value)) return { value };
  if (/\p{Cs}/u.test(value)) return { problem: 'There is half a character in it. Type it again.' };
  return {
    problem: `This is too long by ${utf8Length(value) - VALUE_BYTES_MAX} bytes of ${VALUE_BYTES_MAX}. Shorten it.`,
  };
}

/** @returns {{name: string} | {problem: string}} */
export function readSetName(text) {
  const name = text.trim();
  if (name === '') return { problem: 'Enter a name for the set.' };
  if (/\p{Cc}/u.test(name)) return { problem: 'The name has a tab or another control character in it. Remove that.' };
  if (/\p{Cs}/u.test(name)) return { problem: 'The name has half a character in it. Type it again.' };
  const extra = utf8Length(name) - NAME_BYTES_MAX;
  if (extra > 0)
    return { problem: `The name is too long by ${extra} bytes of ${NAME_BYTES_MAX}. Choose a shorter one.` };
  return { name };
}

/**
 * How a replica and the server stand.
 * @param {object} standing
 * @param {import('./replica-sync.js').Phase} standing.phase
 * @param {number} standing.waiting operations that wait
 * @param {Error | null} standing.trouble
 * @returns {{mark: 'ok' | 'busy' | 'offline' | 'trouble', text: string}}
 */
export function standingInWords({ phase, waiting, trouble }) {
  const waits = waiting === 0 ? '' : `${counted(waiting)} ${waiting === 1 ? 'waits' : 'wait'}.`;
  const sentence = (...parts) => parts.filter(Boolean).join(' ');
  switch (phase) {
    case 'offline':
      return { mark: 'offline', text: sentence('Working offline.', waits || 'Nothing waits.') };
    case 'disconnected':
      return { mark: 'offline', text: sentence('No connection.', waits || 'Nothing waits.') };
    case 'gone':
      return { mark: 'trouble', text: sentence('The server has no such set: it was deleted, or never there.', waits) };
    default:
      if (trouble) return { mark: 'trouble', text: sentence(troubleInWords(trouble), waits) };
      if (phase === 'catching_up') return { mark: 'busy', text: sentence('Catching up with the server…', waits) };
      return waits ? { mark: 'busy', text: `Sending ${counted(waiting)}…` } : { mark: 'ok', text: 'Up to date.' };
  }
}

/** A failure that passes: it is tried again by itself. */
function troubleInWords({ code }) {
  switch (code) {
    case 'unavailable':
      return 'The service is not available right now; trying again.';
    case 'timeout':
    case 'outcome_unknown':
      return 'The server did not answer in time; trying again, which does no harm.';
    default:
      return 'The server has a problem; trying again, which does no harm.';
  }
}

/** Digits of a digest that people compare. */
const DIGEST_DIGITS = 8;

/** @param {{digest: string | null, isSame: boolean}} result of a comparison with the server */
export function checkInWords({ digest, isSame }) {
  if (digest === null) return isSame ? 'As many as the server' : 'Not as many as the server';
  return `${isSame ? 'In sync' : 'Differs'} ${digest.slice(0, DIGEST_DIGITS)}`;
}

/** @param {{digest: string | null, isSame: boolean}} result */
export function checkInDetail({ digest, isSame }) {
  if (digest === null)
    return 'Only the numbers of elements were compared: browsers compute digests over https and on localhost.';
  return `SHA-256 of this copy: ${digest}. The server’s is ${isSame ? 'the same' : 'another'}.`;
}

/** Why the list of sets, or a new set, did not come. @param {{code: string, message: string}} error */
export function setsFailureInWords({ code, message }) {
  switch (code) {
    case 'bad_request':
    case 'too_large':
      return `The server refused this: ${message}`;
    case 'not_found':
      return 'The server knows no sets: its sets service has never run. Start a worker for it, then try again.';
    case 'unavailable':
      return 'The sets service is not available right now. Try again in a moment.';
    case 'timeout':
    case 'outcome_unknown':
      return 'The server took too long to answer. Trying again does no harm.';
    case 'disconnected':
      return 'The server cannot be reached. Check the connection, then try again.';
    default:
      return 'Something went wrong on the server. Try again; if that does not help, try later.';
  }
}

/**
 * @param {import('./replica.js').Notice} notice
 * @param {string} self the name of the replica that it is for
 * @returns {{text: string, again: string}} `again`: what a button is called that does it once more; empty if it makes no sense
 */
export function noticeInWords(notice, self) {
  if (notice.kind === 'restamped') {
    const { count } = notice;
    return {
      text: `${counted(count)} came from a clock that was ahead, and got ${count === 1 ? 'its' : 'their'} time anew from the server’s clock.`,
      again: '',
    };
  }
  const { kind, op, value, winner, message } = notice;
  const [did, again] = op === 'add' ? ['added', 'Add it again'] : ['removed', 'Remove it again'];
  if (kind === 'too_old') {
    const why = 'It was done so long ago that the server cannot tell any more what happened to it since.';
    return { text: `${quoted(value)} was not ${did}. ${why}`, again };
  }
  if (kind === 'refused')
    return { text: `${quoted(value)} was not ${did}: the server refused it (${message}).`, again };
  const who = whoInWords(winner.stamp[1], self);
  const when = timeInWords(winner.stamp[0]);
  if (winner.op === op) return { text: `${quoted(value)} was ${did} by ${who} as well, later, at ${when}.`, again: '' };
  const theirs = winner.op === 'add' ? 'added' : 'removed';
  return { text: `${quoted(value)} was not ${did}: ${who} ${theirs} it later, at ${when}.`, again };
}

export function whoInWords(replica, self) {
  if (replica === self) return 'this replica';
  return replica === 'server' ? 'somebody' : replica; // the server's own stamp: for those who have none
}

/** @param {number} offsetMs how far the server's clock is ahead of this device's @returns {string} empty if they agree */
export function clockInWords(offsetMs) {
  if (Math.abs(offsetMs) <= CLOCK_TOLERANCE_MS) return '';
  const s = Math.round(Math.abs(offsetMs) / 1_000);
  const [count, unit] =
    s < 120 ? [s, 'second'] : s < 7_200 ? [s / 60, 'minute'] : s < 172_800 ? [s / 3_600, 'hour'] : [s / 86_400, 'day'];
  const by = counted(Math.round(count), unit);
  return `This device’s clock is ${by} ${offsetMs < 0 ? 'ahead of' : 'behind'} the server’s. Changes get the server’s time.`;
}

/** @param {import('./replica-store.js').Keeping} keeping @returns {string} empty if all is well */
export function keepingInWords(keeping) {
  switch (keeping) {
    case 'kept':
      return '';
    case 'own_only':
      return 'This set is too large to be kept in this browser. What you change is kept, and the rest comes from the server again.';
    default:
      return 'The browser lets this page keep nothing: its storage is full or switched off. What waits is lost when you close or reload the page.';
  }
}
