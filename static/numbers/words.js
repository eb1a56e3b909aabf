/** Why a number was not set, and what to do next, in plain words. */

/** Setting a number again does no harm, and says so where it matters. */
const AGAIN = 'Trying again does no harm.';

/**
 * @param {{code: string, message: string, sent: boolean}} error why a number was not set
 * @returns {{text: string, retry: boolean}} `retry`: the same entry may well succeed later
 */
export function failureInWords({ code, message, sent }) {
  const again = (text) => ({ text, retry: true });
  const change = (text) => ({ text, retry: false });
  switch (code) {
    case 'bad_request':
      return change(`The server refused this entry: ${sentence(message)} Change it and set it again.`);
    case 'too_large':
      return change('This is more than the server takes. Choose a shorter name.');
    case 'not_found':
      return change('The server does not know this service. Reload the page to get its newest version.');
    case 'rate_limited':
      return again('That was too fast for the server. Wait a few seconds, then try again.');
    case 'busy':
      return again('Too many numbers still wait to be stored. Wait a few seconds, then try again.');
    case 'unavailable':
      return again('The service is not available right now, and nothing was stored. Try again in a moment.');
    case 'outcome_unknown':
      return again(`The server cannot tell whether your number was stored. ${AGAIN}`);
    case 'timeout':
      return again(`The server took too long to answer; your number may or may not be stored. ${AGAIN}`);
    case 'disconnected':
      return sent
        ? again(`The connection was lost before the answer came; your number may or may not be stored. ${AGAIN}`)
        : again('There is no connection, so nothing was sent. Your entry stays here: try again once connected.');
    default:
      return again(
        `Something went wrong on the server: ${sentence(message)} Try again; if that does not help, try later.`,
      );
  }
}

function sentence(message) {
  const text = String(message || 'it did not say why').trim();
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
