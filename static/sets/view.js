/** The sets view: pick or create a set, change it in one or two replicas, with and without a connection. */
import { oncePerFrame } from '../shared/frame.js';
import { openReplica } from './open-replica.js';
import { ReplicaStore } from './replica-store.js';
import { SetBoard } from './board.js';
import { differenceInWords } from './difference.js';
import { ADDRESS, SetPicker } from './picker.js';
import { markup } from './markup.js';
import { titleOf } from './words.js';
import { SeveralConnections } from '../shared/several-connections.js';

/** What the ids of sets are made of. */
const SET_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** What stands behind a set's id in the address when two replicas are shown. */
const TWO = '/two';

const SIDES = ['a', 'b'];

export const sets = {
  id: 'sets',
  title: 'Sets',
  mount(main) {
    main.innerHTML = markup;
    const view = new SetsView(main);
    return { connection: view.connection, unmount: () => view.end() };
  },
};

class SetsView {
  connection = new SeveralConnections();
  #find;
  #store = new ReplicaStore();
  #picker;
  /** The set that is shown, or null. */ #id = null;
  /** By side. @type {Map<string, {open: import('./open-replica.js').OpenReplica, board: SetBoard}>} */ #shown =
    new Map();
  /** Opening and closing take turns: a slot is let go of before it is taken again. */ #turn = Promise.resolve();
  #focusNext = false;
  #ended = false;
  #onAddress = () => this.#follow();
  #onKey = (event) => this.#shortcut(event);
  #draw = oncePerFrame(() => this.#drawNow());

  constructor(root) {
    this.#find = (id) => root.querySelector(`#${id}`);
    this.#picker = new SetPicker(root, this.#store, (id) => {
      this.#focusNext = true;
      location.hash = ADDRESS + id;
    });
    addEventListener('hashchange', this.#onAddress);
    document.addEventListener('keydown', this.#onKey);
    this.#follow();
  }

  end() {
    this.#ended = true;
    removeEventListener('hashchange', this.#onAddress);
    document.removeEventListener('keydown', this.#onKey);
    this.#picker.end();
    for (const side of [...this.#shown.keys()]) this.#close(side);
  }

  /** Shows what the address says. */
  #follow() {
    const { id, sides } = readAddress();
    // One turn that failed must not be the last.
    this.#turn = this.#turn.catch(() => {}).then(() => this.#show(id, sides));
  }

  async #show(id, sides) {
    if (this.#ended) return;
    for (const side of [...this.#shown.keys()]) if (id !== this.#id || !sides.includes(side)) this.#close(side);
    this.#id = id;
    this.#find('no-set').hidden = id !== null;
    this.#find('open').hidden = id === null;
    this.#find('open')
      .closest('.sets')
      .classList.toggle('is-open', id !== null);
    this.#picker.setOpen(id);
    // Somebody else may have created it since.
    if (id !== null && this.#picker.titleOf(id) === undefined) this.#picker.refresh();
    for (const side of id === null ? [] : sides) if (!this.#shown.has(side)) await this.#open(id, side);
    if (this.#focusNext) this.#shown.get('a')?.board.focus();
    this.#focusNext = false;
    this.#draw();
  }

  async #open(id, side) {
    const open = await openReplica(this.#store, id, side);
    if (this.#ended) return open.end();
    const actions = { onForget: () => this.#forget(), onRescue: () => this.#rescue(open.replica) };
    const board = new SetBoard(side, open, actions);
    open.addEventListener('change', () => {
      this.#draw();
      this.#picker.drawSoon();
    });
    this.#shown.set(side, { open, board });
    this.connection.add(open.sync);
    this.#find('boards').append(board.element);
  }

  #close(side) {
    const { open, board } = this.#shown.get(side);
    this.#shown.delete(side);
    this.connection.remove(open.sync);
    board.end();
    board.element.remove();
    open.end();
  }

  #forget() {
    const id = this.#id;
    for (const side of [...this.#shown.keys()]) this.#close(side);
    this.#store.forget(id);
    location.hash = ADDRESS.slice(0, -1);
    this.#picker.refresh();
  }

  /** Makes a new set of what a replica shows, because the server has it no more. */
  async #rescue(replica) {
    const values = [...replica.values()];
    const id = await this.#picker.create(replica.title || 'Rescued set');
    if (id === null) return;
    this.#picker.refresh();
    location.hash = ADDRESS + id;
    this.#follow();
    await this.#turn;
    for (const value of values) this.#shown.get('a')?.open.replica.add(value);
  }

  #drawNow() {
    if (this.#ended || this.#id === null) return;
    const replicas = [...this.#shown.values()].map(({ open }) => open.replica);
    const name = replicas.map(({ title }) => title).find(Boolean);
    const title = name ?? this.#picker.titleOf(this.#id) ?? titleOf({ id: this.#id, name: '' });
    if (this.#find('open-title').textContent !== title) this.#find('open-title').textContent = title;
    const isTwo = replicas.length === SIDES.length;
    for (const [side, { board }] of this.#shown) board.setTitle(isTwo ? `Replica ${side.toUpperCase()}` : 'This tab');
    this.#find('boards').classList.toggle('are-two', isTwo);
    this.#find('sides').textContent = isTwo ? 'Show one replica' : 'Show two replicas';
    this.#find('sides').href = ADDRESS + this.#id + (isTwo ? '' : TWO);
    this.#find('difference').hidden = !isTwo;
    if (!isTwo) return;
    const { isSame, text } = differenceInWords(...replicas);
    this.#find('difference').classList.toggle('is-same', isSame);
    if (this.#find('difference').textContent !== text) this.#find('difference').textContent = text;
  }

  #shortcut(event) {
    const typing = event.target.closest?.('input, textarea, select, [contenteditable]');
    if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const board = this.#shown.get('a')?.board;
    if (board) board.focusSearch();
    else this.#find('search-sets').focus();
  }
}

/** @returns {{id: string | null, sides: string[]}} */
function readAddress() {
  const { hash } = location;
  if (!hash.startsWith(ADDRESS)) return { id: null, sides: [] };
  const isTwo = hash.endsWith(TWO);
  const id = hash.slice(ADDRESS.length, isTwo ? -TWO.length : undefined);
  return SET_ID.test(id) ? { id, sides: isTwo ? SIDES : SIDES.slice(0, 1) } : { id: null, sides: [] };
}
