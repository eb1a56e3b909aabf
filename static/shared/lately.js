const LINES = 3;

/**
 * The last three changes, as lines of a stanza. A line leads to what changed.
 * @template Change
 */
export class Lately {
  #list;
  #inWords;
  #lines = [];

  /**
   * @param {HTMLElement} list
   * @param {(change: Change) => {name: string, shown?: string, text: string, gone: boolean}} inWords `shown`: the name as
   *   it can be seen; `gone`: there is nothing to lead to
   * @param {(name: string) => void} onPick
   */
  constructor(list, inWords, onPick) {
    this.#list = list;
    this.#inWords = inWords;
    list.addEventListener('click', (event) => {
      const line = event.target.closest('button');
      if (line) onPick(line.dataset.name);
    });
  }

  /** @param {Change[]} changes those that came together */
  add(changes) {
    if (changes.length === 0) return;
    const lineOf = (change) => createLine(this.#inWords(change));
    const lines =
      changes.length <= LINES
        ? changes.map(lineOf).reverse()
        : [...changes.slice(0, LINES - 1).map(lineOf), textOf(`and ${changes.length - LINES + 1} more`)];
    this.#lines = [...lines, ...this.#lines].slice(0, LINES);
    this.#list.replaceChildren(...this.#lines);
  }
}

function createLine({ name, shown = name, text, gone }) {
  const item = document.createElement('li');
  const line = document.createElement('button');
  line.type = 'button';
  line.dataset.name = name;
  const who = document.createElement('bdi');
  who.textContent = shown;
  const what = document.createElement('span');
  what.textContent = text;
  line.append(who, ' ', what);
  line.disabled = gone;
  item.append(line);
  return item;
}

function textOf(text) {
  const item = document.createElement('li');
  item.textContent = text;
  return item;
}
