/**
 * The page's start: shows one view at a time, chosen by the address's fragment (`#numbers`). What follows in the
 * fragment after a slash is the view's own.
 *
 * A view is a file that exports `{ id, title, mount }`. `mount(main)` fills the element and returns the view's connection
 * and how to end the view. To add one, import it and name it in `views`.
 */
import { showConnectionState } from './shared/connection-state.js';
import { chat } from './chat/view.js';
import { files } from './files/view.js';
import { numbers } from './numbers/view.js';
import { sets } from './sets/view.js';

const views = [numbers, sets, chat, files];

const main = document.getElementById('main');
const nav = document.getElementById('views');
let shown = null;

function chosenView() {
  const [id] = location.hash.slice(1).split('/');
  return views.find((view) => view.id === id);
}

function show(view) {
  if (shown?.view === view) return;
  shown?.hideState();
  shown?.unmount();
  main.replaceChildren();
  const { connection, unmount } = view.mount(main);
  shown = { view, unmount, hideState: showConnectionState(connection) };
  document.title = views.length > 1 ? `${view.title} · Tercet` : 'Tercet';
  for (const link of nav.children) {
    if (link.hash === `#${view.id}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

nav.append(
  ...views.map(({ id, title }) => {
    const link = document.createElement('a');
    link.href = `#${id}`;
    link.textContent = title;
    return link;
  }),
);
// Other fragments, such as the skip link's, leave the view as it is.
addEventListener('hashchange', () => chosenView() && show(chosenView()));
show(chosenView() ?? views[0]);
