import { elementCells, isAtRemover } from './row.js';
import { oncePerFrame } from '../shared/frame.js';
import { Lately } from '../shared/lately.js';
import { Listing } from '../shared/listing.js';
import { Search } from '../shared/search.js';
import { SetMessages } from './messages.js';
import { boardMarkup } from './markup.js';
import { counted, grouped, quoted, timeInWords, visible } from '../shared/words.js';
import { checkInDetail, checkInWords, readValue, standingInWords, whoInWords } from './words.js';
import { SortedValues } from './sorted-values.js';

/** Waiting operations that are shown one by one; of more, only the number. */
const WAITING_SHOWN_MAX = 8;

/** Shows one replica of a set, and lets it be changed. */
export class SetBoard {
  element;
  #open;
  #find;
  #listing;
  #lately;
  #messages;
  #search = new Search(visible);
  #sorted = new SortedValues();
  /** Changes that are not drawn yet, in their order. */ #changes = [];
  #isAllNew = true;
  #shownQuery = '';
  /** Whose row to scroll to as soon as it is there. */ #awaited = null;
  /** What "Undo" takes back. */ #undoable = null;
  #draw = oncePerFrame(() => this.#drawNow());

  /**
   * @param {string} side
   * @param {import('./open-replica.js').OpenReplica} open
   * @param {{onForget: () => void, onRescue: () => void}} actions see {@link SetMessages}
   */
  constructor(side, open, actions) {
    const holder = document.createElement('div');
    holder.innerHTML = boardMarkup(side);
    this.element = holder.firstElementChild;
    this.#open = open;
    this.#find = (name) => this.element.querySelector(`[data-is="${name}"]`);
    const { replica } = open;
    this.#listing = new Listing(this.#find('listing'), {
      keyOf: (value) => value,
      createCells: elementCells(replica),
      onPick: (value, event) => isAtRemover(event) && this.#remove(value),
      onKey: (value, { key }) => (key === 'Delete' || key === 'Backspace') && (this.#remove(value), true),
      onActive: this.#draw,
    });
    const inWords = ({ value, has, by }) => ({
      name: value,
      shown: visible(value),
      text: `${has ? 'added' : 'removed'} by ${whoInWords(by, replica.name)}`,
      gone: !has,
    });
    this.#lately = new Lately(this.#find('lately'), inWords, (value) => this.#revealAnyway(value));
    this.#messages = new SetMessages(this.#find('messages'), open, actions);
    replica.addEventListener('change', ({ detail }) => this.#note(detail));
    open.addEventListener('change', this.#draw);
    this.#wire();
    this.#draw();
  }

  setTitle(title) {
    setText(this.element.querySelector('h3'), title);
  }

  /** Puts the keyboard where elements are added. */
  focus() {
    this.#find('value').focus();
  }

  focusSearch() {
    this.#find('search').focus();
    this.#find('search').select();
  }

  end() {
    this.#listing.end();
  }

  #note({ values, isAll }) {
    this.#changes.push(...values);
    this.#isAllNew ||= isAll;
    this.#draw();
  }

  #drawNow() {
    const { replica } = this.#open;
    const changes = this.#changes.splice(0);
    if (this.#isAllNew) this.#sorted.reset(replica.values());
    else this.#sorted.change(new Map(changes.map(({ value, has }) => [value, has])));
    this.#isAllNew = false;
    const query = this.#find('search').value;
    const matches = this.#search.filter(this.#sorted.values, query);
    this.#listing.show(matches, { changed: changes.map(({ value }) => value), fromTop: query !== this.#shownQuery });
    this.#shownQuery = query;
    this.#lately.add(changes);
    this.#drawStanding();
    this.#drawWaiting();
    this.#messages.draw();
    this.#drawCount(matches.length, query);
    if (this.#awaited !== null && replica.has(this.#awaited)) {
      this.#listing.reveal(this.#awaited);
      this.#awaited = null;
    }
    this.#drawSelected();
  }

  #drawStanding() {
    const { replica, sync, check } = this.#open;
    setText(this.#find('name'), replica.name);
    this.#find('offline').checked = replica.offline;
    const { phase, trouble } = sync;
    const { mark, text } = standingInWords({ phase, waiting: replica.waiting.length, trouble });
    const { result } = check;
    const isSame = mark === 'ok' && result?.isSame;
    this.#find('standing').dataset.mark = isSame ? 'same' : result?.isSame === false ? 'trouble' : mark;
    setText(this.#find('standing-text'), text);
    const isChecked = mark === 'ok' && result !== null;
    setText(this.#find('digest'), isChecked ? checkInWords(result) : '');
    this.#find('digest').title = isChecked ? checkInDetail(result) : '';
  }

  #drawWaiting() {
    const { waiting } = this.#open.replica;
    this.#find('waiting').hidden = waiting.length === 0;
    if (waiting.length === 0) return;
    setText(this.#find('waiting-title'), `${counted(waiting.length)} not sent yet`);
    const lines = waiting.slice(-WAITING_SHOWN_MAX).map(({ op, value }) => ({ op, text: visible(value) }));
    const rest = waiting.length - lines.length;
    if (rest > 0) lines.push({ op: '', text: `and ${counted(rest, 'earlier one')}` });
    const list = this.#find('waiting-list');
    const key = JSON.stringify(lines);
    if (list.dataset.shown === key) return;
    list.dataset.shown = key;
    list.replaceChildren(...lines.map(createWaitingLine));
  }

  #drawCount(matching, query) {
    const { replica, sync } = this.#open;
    const { size } = replica;
    const isSearching = query.trim() !== '';
    const isKnown = replica.cursor !== null || size > 0;
    const all = counted(size, 'element');
    setText(this.#find('count'), !isKnown ? '' : isSearching ? `${grouped(matching)} of ${all}` : all);
    const text =
      matching > 0
        ? ''
        : isSearching && size > 0
          ? `No element has “${query.trim()}” in it.`
          : isKnown
            ? 'Nothing in this set yet. Type above, and press Enter.'
            : sync.phase === 'offline'
              ? 'This device has no copy of the set yet. What you add waits until you are online.'
              : sync.phase === 'gone'
                ? ''
                : 'The elements appear here as soon as the server answers.';
    setText(this.#find('empty'), text);
    this.element.classList.toggle('is-gone', sync.phase === 'gone');
    this.element.classList.toggle('is-empty', matching === 0);
    this.element.classList.toggle('is-small', size < 8 && !isSearching);
  }

  #drawSelected() {
    const { replica } = this.#open;
    const value = this.#listing.active;
    this.#find('selected').hidden = value === undefined;
    if (value === undefined) return;
    const [ms, by] = replica.get(value)?.stamp ?? [];
    if (ms === undefined) return;
    setText(
      this.#find('selected-text'),
      `${quoted(value)} was added by ${whoInWords(by, replica.name)} at ${timeInWords(ms)}.`,
    );
    this.#find('remove').setAttribute('aria-label', `Remove ${quoted(value)}`);
  }

  #wire() {
    const { sync, replica } = this.#open;
    this.#find('offline').addEventListener('change', ({ target }) => sync.setOffline(target.checked));
    this.element.querySelector('form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#add();
    });
    this.#find('value').addEventListener('input', () => this.#settle());
    this.#find('value').addEventListener('keydown', (event) => {
      if (event.key !== 'ArrowDown') return;
      event.preventDefault();
      this.#listing.focus();
    });
    this.#find('undo').addEventListener('click', () => {
      const { op, value } = this.#undoable;
      this.#settle();
      replica[op](value);
      this.focus();
    });
    this.#find('remove').addEventListener('click', () => {
      this.#remove(this.#listing.active);
      this.#listing.focus();
    });
    const search = this.#find('search');
    search.addEventListener('input', this.#draw);
    search.addEventListener('keydown', (event) => {
      if (event.key === 'ArrowDown') this.#listing.focus();
      else if (event.key === 'Escape') this.#clearSearch();
      else return;
      event.preventDefault();
    });
    this.#find('listing').addEventListener('keydown', ({ key }) => key === 'Escape' && this.#clearSearch());
  }

  #clearSearch() {
    this.#find('search').value = '';
    this.#draw();
  }

  #add() {
    const field = this.#find('value');
    const { value, problem } = readValue(field.value);
    this.#settle();
    if (problem) return this.#refuse(problem);
    const outcome = this.#open.replica.add(value);
    if (outcome === 'full') return this.#refuse(FULL);
    if (outcome === 'done') this.#say(`${quoted(value)} is added.`, { op: 'remove', value });
    else this.#say(`${quoted(value)} is in the set already.`);
    field.value = '';
    this.#revealAnyway(value, { focus: false });
  }

  #remove(value) {
    this.#settle();
    const outcome = this.#open.replica.remove(value);
    if (outcome === 'full') this.#refuse(FULL);
    else if (outcome === 'done') this.#say(`${quoted(value)} is removed.`, { op: 'add', value });
  }

  #refuse(problem) {
    setText(this.#find('error'), problem);
    this.#find('value').setAttribute('aria-invalid', 'true');
    this.focus();
  }

  #say(text, undoable = null) {
    setText(this.#find('done'), text);
    this.#undoable = undoable;
    this.#find('undo').hidden = undoable === null;
    this.#find('hint').hidden = text !== '';
  }

  /** What was said belongs to something that is over. */
  #settle() {
    this.#say('');
    setText(this.#find('error'), '');
    this.#find('value').removeAttribute('aria-invalid');
  }

  /** Also if the search hides it. */
  #revealAnyway(value, { focus = true } = {}) {
    if (this.#search.filter([value], this.#find('search').value).length === 0) this.#find('search').value = '';
    this.#awaited = value;
    this.#draw();
    if (focus) this.#listing.focus();
  }
}

const FULL = 'Too many changes wait already. Go online, so that they can be sent, then go on.';

function createWaitingLine({ op, text }) {
  const line = document.createElement('li');
  if (op) {
    const sign = document.createElement('b');
    sign.textContent = op === 'add' ? '+' : '−';
    sign.setAttribute('aria-label', op === 'add' ? 'add' : 'remove');
    sign.setAttribute('role', 'img');
    line.append(sign, ' ');
  }
  const name = document.createElement('bdi');
  name.textContent = text;
  line.append(name);
  return line;
}

/** What stays as it is is not read out again. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
