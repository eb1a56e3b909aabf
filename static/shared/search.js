/** Finds things by a part of their names, whatever the case and the accents: "elodie" finds "Élodie". */

const ACCENTS = /[\u0300-\u036f]/g;

/** Letters that Unicode does not take apart into a base and an accent. */
const BASES = {
  đ: 'd',
  ð: 'd',
  ħ: 'h',
  ı: 'i',
  ł: 'l',
  ø: 'o',
  ŧ: 't',
  þ: 'th',
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ς: 'σ',
};
const WITH_BASES = new RegExp(`[${Object.keys(BASES).join('')}]`, 'g');

/** @param {string} text */
export function fold(text) {
  const lower = text.toLowerCase();
  if (/^[\x20-\x7e]*$/.test(lower)) return lower;
  return lower
    .normalize('NFKD')
    .replace(ACCENTS, '')
    .replace(WITH_BASES, (letter) => BASES[letter]);
}

/** @template Item */
export class Search {
  #nameOf;
  #folded = new Map();

  /** @param {(item: Item) => string} nameOf */
  constructor(nameOf) {
    this.#nameOf = nameOf;
  }

  /**
   * @param {Item[]} items
   * @param {string} query
   */
  filter(items, query) {
    const wanted = fold(query.trim());
    if (wanted === '') return items;
    if (this.#folded.size > 2 * items.length + 1000) this.#folded.clear(); // most of it is about what is gone
    return items.filter((item) => this.#fold(this.#nameOf(item)).includes(wanted));
  }

  #fold(name) {
    let folded = this.#folded.get(name);
    if (folded === undefined) this.#folded.set(name, (folded = fold(name)));
    return folded;
  }
}
