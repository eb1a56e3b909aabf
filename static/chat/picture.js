/** Pictures before they are sent: what a browser can read becomes a file that the server takes, and a small preview. */

/** As large as the server takes files, in bytes. */
export const PICTURE_BYTES_MAX = 8 * 1024 * 1024;
/** What is larger than this, in pixels of an edge, is made smaller before it is sent: no screen shows more of it. */
export const SENT_EDGE_MAX = 2_560;
/** A file above this, in bytes, is encoded anew, because it takes long to send. */
const SENT_AS_IT_IS_BYTES_MAX = 1_500_000;
const QUALITY = 0.85;
const PREVIEW_EDGE_MAX = 192;

/** @typedef {{id: string, type: string, width: number, height: number, bytes: number}} Picture as messages carry it */

/**
 * What a file is, as its first bytes say.
 * @param {Uint8Array} bytes
 * @returns {string | null} the media type, if the server takes such files
 */
export function typeOf(bytes) {
  const text = String.fromCharCode(...bytes.subarray(0, 12));
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (text.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (/^RIFF[^]{4}WEBP/.test(text)) return 'image/webp';
  if (/^GIF8[79]a/.test(text)) return 'image/gif';
  return null;
}

/**
 * Whether a picture moves: then it is not encoded anew, which would make it stand still.
 * @param {string} type
 * @param {Uint8Array} bytes the beginning of the file
 */
export function moves(type, bytes) {
  if (type === 'image/gif') return true;
  const mark = { 'image/png': 'acTL', 'image/webp': 'ANIM' }[type];
  return mark !== undefined && new TextDecoder('latin1').decode(bytes).includes(mark);
}

/** The size at which a picture of this size is sent. */
export function sentSize(width, height) {
  const scale = Math.min(1, SENT_EDGE_MAX / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/**
 * Makes of a file what is sent.
 * @param {File} file
 * @returns {Promise<{file: Blob, preview: string} | {problem: string}>} `preview`: a data URL
 */
export async function prepare(file) {
  if (file.size === 0) return { problem: 'This file is empty. Choose another one.' };
  const beginning = new Uint8Array(await file.slice(0, 65_536).arrayBuffer());
  const type = typeOf(beginning);
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (bitmap === null) {
    const problem = type
      ? 'This picture cannot be read. The file may be broken: choose another one.'
      : 'This file is no picture that can be sent. Choose a PNG, JPEG, WebP or GIF file.';
    return { problem };
  }
  try {
    const isSentAsItIs =
      type !== null &&
      (moves(type, beginning) ||
        (file.size <= SENT_AS_IT_IS_BYTES_MAX && Math.max(bitmap.width, bitmap.height) <= SENT_EDGE_MAX));
    const sent = isSentAsItIs ? file : await encoded(bitmap, type, file);
    if (sent.size > PICTURE_BYTES_MAX) return { problem: tooLargeInWords(sent.size) };
    return { file: new Blob([sent], { type: sent === file ? type : sent.type }), preview: preview(bitmap) };
  } finally {
    bitmap.close();
  }
}

/** @param {number} bytes */
export function tooLargeInWords(bytes) {
  const mib = (bytes / 1024 / 1024).toFixed(1);
  return `This picture has ${mib} MiB, and at most ${PICTURE_BYTES_MAX / 1024 / 1024} can be sent. Choose a smaller one.`;
}

/** As small as it is sent: as a JPEG, unless one may see through it. The file itself, if that is no gain. */
async function encoded(bitmap, type, file) {
  const { width, height } = sentSize(bitmap.width, bitmap.height);
  const kind = type === 'image/jpeg' ? type : 'image/webp';
  const canvas = draw(bitmap, width, height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, kind, QUALITY));
  const isGain = blob !== null && (type === null || blob.size < file.size);
  return isGain ? blob : file;
}

function preview(bitmap) {
  const scale = Math.min(1, PREVIEW_EDGE_MAX / Math.max(bitmap.width, bitmap.height));
  const size = [bitmap.width, bitmap.height].map((edge) => Math.max(1, Math.round(edge * scale)));
  return draw(bitmap, ...size).toDataURL('image/png');
}

function draw(bitmap, width, height) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas;
}
