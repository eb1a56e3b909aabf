/**
 * The place for a picture beside the field for a message: it comes by a button, by pasting, or by dropping. It is uploaded at
 * once, and sent with the message. Each conversation has a place of its own; what is in one when the page is closed is lost.
 */
import { prepare } from './picture.js';
import { PictureUpload, uploadInWords } from './picture-upload.js';

/**
 * @typedef {object} Draft
 * @property {PictureUpload} upload
 * @property {string} [text] what is to be sent with it as soon as it is there
 * @property {string} name of the file
 */

export const pictureMarkup = `
  <div id="chat-picture" class="chat-draft" hidden>
    <img id="chat-picture-preview" class="chat-draft-preview" alt="">
    <div class="chat-draft-words">
      <p id="chat-picture-name" class="chat-draft-name" dir="auto"></p>
      <p id="chat-picture-state" class="chat-draft-state" role="status"></p>
      <progress id="chat-picture-progress" max="1" aria-label="Upload"></progress>
    </div>
    <button id="chat-picture-remove" class="quiet" type="button">Remove</button>
  </div>`;

export const pictureButtonMarkup = `
  <button id="chat-attach" class="quiet chat-attach" type="button" aria-label="Add a picture" title="Add a picture">
    <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" focusable="false">
      <rect x="3" y="5" width="18" height="14" rx="2.5"></rect><circle cx="8.5" cy="10" r="1.6"></circle>
      <path d="M4 17l5-4.5 3.5 3 3-2.5L20 17"></path></svg></button>
  <input id="chat-file" type="file" accept="image/png,image/jpeg,image/webp,image/gif" hidden tabindex="-1"
    aria-label="Picture">`;

export class PictureField {
  #find;
  #token;
  #send;
  #explain;
  #resized;
  /** By conversation. @type {Map<string, Draft>} */ #drafts = new Map();
  /** The open conversation. @type {string | null} */ #to = null;

  /**
   * @param {(id: string) => HTMLElement} find
   * @param {object} options
   * @param {() => string | undefined} options.token the proof of who uploads
   * @param {(to: string, text: string, picture: import('./picture.js').Picture) => boolean} options.send sends what had to wait,
   *   unless too much waits already
   * @param {(problem: string) => void} options.explain
   * @param {() => void} options.resized the place for a picture has come or gone
   */
  constructor(find, { token, send, explain, resized }) {
    [this.#find, this.#token, this.#send, this.#explain, this.#resized] = [find, token, send, explain, resized];
    find('chat-attach').addEventListener('click', () => find('chat-file').click());
    find('chat-file').addEventListener('change', ({ target }) => {
      this.#attach(target.files);
      target.value = '';
    });
    find('chat-picture-remove').addEventListener('click', () => this.#remove());
    find('chat-text').addEventListener('paste', (event) => {
      if (event.clipboardData?.files.length && this.#attach(event.clipboardData.files)) event.preventDefault();
    });
    this.#listenForDrops(find('chat-talk'));
  }

  /** Shows the place of another conversation. */
  open(to) {
    this.#to = to;
    this.#draw();
  }

  /** Gives up all that is here: another user comes. */
  end() {
    for (const { upload } of this.#drafts.values()) upload.end();
    this.#drafts.clear();
    this.#draw();
  }

  /**
   * What to do with a text that is to be sent now.
   * @returns {import('./picture.js').Picture | 'later' | null | undefined} the picture that goes with it; `later`: the text is
   *   kept here until the picture is uploaded; null: there is none; undefined: it cannot be sent
   */
  take(text) {
    const draft = this.#drafts.get(this.#to);
    if (!draft) return null;
    const { upload } = draft;
    if (upload.state === 'failed' || draft.text !== undefined) return undefined;
    if (upload.isPending) {
      draft.text = text;
      this.#draw();
      return 'later';
    }
    this.#drop(this.#to);
    return upload.picture;
  }

  /** Whether there is something here that may be sent without a text. */
  get hasPicture() {
    return this.#drafts.has(this.#to);
  }

  /** @param {FileList | File[]} files @returns {boolean} whether one was taken */
  #attach(files) {
    const pictures = [...files].filter(({ type }) => type === '' || type.startsWith('image/'));
    const [file] = pictures;
    if (!file || this.#to === null) {
      if (files.length > 0) this.#explain('Only pictures can be sent. Choose a PNG, JPEG, WebP or GIF file.');
      return false;
    }
    const [to, before] = [this.#to, this.#drafts.get(this.#to)];
    if (before?.text !== undefined) {
      this.#explain('Another picture is on its way. Wait until it is sent, or remove it.');
      return true;
    }
    before?.upload.end();
    this.#explain(pictures.length > 1 ? 'A message carries one picture: the first one is here.' : '');
    const upload = new PictureUpload(prepare(file), this.#token());
    const draft = { upload, name: file.name };
    this.#drafts.set(to, draft);
    upload.addEventListener('change', () => this.#onChange(to, draft));
    this.#draw();
    this.#find('chat-text').focus();
    return true;
  }

  #onChange(to, draft) {
    const { upload, text } = draft;
    if (text !== undefined && upload.state === 'done') {
      delete draft.text;
      if (this.#send(to, text, upload.picture)) this.#drop(to);
      else this.#giveBack(to, text);
    } else if (text !== undefined && upload.state === 'failed') {
      delete draft.text;
      this.#giveBack(to, text);
    }
    if (to === this.#to) this.#draw();
  }

  #remove() {
    const { upload, text } = this.#drafts.get(this.#to) ?? {};
    upload?.end();
    this.#drop(this.#to);
    if (text !== undefined) this.#giveBack(this.#to, text);
    this.#explain('');
    this.#find('chat-text').focus();
  }

  /** What was to be sent with a picture that will not be there goes back to where it was written. */
  #giveBack(to, text) {
    const field = this.#find('chat-text');
    if (to === this.#to && field.value === '') {
      field.value = text;
      field.dispatchEvent(new Event('input'));
    }
  }

  #drop(to) {
    this.#drafts.delete(to);
    this.#draw();
  }

  #draw() {
    const draft = this.#drafts.get(this.#to);
    const place = this.#find('chat-picture');
    if (place.hidden === Boolean(draft)) {
      place.hidden = !draft;
      this.#resized();
    }
    if (!draft) return;
    const { upload, name, text } = draft;
    place.dataset.state = upload.state;
    const preview = this.#find('chat-picture-preview');
    preview.hidden = upload.preview === null;
    if (upload.preview !== null && preview.src !== upload.preview) preview.src = upload.preview;
    setText(this.#find('chat-picture-name'), name || 'Picture');
    setText(this.#find('chat-picture-state'), uploadInWords(upload, text !== undefined));
    const progress = this.#find('chat-picture-progress');
    progress.hidden = !upload.isPending;
    if (upload.state === 'sending' && upload.progress < 1) progress.value = upload.progress;
    else progress.removeAttribute('value');
  }

  #listenForDrops(target) {
    const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
    const show = (isOver) => target.classList.toggle('is-dropping', isOver);
    target.addEventListener('dragover', (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      show(true);
    });
    target.addEventListener('dragleave', (event) => {
      if (!target.contains(event.relatedTarget)) show(false);
    });
    target.addEventListener('drop', (event) => {
      show(false);
      if (!hasFiles(event)) return;
      event.preventDefault();
      this.#attach(event.dataTransfer.files);
    });
  }
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
