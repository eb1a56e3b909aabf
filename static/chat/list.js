import { messageInWords } from './picture-bubble.js';
import { presenceInWords, whenInWords } from './words.js';

/** How the address of a conversation begins. */
export const ADDRESS = '#chat/';

/** The list of conversations: who and whether online, the last message, whose it is, when, and how many were not read. */
export class ChatList {
  #list;
  /** By conversation. @type {Map<string, HTMLElement>} */ #rows = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
    list.addEventListener('keydown', (event) => this.#onKey(event));
  }

  /**
   * @param {import('./model.js').ChatModel} model
   * @param {string | null} openId
   */
  show(model, openId) {
    const { home } = model;
    const gone = new Set(this.#rows.keys());
    home.forEach((conversation, index) => {
      const { id } = conversation;
      gone.delete(id);
      if (!this.#rows.has(id)) this.#rows.set(id, createRow(id));
      const row = this.#rows.get(id);
      fill(row, conversation, model);
      const link = row.firstElementChild;
      if (id === openId) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
      if (this.#list.children[index] !== row) this.#move(row, index);
    });
    for (const id of gone) {
      this.#rows.get(id).remove();
      this.#rows.delete(id);
    }
  }

  /** Whoever is on a row with the keyboard stays there when it moves. */
  #move(row, index) {
    const isFocused = row.contains(document.activeElement);
    this.#list.insertBefore(row, this.#list.children[index] ?? null);
    if (isFocused) row.firstElementChild.focus();
  }

  #onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    const links = [...this.#list.querySelectorAll('a')];
    links[links.indexOf(document.activeElement) + step]?.focus();
    event.preventDefault();
  }
}

function createRow(id) {
  const row = document.createElement('li');
  const link = document.createElement('a');
  link.href = ADDRESS + encodeURIComponent(id);
  link.dataset.with = id;
  for (const part of ['name', 'when', 'last', 'unread', 'presence']) {
    const span = document.createElement('span');
    span.className = `chat-row-${part}`;
    if (part !== 'when' && part !== 'presence') span.dir = 'auto';
    link.append(span, ' ');
  }
  row.append(link);
  return row;
}

function fill(row, { id, name, last, unread }, model) {
  const onItsWay = model.unsentTo(id).at(-1);
  const isOwn = onItsWay !== undefined || last.from === model.user;
  const lastText = messageInWords(onItsWay ?? last);
  const [nameSpan, when, text, count, presence] = row.firstElementChild.children;
  setText(nameSpan, name);
  setText(when, whenInWords(onItsWay?.written_ms ?? last.sent_ms));
  setText(text, isOwn ? `You: ${lastText}` : lastText);
  setText(count, unread > 0 ? String(unread) : '');
  // Only who is online has a dot; what it means is there to be read, too.
  setText(presence, model.isOnline(id) && id !== model.user ? presenceInWords(true) : '');
  if (unread > 0) count.setAttribute('aria-label', `${unread} not read`);
  else count.removeAttribute('aria-label');
  row.firstElementChild.classList.toggle('has-unread', unread > 0);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
