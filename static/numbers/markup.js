/** The numbers view's elements. No text of users is ever put in here. */
export const markup = `
<div class="numbers">
  <div class="side">
    <form id="entry" class="card" novalidate autocomplete="off" aria-labelledby="entry-title">
      <h1 id="entry-title">What is your favorite number?</h1>
      <label for="name">Name</label>
      <input id="name" type="text" autocapitalize="off" spellcheck="false" enterkeyhint="next"
        aria-describedby="error" aria-required="true">
      <label for="number">Favorite number</label>
      <div class="number-field">
        <input id="number" type="text" inputmode="numeric" autocomplete="off" enterkeyhint="done" data-length="short"
          aria-describedby="error hint" aria-required="true">
        <button id="sign" type="button" aria-label="Change the sign">±</button>
      </div>
      <p id="error" class="error" role="alert"></p>
      <button id="set" class="primary" type="submit">Set number</button>
      <p id="done" class="done" role="status"></p>
      <p id="hint" class="hint">Any whole number, below zero too.</p>
    </form>
    <section class="lately" aria-labelledby="lately-title">
      <h2 id="lately-title">Lately</h2>
      <ol id="lately" class="stanza"><li>Changes appear here</li><li>as they happen,</li><li>whoever makes them.</li></ol>
    </section>
  </div>

  <section id="board" class="card board" aria-labelledby="board-title">
    <div class="board-head">
      <h2 id="board-title">Everyone</h2>
      <p id="count" class="count" role="status"></p>
      <div class="search" role="search">
        <input id="search" type="search" placeholder="Search names" aria-label="Search names"
          autocapitalize="off" autocomplete="off" spellcheck="false" aria-keyshortcuts="/">
        <kbd aria-hidden="true">/</kbd>
      </div>
    </div>
    <p id="stale" class="stale" role="status" hidden></p>
    <div id="columns" class="columns" aria-hidden="true"><span>Name</span><span>Favorite number</span></div>
    <div id="listing" class="listing" role="listbox" tabindex="0" aria-label="Users and their favorite numbers"></div>
    <div id="empty" class="empty">
      <p id="empty-text"></p>
      <button id="clear" class="quiet" type="button" hidden>Clear the search</button>
    </div>
    <p class="keys" aria-hidden="true"><span><kbd>/</kbd> search</span> <span><kbd>↑</kbd><kbd>↓</kbd> move</span>
      <span><kbd>Enter</kbd> change</span> <span><kbd>Esc</kbd> clear</span></p>
  </section>
</div>
`;
