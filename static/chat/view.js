/** The chat view: log in with a name, see the conversations, write and read, with and without a connection. */
import { ADDRESS, ChatList } from './list.js';
import { markup } from './markup.js';
import { ChatModel, foldName } from './model.js';
import { ChatSession } from './session.js';
import { ChatStore } from './store.js';
import { ChatTalk } from './talk.js';
import { counted, loginFailureInWords, readUsername, standingInWords } from './words.js';
import { oncePerFrame } from '../shared/frame.js';
import { SeveralConnections } from '../shared/several-connections.js';
import { connect } from '../tercet.js';

/** Where a tab remembers who it is: two tabs can be two people. */
const WHO = 'tercet.chat.who';

export const chat = {
  id: 'chat',
  title: 'Chat',
  mount(main) {
    main.innerHTML = markup;
    const view = new ChatView(main);
    return { connection: view.connection, unmount: () => view.end() };
  },
};

class ChatView {
  /** The one connection, which is another one after each logout. */ connection = new SeveralConnections();
  #find;
  #own;
  #store = new ChatStore();
  /** @type {ChatSession | null} */ #session = null;
  /** Whether the server has said that this is who it is, now or before. */ #isKnown = false;
  #list;
  #talk;
  #focusNext = false;
  #draw = oncePerFrame(() => this.#drawNow());
  #onAddress = () => {
    this.#focusNext = true;
    this.#draw();
  };

  constructor(root) {
    this.#find = (id) => root.querySelector(`#${id}`);
    this.#list = new ChatList(this.#find('chat-list'));
    this.#talk = new ChatTalk(this.#find);
    this.#find('chat-login').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#login();
    });
    this.#find('chat-start').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#startConversation();
    });
    this.#find('chat-leave').addEventListener('click', () => this.#logout());
    this.#find('chat-older').addEventListener('click', () => this.#session.older());
    addEventListener('hashchange', this.#onAddress);
    this.#connect();
    const who = rememberedWho();
    if (who) this.#begin(who, true);
    this.#draw();
  }

  end() {
    removeEventListener('hashchange', this.#onAddress);
    this.#session?.end();
    this.#session = null;
    this.#talk.end();
    this.#own.close();
  }

  #connect() {
    const before = this.#own;
    this.#own = connect('/ws/chat');
    this.connection.add(this.#own);
    if (!before) return;
    this.connection.remove(before);
    before.close();
  }

  #login() {
    const { name, problem } = readUsername(this.#find('chat-name').value);
    this.#explainLogin(problem ?? '');
    if (name === undefined) return;
    const token = this.#find('chat-token').value.trim() || undefined;
    this.#begin({ name, user: foldName(name), token }, false);
  }

  /** `isKnown`: the server has confirmed this user before, so that what is kept can be shown without a connection. */
  #begin({ name, user, token }, isKnown) {
    this.#session?.end();
    this.#isKnown = isKnown;
    if (this.#own.state === 'stopped') this.#own.reconnectNow(); // the server asked for a new login
    const session = new ChatSession(this.#own, {
      login: { username: name, ...(token && { token }) },
      model: new ChatModel(user),
      store: this.#store,
    });
    this.#session = session;
    session.addEventListener('change', this.#draw);
    session.addEventListener('typing', ({ detail }) => this.#talk.showTyping(detail));
    session.addEventListener('login', ({ detail }) => {
      const confirmed = { name, user: detail.user, token };
      rememberWho(confirmed);
      if (detail.user !== user) return this.#begin(confirmed, true);
      if (!this.#isKnown) this.#focusNext = true;
      this.#isKnown = true;
      this.#draw();
    });
    this.#draw();
  }

  #logout() {
    const waiting = this.#session.model.unsent.filter(({ seq }) => !seq).length;
    const { user } = this.#session.model;
    this.#session.end();
    this.#session = null;
    this.#store.forget(user);
    rememberWho(null);
    this.#connect();
    location.hash = ADDRESS.slice(0, -1);
    this.#find('chat-name').value = this.#find('chat-token').value = '';
    this.#explainLogin(
      waiting > 0 ? `${counted(waiting, 'message')} not sent yet. They are kept here until you log in again.` : '',
    );
    this.#drawNow();
    this.#find('chat-name').focus();
  }

  /** The login did not work: the form says why, with what was typed. */
  #refused() {
    const { trouble, name } = this.#session;
    this.#session.end();
    this.#session = null;
    rememberWho(null);
    if (trouble.code === 'expired') this.#find('chat-token').value = '';
    const token = this.#find('chat-token').value.trim();
    if (trouble.code === 'unauthorized' || trouble.code === 'expired') {
      this.#find('chat-token-field').hidden = false;
      this.#find('chat-login-hint').textContent = 'It holds for this tab: in another one you can be somebody else.';
    }
    this.#find('chat-name').value = name;
    this.#explainLogin(loginFailureInWords(trouble, token !== ''));
  }

  #explainLogin(problem) {
    this.#find('chat-login-error').textContent = problem;
  }

  #startConversation() {
    const field = this.#find('chat-to');
    const { name, problem } = readUsername(field.value);
    this.#find('chat-start-error').textContent = problem ?? '';
    if (name === undefined) return field.focus();
    field.value = '';
    const address = ADDRESS + encodeURIComponent(this.#session.model.find(name)?.id ?? name);
    if (location.hash === address) this.#talk.focus();
    else location.hash = address;
  }

  #drawNow() {
    if (!this.#own || !this.#find('chat-login')?.isConnected) return;
    if (this.#session?.phase === 'refused') this.#refused();
    const isIn = this.#session !== null && this.#isKnown;
    const to = isIn ? readAddress() : null;
    this.#find('chat-login').hidden = isIn;
    this.#find('chat-home').hidden = !isIn;
    this.#find('chat-talk').hidden = to === null;
    this.#find('chat-pick').hidden = !isIn || to !== null;
    this.#find('chat-login').parentElement.classList.toggle('is-open', to !== null);
    this.#find('chat-enter').textContent = this.#session && !isIn ? 'Logging in…' : 'Log in';
    this.#talk.open(isIn ? this.#session : null, to);
    if (isIn) this.#drawHome();
    else document.title = 'Chat · Tercet';
    this.#talk.draw();
    if (this.#focusNext && to !== null) this.#talk.focus();
    this.#focusNext = false;
  }

  #drawHome() {
    const { model, phase, trouble, name, unkept } = this.#session;
    setText(this.#find('chat-home-title'), name);
    this.#list.show(model, this.#talk.id);
    this.#session.show([this.#talk.id, ...model.home.map(({ id }) => id)]);
    const unsent = model.unsent.filter(({ seq, refused }) => !seq && !refused).length;
    setText(this.#find('chat-standing'), standingInWords({ phase, trouble, unsent, unkept }));
    this.#find('chat-older').hidden = model.next === null || phase !== 'live';
    const isEmpty = model.home.length === 0;
    this.#find('chat-none').hidden = !isEmpty;
    this.#find('chat-nav').hidden = isEmpty;
    const empty = phase === 'live' ? 'No conversations yet. Start one with a name.' : 'Your conversations come with the connection.';
    setText(this.#find('chat-none'), empty);
    document.title = model.unread > 0 ? `(${model.unread}) Chat · Tercet` : 'Chat · Tercet';
  }
}

/** @returns {string | null} with whom the open conversation is */
function readAddress() {
  if (!location.hash.startsWith(ADDRESS)) return null;
  try {
    return readUsername(decodeURIComponent(location.hash.slice(ADDRESS.length))).name ?? null;
  } catch {
    return null; // not every text with a % in it is encoded
  }
}

/** @returns {{name: string, user: string, token?: string} | null} */
function rememberedWho() {
  try {
    const who = JSON.parse(sessionStorage.getItem(WHO));
    return typeof who?.name === 'string' && typeof who.user === 'string' ? who : null;
  } catch {
    return null;
  }
}

function rememberWho(who) {
  try {
    if (who) sessionStorage.setItem(WHO, JSON.stringify(who));
    else sessionStorage.removeItem(WHO);
  } catch {
    // Without storage the tab is asked again after a reload.
  }
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
