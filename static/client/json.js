/**
 * JSON in which integers stay exact.
 *
 * A JavaScript number holds integers exactly up to 2^53; the protocol's are 64 bits wide. So `parse` gives a BigInt for
 * each integer that a number would round, and `stringify` writes a BigInt as a plain integer.
 *
 * JSON.parse can do this alone in newer browsers (a reviver's `context.source`), but at several times the cost for a
 * large text. Here only the integers in question are touched, and a text without any goes straight to JSON.parse.
 */

/** Stands for an integer while a text is converted. Unpredictable, so that no string in a message can pass for one. */
const MARK = `integer-${Math.random().toString(36).slice(2)}:`;
const MARKED = new RegExp(`"${MARK}(-?\\d+)"`, 'g');

/** 2^53 has this many digits: fewer are always exact. */
const LONG_DIGITS = 16;

/**
 * @param {string} text JSON
 * @returns {any} its value, with a BigInt for each integer beyond ±(2^53 - 1)
 * @throws {SyntaxError} when the text is no JSON
 */
export function parse(text) {
  const marked = mark(text);
  return marked === text ? JSON.parse(text) : unmark(JSON.parse(marked));
}

/**
 * @param {any} value what JSON.stringify takes, and BigInts
 * @returns {string} JSON
 */
export function stringify(value) {
  let found = false;
  const text = JSON.stringify(value, (_key, item) => {
    if (typeof item !== 'bigint') return item;
    found = true;
    return MARK + item;
  });
  return found ? text.replace(MARKED, '$1') : text;
}

/** Puts each large integer that is not part of a string into a marked string. */
function mark(text) {
  let marked = '';
  let copied = 0; // text before this is in `marked`
  let scanned = 0; // text before this is known, and this is outside of strings
  for (const { start, end } of longIntegers(text)) {
    for (let open; (open = text.indexOf('"', scanned)) >= 0 && open < start;) scanned = endOfString(text, open);
    if (scanned > start) continue;
    marked += `${text.slice(copied, start)}"${MARK}${text.slice(start, end)}"`;
    copied = scanned = end;
  }
  return copied === 0 ? text : marked + text.slice(copied);
}

/**
 * Finds what looks like an integer that a number would round; it may stand in a string. Megabytes without any cost little:
 * so many digits in a row cover one of every so many places, and only those are looked at.
 */
function* longIntegers(text) {
  for (let at = LONG_DIGITS - 1; at < text.length; at += LONG_DIGITS) {
    if (!isDigit(text, at)) continue;
    let start = at;
    let end = at + 1;
    while (isDigit(text, start - 1)) start--;
    while (isDigit(text, end)) end++;
    at = end - 1;
    if (end - start < LONG_DIGITS || text[start] === '0' || Number.isSafeInteger(Number(text.slice(start, end))))
      continue;
    if (text[start - 1] === '-') start--;
    const isPart = /[.eE+]/.test(text.charAt(start - 1)) || /[.eE]/.test(text.charAt(end));
    if (!isPart) yield { start, end };
  }
}

function isDigit(text, at) {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}

/** Where the string that opens at `open` is over. */
function endOfString(text, open) {
  for (let close = open + 1; ; close++) {
    close = text.indexOf('"', close);
    if (close < 0) return text.length;
    let backslashes = 0;
    while (text[close - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return close + 1;
  }
}

function unmark(value) {
  if (typeof value === 'string') return value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value;
  if (typeof value !== 'object' || value === null) return value;
  for (const key in value) {
    const item = value[key];
    if (typeof item === 'object' || typeof item === 'string') value[key] = unmark(item);
  }
  return value;
}
