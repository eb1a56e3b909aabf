import { Search } from '../shared/search.js';
import { createSet, listSets, PAGE_SETS } from './service.js';
import { counted, dayInWords, grouped } from '../shared/words.js';
import { readSetName, setsFailureInWords, titleOf } from './words.js';
import { randomHex } from './replica-store.js';

/** Sets that are listed at most; older ones have their addresses. */
const LISTED_MAX = 1_000;

/** Longer than what others changed may wait to be kept: until then what is kept says that something waits. */
const DRAW_AFTER_MS = 1_500;

/** How the address of a set's page begins. */
export const ADDRESS = '#sets/';

/** The list of sets, with a search and a form for new ones. */
export class SetPicker {
  #find;
  #store;
  #onCreated;
  #search = new Search(titleOf);
  /** By id, the newest first. @type {Map<string, {id: string, name: string, created_ms?: number}>} */ #listed =
    new Map();
  #next;
  #isKnown = false;
  #isAsking = false;
  #openId = null;
  /** The set that is being created: a retry is about the same. */ #wanted = null;
  #drawTimer = null;
  #onStored = () => this.drawSoon();
  #onVisible = () => document.visibilityState === 'visible' && this.refresh();

  /**
   * @param {HTMLElement} root
   * @param {import('./replica-store.js').ReplicaStore} store
   * @param {(id: string) => void} onCreated
   */
  constructor(root, store, onCreated) {
    this.#find = (id) => root.querySelector(`#${id}`);
    this.#store = store;
    this.#onCreated = onCreated;
    this.#find('create').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#createNamed();
    });
    this.#find('set-name').addEventListener('input', () => this.#explain(''));
    this.#find('search-sets').addEventListener('input', () => this.draw());
    this.#find('search-sets').addEventListener('keydown', (event) => this.#onSearchKey(event));
    this.#find('sets').addEventListener('keydown', (event) => this.#onListKey(event));
    this.#find('more-sets').addEventListener('click', () => this.#ask(this.#next));
    document.addEventListener('visibilitychange', this.#onVisible);
    addEventListener('storage', this.#onStored);
    this.draw();
    this.refresh();
  }

  end() {
    document.removeEventListener('visibilitychange', this.#onVisible);
    removeEventListener('storage', this.#onStored);
    clearTimeout(this.#drawTimer);
  }

  /** Asks for the newest sets. */
  refresh() {
    return this.#ask();
  }

  /** @param {string | null} id the set that is open */
  setOpen(id) {
    this.#openId = id;
    this.draw();
  }

  /** What a set is called, as far as the list knows. */
  titleOf(id) {
    const listed = this.#listed.get(id);
    return listed && titleOf(listed);
  }

  async #ask(after) {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      const { sets, next } = await listSets(after);
      const older = [...this.#listed].filter(([id]) => !sets.some((set) => set.id === id));
      const newer = sets.map((set) => [set.id, set]);
      // A first page stands before what is known, unless it is all there is.
      this.#listed = new Map(
        after === undefined ? [...newer, ...(next === undefined ? [] : older)] : [...older, ...newer],
      );
      if (after !== undefined || this.#listed.size <= PAGE_SETS) this.#next = next;
      this.#isKnown = true;
      this.#find('list-error').textContent = '';
    } catch (error) {
      this.#find('list-error').textContent = setsFailureInWords(error);
    } finally {
      this.#isAsking = false;
    }
    this.draw();
  }

  /** Draws once for all that changes within a moment: what is kept is read anew for that. */
  drawSoon() {
    this.#drawTimer ??= setTimeout(() => this.draw(), DRAW_AFTER_MS);
  }

  draw() {
    clearTimeout(this.#drawTimer);
    this.#drawTimer = null;
    const kept = this.#store.kept();
    const all = [...this.#listed.values()];
    for (const [id, { title }] of kept) if (!this.#listed.has(id)) all.push({ id, name: title });
    const query = this.#find('search-sets').value;
    const matches = this.#search.filter(all, query);
    const rows = matches.map((set) => this.#createRow(set, kept.get(set.id)));
    const list = this.#find('sets');
    const focused = list.contains(document.activeElement) ? document.activeElement.hash : null;
    list.replaceChildren(...rows);
    if (focused !== null) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
    const hasMore = this.#next !== undefined && this.#listed.size < LISTED_MAX;
    this.#find('more-sets').hidden = !hasMore;
    this.#find('sets-note').textContent = this.#note(matches.length, all.length, query.trim());
  }

  #note(matching, all, query) {
    const ofAll = this.#next === undefined ? '' : ' among the newest';
    if (query !== '' && matching === 0) return `No set${ofAll} has “${query}” in its name.`;
    if (query !== '') return `${grouped(matching)} of ${counted(all, 'set')}${ofAll}.`;
    if (all === 0 && this.#isKnown) return 'There are no sets yet. Create the first one.';
    return this.#isKnown || all > 0 ? '' : 'The list appears here as soon as the server answers.';
  }

  #createRow(set, kept) {
    const item = document.createElement('li');
    const link = document.createElement('a');
    link.href = ADDRESS + set.id;
    if (set.id === this.#openId) link.setAttribute('aria-current', 'page');
    const name = document.createElement('span');
    name.className = 'set-name';
    name.dir = 'auto';
    name.textContent = titleOf(set);
    const more = document.createElement('span');
    more.className = 'set-more';
    const when = set.created_ms === undefined ? 'on this device' : `created ${dayInWords(set.created_ms)}`;
    more.textContent = kept?.waiting ? `${counted(kept.waiting)} not sent yet` : when;
    more.classList.toggle('set-waits', Boolean(kept?.waiting));
    link.append(name, ' ', more);
    item.append(link);
    return item;
  }

  async #createNamed() {
    const { name, problem } = readSetName(this.#find('set-name').value);
    if (problem) return this.#explain(problem);
    const button = this.#find('create').querySelector('button');
    if (button.getAttribute('aria-disabled') === 'true') return;
    button.setAttribute('aria-disabled', 'true'); // not `disabled`: that would take the focus away
    const id = await this.create(name);
    button.setAttribute('aria-disabled', 'false');
    if (id === null) return;
    this.#find('set-name').value = '';
    this.#onCreated(id);
  }

  /**
   * Creates a set, and explains it if that fails.
   * @param {string} name
   * @returns {Promise<string | null>} its id
   */
  async create(name) {
    if (this.#wanted?.name !== name) this.#wanted = { id: randomHex(16), name };
    try {
      const { id, created_ms } = await createSet(this.#wanted);
      this.#wanted = null;
      this.#listed = new Map([[id, { id, name, created_ms }], ...this.#listed]);
      this.#find('search-sets').value = '';
      this.#explain('');
      this.draw();
      return id;
    } catch (error) {
      this.#explain(setsFailureInWords(error));
      return null;
    }
  }

  #explain(problem) {
    const field = this.#find('set-name');
    this.#find('create-error').textContent = problem;
    if (problem === '') return field.removeAttribute('aria-invalid');
    field.setAttribute('aria-invalid', 'true');
    field.focus();
  }

  #onSearchKey(event) {
    const search = this.#find('search-sets');
    const first = this.#find('sets').querySelector('a');
    if (event.key === 'ArrowDown') first?.focus();
    else if (event.key === 'Enter') first?.click();
    else if (event.key === 'Escape') search.value = '';
    else return;
    event.preventDefault();
    this.draw();
  }

  #onListKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    const links = [...this.#find('sets').querySelectorAll('a')];
    const to = links.indexOf(document.activeElement) + step;
    (to < 0 ? this.#find('search-sets') : links[to])?.focus();
    event.preventDefault();
  }
}
