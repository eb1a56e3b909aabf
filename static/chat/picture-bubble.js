/** A picture in a message: a small one whose place is kept before it comes, and the whole one on a click. */

const ADDRESS = '/chat/pictures/';

/** The place of a small picture, at most, in pixels of the page. */
export const SHOWN_WIDTH_MAX = 288;
export const SHOWN_HEIGHT_MAX = 320;
/** And at least, so that a thin one can be seen and clicked. */
const SHOWN_EDGE_MIN = 48;

/** @param {string} id */
export const pictureUrl = (id) => ADDRESS + encodeURIComponent(id);
export const thumbnailUrl = (id) => `${pictureUrl(id)}/thumbnail`;

/** The place that a picture takes in a message. */
export function shownSize({ width, height }) {
  const scale = Math.min(1, SHOWN_WIDTH_MAX / width, SHOWN_HEIGHT_MAX / height);
  const edge = (pixels, max) => Math.min(max, Math.max(SHOWN_EDGE_MIN, Math.round(pixels * scale)));
  return { width: edge(width, SHOWN_WIDTH_MAX), height: edge(height, SHOWN_HEIGHT_MAX) };
}

/** What stands for a message without a text where there is no room for its picture. */
export const messageInWords = ({ text, picture }) => text || (picture ? 'Picture' : '');

/** Whether a value is a picture as messages carry it. */
export function isPicture(value) {
  const isSize = (pixels) => Number.isSafeInteger(pixels) && pixels > 0;
  return typeof value?.id === 'string' && value.id !== '' && isSize(value.width) && isSize(value.height);
}

/**
 * @param {import('./picture.js').Picture} picture
 * @param {string} words what it is, for those who do not see it
 */
export function createPicture(picture, words) {
  const link = document.createElement('a');
  link.className = 'chat-picture';
  link.href = pictureUrl(picture.id);
  const image = document.createElement('img');
  const { width, height } = shownSize(picture);
  // Also while it is not there, and when it does not come.
  [link.style.width, link.style.aspectRatio] = [`${width}px`, `${width} / ${height}`];
  image.alt = words;
  image.decoding = 'async';
  image.addEventListener('error', () => link.classList.add('is-missing'));
  image.addEventListener('load', () => link.classList.remove('is-missing'));
  image.src = thumbnailUrl(picture.id);
  link.append(image);
  link.addEventListener('click', (event) => {
    // With a key held down it is opened as links are.
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (link.classList.contains('is-missing')) image.src = thumbnailUrl(picture.id);
    else open(picture, words);
  });
  return link;
}

/** Shows the whole picture over the page. Escape, the button, or a click beside it close it; then the focus is where it was. */
function open(picture, words) {
  const dialog = document.createElement('dialog');
  dialog.className = 'chat-viewer';
  dialog.setAttribute('aria-label', words);
  const close = document.createElement('button');
  close.type = 'button';
  close.className = 'chat-viewer-close';
  close.textContent = 'Close';
  const state = document.createElement('p');
  state.className = 'chat-viewer-state';
  state.setAttribute('role', 'status');
  state.textContent = 'Loading…';
  const image = document.createElement('img');
  [image.width, image.height] = [picture.width, picture.height];
  image.alt = words;
  image.addEventListener('load', () => (state.textContent = ''));
  image.addEventListener('error', () => (state.textContent = 'The picture could not be loaded. Close it and try again.'));
  image.src = pictureUrl(picture.id);
  dialog.append(close, image, state);
  dialog.addEventListener('click', ({ target }) => target !== image && dialog.close());
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
