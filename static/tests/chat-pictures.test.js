import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isPicture, messageInWords, pictureUrl, shownSize, thumbnailUrl } from '../chat/picture-bubble.js';
import { moves, sentSize, tooLargeInWords, typeOf } from '../chat/picture.js';
import { PictureUpload, uploadFailureInWords, uploadInWords } from '../chat/picture-upload.js';
import { ChatModel } from '../chat/model.js';
import { ChatStore } from '../chat/store.js';
import { FakeStorage } from './fake-browser.js';

const PICTURE = { id: 'a-b_c', type: 'image/png', width: 300, height: 200, bytes: 7 };
const bytes = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Stands in for the browser's request. */
class FakeRequest {
  static all = [];
  upload = {};
  headers = {};
  constructor() {
    FakeRequest.all.push(this);
  }
  open(method, address) {
    this.opened = [method, address];
  }
  setRequestHeader(name, value) {
    this.headers[name] = value;
  }
  send(body) {
    this.sent = body;
  }
  abort() {
    this.wasAborted = true;
    this.onabort();
  }
  answer(status, response) {
    Object.assign(this, { status, response });
    this.onload();
  }
}

async function upload(token) {
  FakeRequest.all = [];
  const file = new Blob(['x'], { type: 'image/png' });
  const upload = new PictureUpload(Promise.resolve({ file, preview: 'data:,' }), token, () => new FakeRequest());
  await Promise.resolve();
  await Promise.resolve();
  return { upload, request: FakeRequest.all[0] };
}

test('what a file is stands in its first bytes, whatever it is called', () => {
  assert.equal(typeOf(bytes('\x89PNG\r\n\x1a\n....')), 'image/png');
  assert.equal(typeOf(bytes('\xff\xd8\xff\xe0')), 'image/jpeg');
  assert.equal(typeOf(bytes('RIFF\0\n\r\0WEBPVP8 ')), 'image/webp');
  assert.equal(typeOf(bytes('GIF89a')), 'image/gif');
  for (const other of ['', '<svg xmlns', 'GIF88a', 'RIFF....WAVE', '\x89PNG']) assert.equal(typeOf(bytes(other)), null, other);
});

test('only what stands still is made smaller, and keeps its shape', () => {
  assert.ok(moves('image/gif', bytes('GIF89a')));
  assert.ok(moves('image/png', bytes('...acTL...')));
  assert.ok(moves('image/webp', bytes('..VP8X....ANIM')));
  assert.ok(!moves('image/png', bytes('...IDAT...')) && !moves('image/jpeg', bytes('ANIM acTL')));
  assert.deepEqual(sentSize(4000, 3000), { width: 2560, height: 1920 });
  assert.deepEqual(sentSize(800, 600), { width: 800, height: 600 });
  assert.deepEqual(sentSize(100_000, 3), { width: 2560, height: 1 });
});

test('a picture has its place before it comes, within what a message can show', () => {
  assert.deepEqual(shownSize({ width: 3000, height: 2000 }), { width: 288, height: 192 });
  assert.deepEqual(shownSize({ width: 400, height: 900 }), { width: 142, height: 320 });
  assert.deepEqual(shownSize({ width: 16_384, height: 1 }), { width: 288, height: 48 });
  assert.deepEqual(shownSize({ width: 1, height: 1 }), { width: 48, height: 48 });
  assert.equal(thumbnailUrl('a/../b'), '/chat/pictures/a%2F..%2Fb/thumbnail');
  assert.equal(pictureUrl(PICTURE.id), '/chat/pictures/a-b_c');
});

test('what a message carries is a picture only if it has a name and a size', () => {
  assert.ok(isPicture(PICTURE));
  for (const other of [null, undefined, 'x', {}, { ...PICTURE, id: '' }, { ...PICTURE, width: 0 }, { ...PICTURE, height: '9' }]) {
    assert.ok(!isPicture(other), JSON.stringify(other));
  }
  assert.equal(messageInWords({ text: '', picture: PICTURE }), 'Picture');
  assert.equal(messageInWords({ text: 'hi', picture: PICTURE }), 'hi');
});

test('an upload tells how far it is, shows the token, and ends with what the message carries', async () => {
  const { upload: sent, request } = await upload('a.b.c');
  assert.deepEqual(request.opened, ['POST', '/chat/pictures']);
  assert.deepEqual(request.headers, { 'content-type': 'image/png', authorization: 'Bearer a.b.c' });
  request.upload.onprogress({ loaded: 1, total: 4 });
  assert.equal(uploadInWords(sent, false), 'Uploading: 25 %.');
  assert.equal(uploadInWords(sent, true), 'Uploading: 25 %. The message is sent then.');
  request.answer(201, { picture: PICTURE });
  assert.deepEqual([sent.state, sent.picture, sent.isPending], ['done', PICTURE, false]);
});

test('what failed for a moment is tried again by itself, and what was given up is not', async () => {
  const { upload: sent, request } = await upload();
  assert.equal(request.headers.authorization, undefined);
  const again = new Promise((resolve) => sent.addEventListener('change', () => FakeRequest.all.length > 1 && resolve()));
  request.answer(503, { error: { code: 'unavailable', message: 'x' } });
  assert.deepEqual([sent.state, sent.isPending], ['waiting', true]);
  await again;
  FakeRequest.all[1].onerror();
  assert.equal(sent.state, 'waiting');
  sent.end();
  FakeRequest.all[1].answer(201, { picture: PICTURE });
  assert.equal(sent.picture, null);
});

test('what will never be taken is explained and not tried again', async () => {
  const { upload: sent, request } = await upload();
  request.answer(413, { error: { code: 'too_large', message: 'this picture has 9 × 9 pixels: at most 4 are allowed' } });
  assert.deepEqual([sent.state, sent.isPending], ['failed', false]);
  assert.equal(sent.problem, 'This picture has 9 × 9 pixels: at most 4 are allowed. Choose another picture.');
  assert.match(uploadFailureInWords(413, undefined), /larger than the server takes/);
  assert.match(uploadFailureInWords(401, {}), /Log in again/);
  assert.match(tooLargeInWords(9 * 1024 * 1024), /9\.0 MiB, and at most 8/);
});

test('a message that waits keeps its picture across a reload, also without a text', () => {
  const storage = new FakeStorage();
  const kept = { message_id: 'm', to: 'bob', text: '', picture: PICTURE, written_ms: 5 };
  assert.ok(new ChatStore(() => storage).keepUnsent('ana', kept));
  assert.deepEqual(new ChatStore(() => storage).readUnsent('ana').map(({ picture }) => picture), [PICTURE]);
  new ChatStore(() => storage).keepUnsent('ana', { ...kept, message_id: 'n', picture: { id: 7 } });
  assert.equal(new ChatStore(() => storage).readUnsent('ana').length, 1, 'what is no picture is not sent');
});

test('a message that was acknowledged has its picture in its conversation at once', () => {
  const model = new ChatModel('ana');
  model.write({ message_id: 'm', to: 'bob', text: '', picture: PICTURE, written_ms: 5 });
  model.sent({ with: 'bob', with_name: 'Bob', message_id: 'm', seq: 1, sent_ms: 6 }, 'Ana');
  assert.deepEqual(model.conversations.get('bob').last.picture, PICTURE);
});
