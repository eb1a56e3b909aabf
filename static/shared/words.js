/** What every view says in plain words. */

/**
 * @param {import('../tercet.js').Status | {state: 'offline' | 'idle'}} status `offline`: by choice; `idle`: nothing to connect for
 * @param {boolean} online whether the device has any network
 */
export function stateInWords({ state, reason }, online = true) {
  if (state === 'open') return 'Connected';
  if (state === 'connecting') return 'Connecting…';
  if (state === 'offline') return 'Offline, as you chose';
  if (state === 'idle') return 'No set is open';
  if (state === 'stopped') return `Stopped by the server${reason ? `: ${reason}` : ''}`;
  return online ? 'Connection lost' : 'You are offline';
}

/** A value as it can be seen: control characters as their pictures. */
export function visible(value) {
  if (value === '') return '(empty text)';
  return value.replace(/[\0-\x1f]/g, (control) => String.fromCodePoint(0x2400 + control.charCodeAt(0)));
}

/** A value in a sentence, where a long one would be the sentence. */
export function quoted(value) {
  const text = [...visible(value)];
  return `“${text.length > 40 ? `${text.slice(0, 39).join('')}…` : text.join('')}”`;
}

const GROUPED = new Intl.NumberFormat('en');

/** @param {number} count */
export function grouped(count) {
  return GROUPED.format(count);
}

/** @param {number} count @param {string} [noun] */
export function counted(count, noun = 'change') {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** To the second. @param {number} ms since 1970 */
export function timeInWords(ms) {
  const time = { hour: '2-digit', minute: '2-digit', second: '2-digit' };
  return new Date(ms).toLocaleString([], isToday(ms) ? time : { ...DAY, ...time });
}

/** The time today, or the day. @param {number} ms since 1970 */
export function dayInWords(ms) {
  return new Date(ms).toLocaleString([], isToday(ms) ? { hour: '2-digit', minute: '2-digit' } : DAY);
}

const DAY = { year: 'numeric', month: 'short', day: 'numeric' };

function isToday(ms) {
  return new Date(ms).toDateString() === new Date().toDateString();
}
