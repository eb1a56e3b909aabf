import { stateInWords } from './words.js';

const COUNTDOWN_STEP_MS = 250;

/**
 * Shows in the page's header how a connection is doing, with a countdown to the next try and a button that does not wait
 * for it.
 * @param {EventTarget & {status: import('../tercet.js').Status, reconnectNow: () => void}} connection
 * @returns {() => void} stops showing it
 */
export function showConnectionState(connection) {
  const box = document.getElementById('state');
  const text = document.getElementById('state-text');
  const countdown = document.getElementById('state-countdown');
  const retry = document.getElementById('retry');
  let ticking;

  const showCountdown = () => {
    const { retryAtMs } = connection.status;
    const restMs = retryAtMs - Date.now();
    countdown.textContent = restMs > 0 ? `Next try in ${Math.ceil(restMs / 1000)} s` : '';
  };
  const show = () => {
    const { status } = connection;
    const words = stateInWords(status, navigator.onLine);
    box.dataset.state = status.state;
    if (text.textContent !== words) text.textContent = words; // said aloud only when it differs
    clearInterval(ticking);
    showCountdown();
    if (status.state === 'lost') ticking = setInterval(showCountdown, COUNTDOWN_STEP_MS);
    const waits = ['lost', 'stopped', 'offline'].includes(status.state);
    if (waits) box.classList.add('troubled');
    if (status.state === 'open') box.classList.remove('troubled');
    if (!waits && document.activeElement === retry) document.getElementById('main').focus();
    retry.hidden = !waits;
    retry.textContent = status.state === 'lost' ? 'Try now' : 'Connect again';
  };
  const retryNow = () => connection.reconnectNow();

  connection.addEventListener('state', show);
  addEventListener('online', show);
  addEventListener('offline', show);
  retry.addEventListener('click', retryNow);
  show();
  return () => {
    clearInterval(ticking);
    connection.removeEventListener('state', show);
    removeEventListener('online', show);
    removeEventListener('offline', show);
    retry.removeEventListener('click', retryNow);
  };
}
