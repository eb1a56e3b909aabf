import { pictureButtonMarkup, pictureMarkup } from './picture-field.js';

/** The chat view's elements. No text of users is ever put in here. */
export const markup = `
<div class="chat">
  <form id="chat-login" class="card chat-login" novalidate autocomplete="off" aria-labelledby="chat-login-title">
    <h1 id="chat-login-title">Who are you?</h1>
    <label for="chat-name">Your name</label>
    <input id="chat-name" type="text" autocapitalize="words" spellcheck="false" enterkeyhint="go"
      aria-describedby="chat-login-error chat-login-hint" aria-required="true">
    <div id="chat-token-field" hidden>
      <label for="chat-token">Token</label>
      <input id="chat-token" type="password" autocomplete="off" spellcheck="false" aria-describedby="chat-login-error">
    </div>
    <p id="chat-login-error" class="error" role="alert"></p>
    <button id="chat-enter" class="primary" type="submit">Log in</button>
    <p id="chat-login-hint" class="hint">A name is enough. It holds for this tab: in another one you can be somebody else.</p>
  </form>

  <section id="chat-home" class="card chat-home" aria-labelledby="chat-home-title" hidden>
    <header class="chat-home-head">
      <h1 id="chat-home-title" dir="auto"></h1>
      <button id="chat-leave" class="quiet" type="button">Log out</button>
    </header>
    <form id="chat-start" novalidate autocomplete="off">
      <label for="chat-to">New conversation</label>
      <div class="chat-field">
        <input id="chat-to" type="text" autocapitalize="words" spellcheck="false" enterkeyhint="go"
          placeholder="With whom?" aria-describedby="chat-start-error" aria-required="true">
        <button class="primary" type="submit">Start</button>
      </div>
      <p id="chat-start-error" class="error" role="alert"></p>
    </form>
    <p id="chat-standing" class="chat-standing" role="status"></p>
    <nav id="chat-nav" aria-label="Conversations"><ul id="chat-list" class="chat-list"></ul>
      <button id="chat-older" class="quiet" type="button" hidden>Show older conversations</button></nav>
    <p id="chat-none" class="chat-none" hidden></p>
  </section>

  <section id="chat-talk" class="card chat-talk" aria-labelledby="chat-with" hidden>
    <header class="chat-talk-head">
      <a class="chat-back" href="#chat" aria-label="All conversations">←</a>
      <h2 id="chat-with" dir="auto"></h2>
      <p id="chat-presence" class="chat-presence"></p>
      <p id="chat-typing" class="chat-typing" role="status"></p>
    </header>
    <div id="chat-scroll" class="chat-scroll" tabindex="0" role="region" aria-labelledby="chat-with">
      <p id="chat-before" class="chat-before"></p>
      <button id="chat-earlier" class="quiet chat-earlier" type="button" hidden>Load earlier messages</button>
      <ol id="chat-messages" class="chat-messages" role="log" aria-label="Messages"></ol>
    </div>
    <button id="chat-newest" class="chat-newest" type="button" hidden>Newest messages ↓</button>
    <form id="chat-send" class="chat-send" novalidate autocomplete="off">
      <p id="chat-send-error" class="error" role="alert"></p>
      ${pictureMarkup}
      <div class="chat-field">
        <textarea id="chat-text" rows="1" aria-label="Message" placeholder="Message" enterkeyhint="send"
          aria-describedby="chat-send-error chat-send-hint"></textarea>
        ${pictureButtonMarkup}
        <button class="primary" type="submit">Send</button>
      </div>
      <p id="chat-send-hint" class="chat-hint">Enter sends, Shift+Enter begins a new line.</p>
    </form>
  </section>
  <p id="chat-pick" class="card chat-pick" hidden>Pick a conversation, or start one.<br>What you write without a connection
    is sent when it is back.</p>
</div>
`;
