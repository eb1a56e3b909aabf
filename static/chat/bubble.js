import { createPicture, isPicture } from './picture-bubble.js';
import { dayInWords, markInWords, refusalInWords, timeInWords } from './words.js';

/** How far apart messages of one side may be and still stand together. */
const TOGETHER_MS = 5 * 60 * 1_000;

/**
 * @typedef {object} Item something in the list of messages
 * @property {string} key
 * @property {string} [day] in place of all else: a day begins
 * @property {number} [seq]
 * @property {string} [text]
 * @property {import('./picture.js').Picture} [picture]
 * @property {string} [name] of the other side
 * @property {string} [message_id]
 * @property {number} [ms]
 * @property {boolean} [isOwn]
 * @property {boolean} [goesOn] it stands together with the one before
 * @property {'waiting' | 'sent' | 'delivered' | 'read' | 'refused' | ''} [mark]
 * @property {import('./model.js').Unsent} [unsent]
 */

/**
 * What is to be seen of a conversation: days, messages, and behind them what is on its way.
 * @param {import('./model.js').ChatModel} model
 * @param {string} id
 * @returns {Item[]}
 */
export function itemsOf(model, id) {
  const conversation = model.conversations.get(id);
  const stored = (conversation?.messages ?? []).map(({ seq, from, text, picture, message_id, sent_ms }) => {
    const isOwn = from === model.user;
    const mark = isOwn ? markOf(seq, id === model.user ? {} : conversation) : '';
    return { key: `${seq}`, seq, text, picture, message_id, ms: sent_ms, isOwn, mark, name: conversation.name };
  });
  const onTheWay = model.unsentTo(id).map((unsent) => {
    const { message_id, text, picture, written_ms, seq, refused } = unsent;
    const mark = refused ? 'refused' : seq ? 'sent' : 'waiting';
    return { key: message_id, text, picture, message_id, ms: written_ms, isOwn: true, mark, unsent };
  });
  const items = [];
  let before = null;
  for (const item of [...stored, ...onTheWay]) {
    const day = dayInWords(item.ms);
    if (before === null || day !== dayInWords(before.ms)) items.push({ key: `day before ${item.key}`, day });
    else item.goesOn = before.isOwn === item.isOwn && item.ms - before.ms < TOGETHER_MS;
    items.push(item);
    before = item;
  }
  return items;
}

/** How far a message of one's own has come. */
function markOf(seq, { receipt = 0, delivered = 0 }) {
  return seq <= receipt ? 'read' : seq <= delivered ? 'delivered' : 'sent';
}

/** @param {Item} item */
export function createBubble(item) {
  const bubble = document.createElement('li');
  if (item.day !== undefined) {
    bubble.className = 'chat-day';
    return bubble;
  }
  bubble.className = item.isOwn ? 'chat-message is-own' : 'chat-message';
  bubble.dataset.messageId = item.message_id;
  const text = document.createElement('p');
  text.className = 'chat-message-text';
  text.dir = 'auto';
  text.textContent = item.text;
  const foot = document.createElement('p');
  foot.className = 'chat-message-foot';
  for (const part of ['time', 'mark']) {
    const span = document.createElement('span');
    span.className = `chat-message-${part}`;
    foot.append(span, ' ');
  }
  if (isPicture(item.picture)) bubble.append(createPicture(item.picture, item.isOwn ? 'Picture from you' : `Picture from ${item.name}`));
  bubble.append(text, foot);
  return bubble;
}

/** Shows what may change about a message. */
export function fillBubble(bubble, item) {
  if (item.day !== undefined) {
    if (bubble.textContent !== item.day) bubble.textContent = item.day;
    return;
  }
  bubble.classList.toggle('goes-on', item.goesOn ?? false);
  if (item.seq) bubble.dataset.seq = item.seq;
  if (bubble.dataset.mark === item.mark) return;
  bubble.dataset.mark = item.mark;
  const foot = bubble.lastElementChild;
  const [time, mark] = foot.children;
  time.textContent = timeInWords(item.ms);
  mark.textContent = item.mark === 'refused' ? refusalInWords(item.unsent.refused) : (markInWords(item.mark) ?? '');
  foot.querySelectorAll('button').forEach((button) => button.remove());
  if (item.mark === 'refused') foot.append(createButton('Send again', 'again'), ' ', createButton('Discard', 'discard'));
}

function createButton(text, action) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'chat-link';
  button.dataset.action = action;
  button.textContent = text;
  return button;
}
