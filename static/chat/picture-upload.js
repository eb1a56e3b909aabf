/**
 * One picture on its way to the server, tried again by itself while there is no connection.
 *
 * Events: `change`.
 */
import { backoffMs } from '../client/backoff.js';

const ADDRESS = '/chat/pictures';

/** How long an answer may take once all is sent, and how long nothing may move before, milliseconds. */
const STALL_MS = 40_000;

/** @typedef {'preparing' | 'sending' | 'waiting' | 'done' | 'failed'} UploadState waiting: to try again */

export class PictureUpload extends EventTarget {
  /** @type {UploadState} */ state = 'preparing';
  /** How much of it is sent, from 0 to 1. */ progress = 0;
  /** What went wrong, for people. @type {string | null} */ problem = null;
  /** What the message carries. @type {import('./picture.js').Picture | null} */ picture = null;
  /** A small one, as a data URL. @type {string | null} */ preview = null;
  #request = null;
  #file = null;
  #token;
  #attempt = 0;
  #timer;
  #hasEnded = false;

  /**
   * @param {Promise<{file: Blob, preview: string} | {problem: string}>} prepared
   * @param {string} [token] the proof of who uploads
   * @param {() => XMLHttpRequest} [createRequest] fetch tells of no progress
   */
  constructor(prepared, token, createRequest = () => new XMLHttpRequest()) {
    super();
    this.#token = token;
    this.createRequest = createRequest;
    prepared.then(
      (made) => this.#start(made),
      () => this.#enter('failed', 'This picture cannot be read. Choose another one.'),
    );
  }

  /** Whether it may still arrive. */
  get isPending() {
    return ['preparing', 'sending', 'waiting'].includes(this.state);
  }

  /** Gives it up. */
  end() {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#request?.abort();
  }

  #start({ file, preview, problem }) {
    if (this.#hasEnded) return;
    if (problem) return this.#enter('failed', problem);
    this.#file = file;
    this.preview = preview;
    this.#send();
  }

  #send() {
    const request = (this.#request = this.createRequest());
    request.open('POST', ADDRESS);
    request.setRequestHeader('content-type', this.#file.type);
    if (this.#token) request.setRequestHeader('authorization', `Bearer ${this.#token}`);
    request.responseType = 'json';
    request.timeout = 0;
    const watch = () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => request.abort(), STALL_MS);
    };
    request.upload.onprogress = ({ loaded, total }) => {
      watch();
      this.progress = total > 0 ? loaded / total : 0;
      this.#changed();
    };
    request.onload = () => this.#hear(request.status, request.response);
    request.onerror = request.onabort = () => this.#again();
    watch();
    this.#enter('sending');
    request.send(this.#file);
  }

  #hear(status, answer) {
    clearTimeout(this.#timer);
    if (this.#hasEnded) return;
    if (status === 201 && typeof answer?.picture?.id === 'string') {
      this.picture = answer.picture;
      return this.#enter('done');
    }
    if (status >= 500 || status === 0) return this.#again();
    this.#enter('failed', uploadFailureInWords(status, answer?.error));
  }

  #again() {
    clearTimeout(this.#timer);
    if (this.#hasEnded) return;
    this.progress = 0;
    this.#enter('waiting');
    this.#timer = setTimeout(() => this.#send(), backoffMs(this.#attempt++));
  }

  #enter(state, problem = null) {
    [this.state, this.problem] = [state, problem];
    this.#changed();
  }

  #changed() {
    if (!this.#hasEnded) this.dispatchEvent(new CustomEvent('change'));
  }
}

/** @param {number} status @param {{message?: string}} [error] */
export function uploadFailureInWords(status, error) {
  if (status === 401) return 'The server does not take pictures with this login. Log in again.';
  if (status === 404) return 'This server takes no pictures.';
  if (status === 413 && !error?.message) return 'This picture is larger than the server takes. Choose a smaller one.';
  const why = String(error?.message || `the server answered ${status}`).trim();
  const words = why.charAt(0).toUpperCase() + why.slice(1);
  return `${words}${/[.!?]$/.test(words) ? '' : '.'} Choose another picture.`;
}

/** What stands beside the preview. */
export function uploadInWords({ state, progress, problem }, willBeSent) {
  const then = willBeSent ? ' The message is sent then.' : '';
  if (state === 'preparing') return `Reading the picture…${then}`;
  if (state === 'sending') {
    return progress < 1 ? `Uploading: ${Math.floor(progress * 100)} %.${then}` : `The server takes it in…${then}`;
  }
  if (state === 'waiting') return `There is no connection to the server. The upload is tried again by itself.${then}`;
  return state === 'failed' ? problem : 'Ready to be sent.';
}
