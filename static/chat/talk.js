import { createBubble, fillBubble, itemsOf } from './bubble.js';
import { PictureField } from './picture-field.js';
import { TYPING_SHOWN_MS } from './session.js';
import { UNSENT_MAX } from './model.js';
import { presenceInWords, readText } from './words.js';

/** So near the end, in pixels, somebody looks at the newest message; */
const END_PX = 48;
/** so near the beginning earlier messages are fetched. */
const BEGINNING_PX = 240;

/** One conversation: its messages, with earlier ones on scrolling, and the field for a new one. */
export class ChatTalk {
  #find;
  /** @type {import('./session.js').ChatSession | null} */ #session = null;
  /** The other's name as the address has it; null if no conversation is open. @type {string | null} */ #to = null;
  /** By key. @type {Map<string, HTMLElement>} */ #bubbles = new Map();
  #isAtEnd = true;
  #isAsking = false;
  /** Asking for earlier messages failed: the user asks again. */ #hasFailed = false;
  /** Conversations that were asked for though nothing is known of them. */ #asked = new Set();
  /** What was typed and not sent, by conversation. */ #drafts = new Map();
  /** Of the last message that was drawn. */ #lastKey;
  #pictures;
  #typingTimer;
  #onVisible = () => this.draw();

  /** @param {(id: string) => HTMLElement} find */
  constructor(find) {
    this.#find = find;
    const field = find('chat-text');
    this.#pictures = new PictureField(find, {
      token: () => this.#session?.token,
      send: (to, text, picture) => this.#session?.write(to, text, picture) ?? false,
      explain: (problem) => setText(find('chat-send-error'), problem),
      resized: () => this.#isAtEnd && this.#toEnd(),
    });
    find('chat-send').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#write();
    });
    field.addEventListener('keydown', (event) => this.#onKey(event));
    field.addEventListener('input', () => this.#onInput());
    find('chat-scroll').addEventListener('scroll', () => this.#onScroll());
    find('chat-earlier').addEventListener('click', () => this.#earlier());
    find('chat-newest').addEventListener('click', () => {
      this.#toEnd();
      field.focus();
    });
    find('chat-messages').addEventListener('click', (event) => this.#onAction(event));
    document.addEventListener('visibilitychange', this.#onVisible);
  }

  end() {
    clearTimeout(this.#typingTimer);
    this.#pictures.end();
    document.removeEventListener('visibilitychange', this.#onVisible);
  }

  /** The conversation that is open, as names are compared. */
  get id() {
    return this.#to === null || !this.#session ? null : this.#session.model.idOf(this.#to);
  }

  /**
   * @param {import('./session.js').ChatSession | null} session
   * @param {string | null} to
   */
  open(session, to) {
    if (session === this.#session && to === this.#to) return;
    if (session !== this.#session) this.#pictures.end();
    if (session !== this.#session) this.#drafts.clear();
    else if (this.#to !== null) this.#drafts.set(this.#to, this.#find('chat-text').value);
    this.#session?.model.conversations.get(this.id)?.trim();
    [this.#session, this.#to] = [session, to];
    this.#find('chat-messages').replaceChildren();
    this.#bubbles.clear();
    this.#asked.clear();
    this.#hasFailed = false;
    this.#isAtEnd = true;
    this.#find('chat-text').value = this.#drafts.get(to) ?? '';
    this.#pictures.open(to);
    this.#find('chat-send-error').textContent = '';
    this.showTyping(null);
    this.#fitField();
    this.draw();
  }

  focus() {
    this.#find('chat-text').focus();
  }

  draw() {
    if (this.#session === null || this.#to === null) return;
    const { model } = this.#session;
    const conversation = model.find(this.#to);
    setText(this.#find('chat-with'), conversation?.name ?? this.#to);
    this.#drawPresence(this.id === model.user ? undefined : model.isOnline(this.id));
    this.#drawMessages(itemsOf(model, this.id));
    this.#drawBeginning(conversation);
    this.#find('chat-newest').hidden = this.#isAtEnd;
    this.#fetchIfNeeded(conversation);
    this.#markRead(conversation);
  }

  #drawPresence(isOnline) {
    const element = this.#find('chat-presence');
    setText(element, presenceInWords(isOnline));
    element.classList.toggle('is-online', isOnline === true);
  }

  /** @param {string | null} from who is typing; nobody: null */
  showTyping(from) {
    clearTimeout(this.#typingTimer);
    const isOther = from !== null && from === this.id;
    setText(this.#find('chat-typing'), isOther ? 'is typing…' : '');
    if (isOther) this.#typingTimer = setTimeout(() => this.showTyping(null), TYPING_SHOWN_MS);
  }

  #drawMessages(items) {
    const list = this.#find('chat-messages');
    const scroll = this.#find('chat-scroll');
    const anchor = this.#anchor();
    const gone = new Set(this.#bubbles.keys());
    let isOwnNew = false;
    items.forEach((item, index) => {
      gone.delete(item.key);
      let bubble = this.#bubbles.get(item.key);
      if (!bubble) {
        this.#bubbles.set(item.key, (bubble = createBubble(item)));
        isOwnNew ||= item.mark === 'waiting';
      }
      fillBubble(bubble, item);
      if (list.children[index] !== bubble) list.insertBefore(bubble, list.children[index] ?? null);
    });
    for (const key of gone) {
      this.#bubbles.get(key).remove();
      this.#bubbles.delete(key);
    }
    const last = items.at(-1);
    if (last && !last.isOwn && last.key !== this.#lastKey) this.showTyping(null);
    this.#lastKey = last?.key;
    if (this.#isAtEnd || isOwnNew) this.#toEnd();
    else if (anchor?.bubble.isConnected) scroll.scrollTop += anchor.bubble.offsetTop - anchor.top;
  }

  /** A message on the screen that has to stay where it is when others come before it. */
  #anchor() {
    const top = this.#find('chat-scroll').scrollTop;
    const shown = [...this.#bubbles.values()].filter((bubble) => bubble.dataset.seq);
    const bubble = shown.sort((a, b) => a.dataset.seq - b.dataset.seq).find((each) => each.offsetTop >= top);
    return bubble && { bubble, top: bubble.offsetTop };
  }

  #drawBeginning(conversation) {
    const isEmpty = !conversation?.last && this.#session.model.unsentTo(this.id).length === 0;
    const isKnown = conversation?.isWhole && conversation.last !== undefined;
    const text = this.#isAsking
      ? 'Loading earlier messages…'
      : isEmpty
        ? 'No messages yet. Write the first one.'
        : isKnown
          ? 'This is the beginning.'
          : '';
    setText(this.#find('chat-before'), text);
    this.#find('chat-earlier').hidden = !this.#hasFailed || this.#isAsking;
  }

  /** Nothing is asked for twice: what failed is left to the user. */
  #fetchIfNeeded(conversation) {
    if (this.#isAsking || this.#hasFailed || this.#session.phase !== 'live') return;
    if (conversation?.last) {
      if (!conversation.isWhole && this.#find('chat-scroll').scrollTop < BEGINNING_PX) this.#earlier();
    } else if (!this.#asked.has(this.#to)) {
      this.#asked.add(this.#to);
      this.#earlier();
    }
  }

  async #earlier() {
    const [session, to] = [this.#session, this.#to];
    this.#isAsking = true;
    this.#drawBeginning(session.model.find(to));
    const before = session.model.find(to)?.firstSeq ?? 0;
    const hasCome = await session.history(to, before);
    this.#isAsking = false;
    // An answer that brings nothing would be asked for again and again.
    const isStuck = before > 0 && session.model.find(to)?.firstSeq === before;
    if (session === this.#session && to === this.#to) this.#hasFailed = (!hasCome || isStuck) && session.phase === 'live';
    this.draw();
  }

  #markRead(conversation) {
    if (!conversation || !this.#isAtEnd || document.visibilityState !== 'visible') return;
    const { user } = this.#session.model;
    const seen = conversation.messages.findLast(({ from }) => from !== user)?.seq ?? 0;
    if (seen > conversation.read) this.#session.read(conversation.id, seen);
  }

  #write() {
    const field = this.#find('chat-text');
    const isPicture = this.#pictures.hasPicture && field.value.trim() === '';
    const { text, problem } = isPicture ? { text: '' } : readText(field.value);
    this.#explain(problem ?? '');
    if (text === undefined) return field.focus();
    if (this.#session.model.unsent.length >= UNSENT_MAX) {
      return this.#explain(`${UNSENT_MAX} messages wait to be sent. Wait until there is a connection.`);
    }
    const picture = this.#pictures.take(text);
    if (picture === undefined) return field.focus();
    if (picture !== 'later') this.#session.write(this.#to, text, picture ?? undefined);
    field.value = '';
    this.#fitField();
    field.focus();
  }

  #explain(problem) {
    this.#find('chat-send-error').textContent = problem;
    if (problem === '') this.#find('chat-text').removeAttribute('aria-invalid');
    else this.#find('chat-text').setAttribute('aria-invalid', 'true');
  }

  #onKey(event) {
    // While a word is being composed, Enter belongs to that.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#write();
  }

  #onInput() {
    this.#explain('');
    this.#fitField();
    if (this.#find('chat-text').value.trim() !== '' && this.id !== this.#session.model.user) this.#session.typing(this.#to);
  }

  #onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#find('chat-scroll');
    const isAtEnd = scrollHeight - clientHeight - scrollTop < END_PX;
    const hasMoved = isAtEnd !== this.#isAtEnd;
    this.#isAtEnd = isAtEnd;
    if (hasMoved || scrollTop < BEGINNING_PX) this.draw();
  }

  #toEnd() {
    const scroll = this.#find('chat-scroll');
    scroll.scrollTop = scroll.scrollHeight;
    this.#isAtEnd = true;
    this.#find('chat-newest').hidden = true;
  }

  #onAction(event) {
    const action = event.target.closest('button')?.dataset.action;
    const messageId = event.target.closest('[data-message-id]')?.dataset.messageId;
    const unsent = this.#session.model.unsent.find(({ message_id }) => message_id === messageId);
    if (!action || !unsent) return;
    if (action === 'again') this.#session.writeAgain(unsent);
    else this.#session.discard(messageId);
    this.focus();
  }

  /** As many lines as there are, up to what the style allows. */
  #fitField() {
    const field = this.#find('chat-text');
    field.style.height = '';
    field.style.height = `${field.scrollHeight + 2}px`;
    if (this.#isAtEnd) this.#toEnd();
  }
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
