import { counted, quoted } from '../shared/words.js';

/** Values that are named of those that only one replica has. */
const NAMED_MAX = 3;

/**
 * What one replica shows and the other does not.
 * @param {import('./replica.js').Replica} a
 * @param {import('./replica.js').Replica} b
 * @returns {{isSame: boolean, text: string}}
 */
export function differenceInWords(a, b) {
  const [onlyA, onlyB] = [missing(a, b), missing(b, a)];
  const isSame = onlyA.length + onlyB.length === 0;
  const text = isSame
    ? `A and B hold the same ${counted(a.size, 'element')}.`
    : [say('A', onlyA), say('B', onlyB)].filter(Boolean).join(' ');
  return { isSame, text };
}

/** What `from` shows and `other` does not. */
function missing(from, other) {
  return [...from.values()].filter((value) => !other.has(value));
}

function say(name, values) {
  if (values.length === 0) return '';
  const named = values.slice(0, NAMED_MAX).map(quoted).join(', ');
  const rest = values.length - NAMED_MAX;
  return `Only ${name} has ${named}${rest > 0 ? ` and ${counted(rest, 'other')}` : ''}.`;
}
