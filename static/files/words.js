/** The files view's words. */
import { counted, quoted, visible } from '../shared/words.js';

/** Characters of an instance's id that tell it from others at a glance. */
const INSTANCE_CHARACTERS = 8;

/** IPv6 addresses have colons of their own. */
const HAS_PORT = /^([^:]+|\[.+\]):\d+$/;

const STATES = {
  synced: { text: 'synced', detail: 'Its files are listed as they are.' },
  dirty: { text: 'dirty', detail: 'Something was missed, or its list was never fetched. It will be.' },
  stale: { text: 'stale', detail: 'It fell silent and may be gone. If it stays silent, its files go.' },
};

/** @param {string} state */
export function watcherStateInWords(state) {
  return STATES[state] ?? { text: state, detail: '' };
}

/** What tells a watcher from others. One that has not said hello has no port, so its host may be another one's, too. */
export function ownerInWords({ address, instance, watcher }) {
  if (address === undefined) return `watcher ${watcher}`;
  return HAS_PORT.test(address) ? address : `${address} ${shortInstance(instance)}`;
}

export function shortInstance(instance) {
  return instance.slice(0, INSTANCE_CHARACTERS);
}

/** @param {number | undefined} lagMs since a watcher was heard of */
export function lagInWords(lagMs) {
  if (lagMs === undefined) return '';
  return lagMs < 1_000 ? 'heard just now' : `heard ${Math.round(lagMs / 1_000)} s ago`;
}

/**
 * What changed, one line for each. A line about a file that is there has the file.
 * @param {import('./state.js').Difference} difference
 * @param {(watcher: number) => string} ownerOf
 */
export function differenceInLines({ added, removed, arrived, left }, ownerOf) {
  return [
    ...left.map((watcher) => ({ text: `${leavingInWords(watcher.reason)}${filesInWords(watcher.files)}`, ...nobody(watcher) })),
    ...removed.map((file) => lineOf(file, 'removed', ownerOf)),
    ...arrived.map((watcher) => ({ text: 'watches a folder', ...nobody(watcher) })),
    ...added.map((file) => ({ ...lineOf(file, 'added', ownerOf), file, gone: false })),
  ];
}

function nobody(watcher) {
  return { name: '', shown: ownerInWords(watcher), gone: true };
}

function lineOf(file, what, ownerOf) {
  const text = `${what} · ${ownerOf(file.watcher)}`;
  return { name: `${file.watcher}/${file.name}`, shown: visible(file.name), text, gone: true };
}

function leavingInWords(reason) {
  return { expired: 'fell silent', replaced: 'was replaced' }[reason] ?? 'left';
}

function filesInWords(files) {
  return files === 0 ? '' : `, with ${counted(files, 'file')}`;
}

/**
 * Why there are no rows.
 * @param {{isKnown: boolean, watchers: number, files: number, query: string, trouble: Error | null}} situation
 * @returns {{text: string, isFirst: boolean}} `isFirst`: nobody has started a watcher
 */
export function emptinessInWords({ isKnown, watchers, files, query, trouble }) {
  const say = (text) => ({ text, isFirst: false });
  if (!isKnown && trouble) return say(troubleInWords(trouble));
  if (!isKnown) return say('No listing yet. It appears here as soon as the server answers.');
  if (files > 0) return say(query === '' ? 'There is no file in this folder.' : `No name here has ${quoted(query)} in it.`);
  if (watchers > 0) return say('The watched folders are empty. Put a file into one, and it appears here.');
  return { text: 'No folder is watched yet. Start two watchers on two sample folders:', isFirst: true };
}

/** A failure that passes: it is tried again by itself. @param {{code: string, message: string}} error */
export function troubleInWords({ code, message }) {
  switch (code) {
    case 'not_found':
      return 'The server knows no files: its files service has never run. Start a worker for it; this page tries again.';
    case 'unavailable':
      return 'The files service is not available right now; trying again.';
    case 'timeout':
    case 'outcome_unknown':
      return 'The server did not answer in time; trying again.';
    case 'disconnected':
      return 'The server cannot be reached; trying again.';
    default:
      return `The files could not be read (${message}); trying again.`;
  }
}
