/** What the chat says to people, and what it takes from them. */

/** As long as the server takes them, in bytes of UTF-8. */
export const NAME_BYTES_MAX = 64;
export const TEXT_BYTES_MAX = 4_096;

const bytesOf = (text) => new TextEncoder().encode(text).length;

/**
 * @param {string} text
 * @returns {{name: string} | {problem: string}}
 */
export function readUsername(text) {
  const name = text.trim();
  if (name === '') return { problem: 'Enter a name.' };
  if (/\p{Cc}/u.test(name)) return { problem: 'The name has a tab or another control character in it. Remove that.' };
  if (/\p{Cs}/u.test(name)) return { problem: 'The name has half a character in it. Type it again.' };
  const over = bytesOf(name) - NAME_BYTES_MAX;
  if (over > 0) return { problem: `The name is too long by ${over} bytes of ${NAME_BYTES_MAX}. Choose a shorter one.` };
  return { name };
}

/**
 * @param {string} text
 * @returns {{text: string} | {problem: string}} empty: nothing to send, and nothing to say about it
 */
export function readText(text) {
  const trimmed = text.trim();
  if (trimmed === '') return { problem: '' };
  if (/\p{Cs}/u.test(trimmed)) return { problem: 'The message has half a character in it. Type it again.' };
  const over = bytesOf(trimmed) - TEXT_BYTES_MAX;
  if (over > 0) {
    return { problem: `The message is too long by ${over} bytes of ${TEXT_BYTES_MAX}. Shorten it, or send it in parts.` };
  }
  return { text: trimmed };
}

/** @param {{code: string, message: string}} error why the login was refused */
export function loginFailureInWords({ code, message }, hasToken) {
  if (code === 'unauthorized') {
    return hasToken
      ? 'The server did not take this token: it may be wrong, expired, or for another name. Get a new one and log in again.'
      : 'This server wants a token for this name. Paste yours, then log in again.';
  }
  if (code === 'expired') return 'Your token has expired. Get a new one and log in again.';
  if (code === 'not_found') return 'The server does not know the chat service. Reload the page to get its newest version.';
  return `The server refused this login: ${sentence(message)} Change it and log in again.`;
}

/** @param {{code: string, message: string}} refusal why a message will never be sent as it is */
export function refusalInWords({ code, message }) {
  if (code === 'too_large') return 'Not sent: it is longer than the server takes.';
  if (code === 'conflict') return 'Not sent: another message was sent under its id.';
  return `Not sent: ${sentence(message)}`;
}

/** What stands above the list when something is not as it should be; empty if all is. */
export function standingInWords({ phase, trouble, unsent, unkept }) {
  const waiting = unsent > 0 ? ` ${counted(unsent, 'message')} of yours will be sent then.` : '';
  const lost = unkept > 0 ? ` This browser does not keep ${unkept === 1 ? 'it' : `${unkept} of them`}: do not close or reload this page before.` : '';
  if (phase === 'waiting') return `You see what was here before. The rest comes with the connection.${waiting}${lost}`;
  if (trouble) return `The chat service does not answer right now. It is tried again by itself.${waiting}${lost}`;
  if (lost) return `${counted(unsent, 'message')} of yours ${unsent === 1 ? 'is' : 'are'} on the way.${lost}`;
  return '';
}

/** @param {'waiting' | 'sent' | 'delivered' | 'read' | 'refused' | ''} mark */
export function markInWords(mark) {
  return { waiting: 'Waiting to be sent', sent: 'Sent', delivered: 'Delivered', read: 'Read', refused: 'Not sent' }[mark];
}

/** @param {boolean | undefined} isOnline as far as it is known */
export function presenceInWords(isOnline) {
  return isOnline === undefined ? '' : isOnline ? 'Online' : 'Offline';
}

/** The time of a day for today, the day for all before. */
export function whenInWords(ms, nowMs = Date.now()) {
  return isSameDay(ms, nowMs) ? timeInWords(ms) : dayInWords(ms, nowMs);
}

export function timeInWords(ms) {
  return new Date(ms).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}

const DAY_MS = 24 * 60 * 60 * 1_000;

export function dayInWords(ms, nowMs = Date.now()) {
  if (isSameDay(ms, nowMs)) return 'Today';
  if (isSameDay(ms, nowMs - DAY_MS)) return 'Yesterday';
  const isThisYear = new Date(ms).getFullYear() === new Date(nowMs).getFullYear();
  return new Date(ms).toLocaleDateString([], { day: 'numeric', month: 'short', ...(!isThisYear && { year: 'numeric' }) });
}

export function isSameDay(ms, otherMs) {
  return new Date(ms).toDateString() === new Date(otherMs).toDateString();
}

/** @param {number} count @param {string} noun */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function sentence(message) {
  const text = String(message || 'it did not say why').trim();
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
