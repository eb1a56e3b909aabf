/** How long a number may be to be written as large as others. */
const DIGITS_MAX = 12;

/**
 * Makes a listing's row show users.
 * @param {HTMLElement} row
 * @returns {(user: import('./change.js').User) => void} shows a user there
 */
export function createUserCells(row) {
  const name = document.createElement('span');
  name.className = 'row-name';
  name.dir = 'auto'; // a name in Arabic must not turn its number around
  const number = document.createElement('span');
  number.className = 'row-number';
  row.append(name, ' ', number);
  let shown = null;
  return (user) => {
    if (shown?.UserName !== user.UserName) name.textContent = name.title = row.dataset.user = user.UserName;
    if (shown?.FavoriteNumber !== user.FavoriteNumber) {
      const digits = String(user.FavoriteNumber);
      number.textContent = row.dataset.number = digits;
      number.classList.toggle('long', digits.length > DIGITS_MAX);
    }
    shown = user;
  };
}
