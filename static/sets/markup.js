/** The sets view's elements. No text of users is ever put in here. */

export const markup = `
<div class="sets">
  <section id="picker" class="card picker" aria-labelledby="picker-title">
    <h1 id="picker-title">Sets</h1>
    <form id="create" novalidate autocomplete="off">
      <label for="set-name">New set</label>
      <div class="field-and-button">
        <input id="set-name" type="text" autocapitalize="off" enterkeyhint="done" placeholder="Its name"
          aria-describedby="create-error" aria-required="true">
        <button class="primary" type="submit">Create</button>
      </div>
      <p id="create-error" class="error" role="alert"></p>
    </form>
    <div class="search" role="search">
      <input id="search-sets" type="search" placeholder="Search sets" aria-label="Search sets by name"
        autocapitalize="off" autocomplete="off" spellcheck="false">
    </div>
    <p id="list-error" class="error" role="alert"></p>
    <nav aria-label="Sets"><ul id="sets" class="set-list"></ul></nav>
    <p id="sets-note" class="note" role="status"></p>
    <button id="more-sets" class="quiet" type="button" hidden>Show older sets</button>
  </section>
  <div id="stage" class="stage">
    <p id="no-set" class="card no-set">Pick a set, or create one.<br>It opens here, also in other tabs and on other devices,
      and works without a connection, too.</p>
    <div id="open" class="open" hidden>
      <header class="open-head">
        <a class="back" href="#sets">← All sets</a>
        <h2 id="open-title" dir="auto"></h2>
        <a id="sides" class="quiet" href="#sets">Show two replicas</a>
      </header>
      <p id="difference" class="difference" role="status" hidden></p>
      <div id="boards" class="boards"></div>
    </div>
  </div>
</div>
`;

/** @param {string} side a letter that tells the boards of the page apart */
export function boardMarkup(side) {
  return `
<section class="card set-board" data-side="${side}" aria-labelledby="${side}-title">
  <header class="set-board-head">
    <div>
      <h3 id="${side}-title"></h3>
      <p class="note">signs as <span data-is="name" class="replica-name"></span></p>
    </div>
    <label class="switch"><input type="checkbox" role="switch" data-is="offline"><span>Offline</span></label>
  </header>
  <div class="standing" data-is="standing">
    <span class="standing-mark" aria-hidden="true"></span>
    <p role="status" data-is="standing-text"></p>
    <span data-is="digest" class="digest"></span>
  </div>
  <div data-is="messages" class="messages" aria-live="polite"></div>
  <form class="adding" novalidate autocomplete="off">
    <label for="${side}-value">New element</label>
    <div class="field-and-button">
      <input id="${side}-value" data-is="value" type="text" autocapitalize="off" enterkeyhint="done"
        aria-describedby="${side}-error" aria-required="true">
      <button class="primary" type="submit">Add</button>
    </div>
    <p id="${side}-error" data-is="error" class="error" role="alert"></p>
    <p class="done-line"><span role="status" data-is="done" class="done"></span>
      <button data-is="undo" class="link" type="button" hidden>Undo</button>
      <span id="${side}-hint" data-is="hint" class="hint">Enter adds, Delete removes.</span></p>
  </form>
  <div class="set-list-head">
    <p data-is="count" class="count"></p>
    <input data-is="search" type="search" placeholder="Search" aria-label="Search the elements"
      autocapitalize="off" autocomplete="off" spellcheck="false">
  </div>
  <div class="elements">
    <div data-is="listing" class="listing" role="listbox" tabindex="0" aria-label="Elements"
      aria-describedby="${side}-hint"></div>
  </div>
  <p data-is="empty" class="empty-set"></p>
  <div data-is="selected" class="selected" hidden>
    <p data-is="selected-text"></p>
    <button data-is="remove" class="quiet" type="button">Remove</button>
  </div>
  <div data-is="waiting" class="waiting" hidden>
    <h4 data-is="waiting-title"></h4>
    <ul data-is="waiting-list"></ul>
  </div>
  <div class="set-lately">
    <h4>Lately</h4>
    <ol data-is="lately" class="stanza"><li>Changes appear here</li><li>as they happen,</li><li>whoever makes them.</li></ol>
  </div>
</section>
`;
}
