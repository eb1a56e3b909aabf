const LINES = 3;

/** The last three changes, as lines of a stanza. A line leads to its user. */
export class Lately {
  #list;
  #lines = [];

  /**
   * @param {HTMLElement} list
   * @param {(name: string) => void} onPick
   */
  constructor(list, onPick) {
    this.#list = list;
    list.addEventListener('click', (event) => {
      const line = event.target.closest('button');
      if (line) onPick(line.dataset.name);
    });
  }

  /** @param {import('./change.js').Change[]} changes those of one listing */
  add(changes) {
    if (changes.length === 0) return;
    const lines =
      changes.length <= LINES
        ? changes.map(lineOf).reverse()
        : [...changes.slice(0, LINES - 1).map(lineOf), textOf(`and ${changes.length - LINES + 1} more`)];
    this.#lines = [...lines, ...this.#lines].slice(0, LINES);
    this.#list.replaceChildren(...this.#lines);
  }
}

function lineOf({ name, from, to }) {
  const item = document.createElement('li');
  const line = document.createElement('button');
  line.type = 'button';
  line.dataset.name = name;
  const who = document.createElement('bdi');
  who.textContent = name;
  const what = document.createElement('span');
  what.textContent = to === undefined ? 'left' : from === undefined ? `chose ${to}` : `${from} → ${to}`;
  line.append(who, ' ', what);
  line.disabled = to === undefined;
  item.append(line);
  return item;
}

function textOf(text) {
  const item = document.createElement('li');
  item.textContent = text;
  return item;
}
