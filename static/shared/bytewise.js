/** The order of the texts' UTF-8 bytes. JavaScript's own differs where surrogates meet U+E000 and above. */
export function compareBytewise(a, b) {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [unit, other] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (unit !== other) return aboveSurrogates(unit) - aboveSurrogates(other);
  }
  return a.length - b.length;
}

/** Surrogates stand for characters above all others. */
function aboveSurrogates(unit) {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
