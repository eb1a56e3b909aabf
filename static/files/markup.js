/** The files view's elements. No text of users is ever put in here. */
export const markup = `
<div class="files">
  <div class="side">
    <section class="card watchers" aria-labelledby="watchers-title">
      <h1 id="watchers-title">Watchers</h1>
      <p id="watchers-count" class="count"></p>
      <ul id="watchers" class="watcher-list" aria-labelledby="watchers-title"></ul>
      <p id="watchers-note" class="watchers-note"></p>
    </section>
    <section class="lately" aria-labelledby="lately-title">
      <h2 id="lately-title">Lately</h2>
      <ol id="lately" class="stanza"><li>Changes appear here</li><li>as they happen,</li><li>in whichever folder.</li></ol>
    </section>
  </div>

  <section id="board" class="card board" aria-labelledby="board-title">
    <div class="board-head">
      <h2 id="board-title">Files</h2>
      <p id="count" class="count" role="status"></p>
      <div class="search" role="search">
        <input id="search" type="search" placeholder="Search names" aria-label="Search names of files"
          autocapitalize="off" autocomplete="off" spellcheck="false" aria-keyshortcuts="/">
        <kbd aria-hidden="true">/</kbd>
      </div>
    </div>
    <p id="stale" class="stale" role="status" hidden></p>
    <p id="partial" class="stale" role="status" hidden></p>
    <p id="only" class="only" hidden><span>Only the files of <bdi id="only-owner"></bdi></span>
      <button id="all" class="quiet" type="button">Show all</button></p>
    <div id="columns" class="columns" aria-hidden="true"><span>Name</span><span>Watcher</span></div>
    <div id="listing" class="listing" role="listbox" tabindex="0" aria-label="Files and their watchers"></div>
    <div id="empty" class="empty">
      <p id="empty-text"></p>
      <p id="empty-first" hidden><code>make watch</code></p>
      <button id="clear" class="quiet" type="button" hidden>Show all files</button>
    </div>
    <div id="selected" class="file-selected" hidden>
      <p><span id="selected-name" class="selected-name" dir="auto"></span>
        <span id="selected-more" class="selected-more"></span></p>
      <button id="selected-only" class="quiet" type="button">Only this folder</button>
    </div>
    <p class="keys" aria-hidden="true"><span><kbd>/</kbd> search</span> <span><kbd>↑</kbd><kbd>↓</kbd> move</span>
      <span><kbd>Enter</kbd> only this folder</span> <span><kbd>Esc</kbd> show all</span></p>
  </section>
</div>
`;
