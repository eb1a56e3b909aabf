import { readName, readNumber } from './entry.js';
import { failureInWords } from './words.js';

const REMEMBERED_NAME = 'tercet.name';

/** An answer within this time needs no word about waiting. */
const PATIENCE_MS = 700;

/** The form that sets a number: checks the entry, sends it, says how it went. */
export class NumberForm {
  #connection;
  #isKnown;
  #onSet;
  #name;
  #number;
  #button;
  #error;
  #done;
  #waiting = false;

  /**
   * @param {HTMLFormElement} form
   * @param {object} options
   * @param {import('../tercet.js').Connection} options.connection
   * @param {(name: string) => boolean} options.isKnown whether the listing has exactly this name
   * @param {(name: string) => void} options.onSet called when a name's number is stored
   */
  constructor(form, { connection, isKnown, onSet }) {
    this.#connection = connection;
    this.#isKnown = isKnown;
    this.#onSet = onSet;
    const find = (id) => form.querySelector(`#${id}`);
    [this.#name, this.#number, this.#button] = ['name', 'number', 'set'].map(find);
    [this.#error, this.#done] = ['error', 'done'].map(find);
    this.#name.value = remembered();
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    form.addEventListener('input', () => this.#settle());
    find('sign').addEventListener('click', () => this.#turnSign());
  }

  /** @param {import('./change.js').User} user whose number shall be changed */
  fill({ UserName, FavoriteNumber }) {
    this.#settle();
    this.#name.value = UserName;
    this.#number.value = String(FavoriteNumber);
    this.#fit();
    this.#number.focus();
    this.#number.select();
  }

  /** Shows a failure that belongs to no entry in particular. */
  fail(error) {
    this.#explain(failureInWords(error).text);
  }

  async #submit() {
    if (this.#waiting) return;
    const { name, problem: nameProblem } = readName(this.#name.value, this.#isKnown);
    if (nameProblem) return this.#refuse(this.#name, nameProblem);
    const { number, problem: numberProblem } = readNumber(this.#number.value);
    if (numberProblem) return this.#refuse(this.#number, numberProblem);

    this.#settle();
    this.#wait(true);
    const patience = setTimeout(() => (this.#done.textContent = 'Waiting for the answer…'), PATIENCE_MS);
    try {
      await this.#connection.request({ Cmd: 1, CmdData: { UserName: name, FavoriteNumber: number } });
      remember(name);
      this.#done.textContent = `Stored: ${name}, ${number}.`;
      this.#onSet(name);
    } catch (error) {
      const { text, retry } = failureInWords(error);
      this.#explain(text);
      if (retry) this.#button.textContent = 'Try again';
    } finally {
      clearTimeout(patience);
      this.#wait(false);
    }
  }

  #wait(waiting) {
    this.#waiting = waiting;
    // Not `disabled`: that would take the focus away.
    this.#button.setAttribute('aria-disabled', waiting);
  }

  #refuse(field, problem) {
    this.#settle();
    this.#explain(problem);
    field.setAttribute('aria-invalid', 'true');
    field.focus();
  }

  #explain(text) {
    this.#done.textContent = '';
    this.#error.textContent = text;
  }

  /** What was said belongs to an entry that is no more. */
  #settle() {
    this.#fit();
    this.#error.textContent = this.#done.textContent = '';
    if (!this.#waiting) this.#button.textContent = 'Set number';
    for (const field of [this.#name, this.#number]) field.removeAttribute('aria-invalid');
  }

  /** A long number is written smaller. */
  #fit() {
    const { length } = this.#number.value;
    this.#number.dataset.length = length > 14 ? 'long' : length > 9 ? 'medium' : 'short';
  }

  /** Some phones' number keys have no minus. */
  #turnSign() {
    const { value } = this.#number;
    this.#number.value = /^[-−–]/.test(value) ? value.slice(1) : `-${value}`;
    this.#settle();
    this.#number.focus();
  }
}

function remembered() {
  try {
    return localStorage.getItem(REMEMBERED_NAME) ?? '';
  } catch {
    return ''; // storage is switched off
  }
}

function remember(name) {
  try {
    localStorage.setItem(REMEMBERED_NAME, name);
  } catch {
    // Storage is switched off or full: the name is typed again next time.
  }
}
