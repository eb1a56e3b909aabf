/** What may be set: checks a name and a number the way the server does, so that a mistake is explained at once. */

export const NAME_BYTES_MAX = 256;
export const NUMBER_MIN = -(2n ** 63n);
export const NUMBER_MAX = 2n ** 63n - 1n;

/**
 * Names are taken as they are, except that spaces around a new one are dropped: keyboards add them unasked.
 * @param {string} text
 * @param {(name: string) => boolean} isKnown whether someone has exactly this name already
 * @returns {{name: string} | {problem: string}}
 */
export function readName(text, isKnown = () => false) {
  const name = isKnown(text) ? text : text.trim();
  if (name === '') return { problem: 'Enter a name.' };
  if (/\p{Cc}/u.test(name)) return { problem: 'The name has a tab or another control character in it. Remove that.' };
  if (/\p{Cs}/u.test(name)) return { problem: 'The name has half a character in it. Type it again.' };
  const bytes = new TextEncoder().encode(name).length;
  if (bytes > NAME_BYTES_MAX) {
    return {
      problem: `The name is too long by ${bytes - NAME_BYTES_MAX} bytes of ${NAME_BYTES_MAX}. Choose a shorter one.`,
    };
  }
  return { name };
}

/**
 * @param {string} text
 * @returns {{number: bigint} | {problem: string}}
 */
export function readNumber(text) {
  const digits = text
    .trim()
    .replace(/^[−–]/, '-')
    .replace(/^\+(?=\d)/, '');
  if (digits === '') return { problem: 'Enter a number.' };
  if (!/^-?\d+$/.test(digits)) return { problem: 'The number must be whole, in digits only, like 7 or -42.' };
  const tooLong = digits.replace(/^-?0*/, '').length > 19; // and BigInt would take long on a megabyte of digits
  const number = tooLong ? undefined : BigInt(digits);
  if (tooLong || number < NUMBER_MIN || number > NUMBER_MAX) {
    return { problem: `The number must be between ${NUMBER_MIN} and ${NUMBER_MAX}.` };
  }
  return { number };
}
