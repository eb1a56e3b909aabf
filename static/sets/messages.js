import { counted } from '../shared/words.js';
import { clockInWords, keepingInWords, noticeInWords } from './words.js';

/** Notices that are shown one by one; of more, only the number. */
const NOTICES_SHOWN_MAX = 5;

/** What a replica has to tell besides its elements: what was not applied, its clock, its storage. */
export class SetMessages {
  #box;
  #open;
  #actions;
  /** What is shown, so that nothing is drawn, or read out, again. */ #shown = '';

  /**
   * @param {HTMLElement} box
   * @param {import('./open-replica.js').OpenReplica} open
   * @param {{onForget: () => void, onRescue: () => void}} actions what may be done with the copy of a set that is gone
   */
  constructor(box, open, actions) {
    this.#box = box;
    this.#open = open;
    this.#actions = actions;
  }

  draw() {
    const messages = this.#messages();
    const shown = JSON.stringify(messages.map(({ text, buttons }) => [text, buttons.map(([label]) => label)]));
    if (shown === this.#shown) return;
    this.#shown = shown;
    const focused = this.#box.contains(document.activeElement);
    this.#box.replaceChildren(...messages.map(createMessage));
    if (focused) (this.#box.querySelector('button') ?? document.getElementById('main')).focus();
  }

  #messages() {
    const { replica, sync, check, keeping, leftBehind } = this.#open;
    const messages = [];
    const tell = (tone, text, ...buttons) => text && messages.push({ tone, text, buttons });
    if (check.result?.isSame === false) {
      const text = 'This copy differs from the server’s, although both are at the same place.';
      tell('trouble', text, ['Fetch it anew', () => sync.fetchAnew()]);
    }
    if (sync.phase === 'gone' && replica.size > 0) {
      const { onRescue, onForget } = this.#actions;
      const text = 'What you see is the copy on this device.';
      tell('info', text, ['Make a new set of it', onRescue], ['Forget it', onForget]);
    }
    tell(keeping === 'refused' ? 'trouble' : 'info', keepingInWords(keeping));
    tell('info', clockInWords(replica.clock.offsetMs));
    if (leftBehind > 0) {
      const text = `${counted(leftBehind)} of another copy in this browser never reached the server. If that copy is not open in another tab, take over what it left.`;
      tell('info', text, ['Take over', () => this.#open.takeOver()]);
    }
    this.#tellNotices(tell);
    return messages;
  }

  #tellNotices(tell) {
    const { replica } = this.#open;
    const { notices, noticesDropped } = replica;
    const newestFirst = notices.slice(-NOTICES_SHOWN_MAX).reverse();
    for (const notice of newestFirst) {
      const { text, again } = noticeInWords(notice, replica.name);
      const repeat = () => {
        replica.dismiss(notice);
        replica[notice.op](notice.value);
      };
      const isPossible = again && replica.has(notice.value) !== (notice.op === 'add');
      const tone = again ? 'notice' : 'info'; // else all is as it was wanted
      tell(tone, text, ...(isPossible ? [[again, repeat]] : []), ['Dismiss', () => replica.dismiss(notice)]);
    }
    const rest = notices.length + noticesDropped - newestFirst.length;
    if (rest > 0) tell('notice', `And ${counted(rest, 'earlier notice')}.`, ['Dismiss all', () => replica.dismiss()]);
  }
}

function createMessage({ tone, text, buttons }) {
  const message = document.createElement('div');
  message.className = `message message-${tone}`;
  const words = document.createElement('p');
  words.textContent = text;
  message.append(words);
  for (const [label, act] of buttons) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'link';
    button.textContent = label;
    button.addEventListener('click', act);
    message.append(button);
  }
  return message;
}
