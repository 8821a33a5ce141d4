// shell.js is what the pages share: the account in the header, the light that shows the
// connection, and what is said to people who do not see the screen.
import {Ticker} from './ticker.js';
import {isSignedIn, me, refresh, signOut, ticket} from './session.js';

export const $ = id => document.getElementById(id);

/** say writes into an element without touching what is there already. */
export function say(element, text) { if (element.textContent !== text) element.textContent = text; }

const sayEvery = 10_000; // of what is not urgent, so that a reader is not talked down
let saidAt = -sayEvery, waiting = null, timer;

/** announce tells people who listen: at once when it is their doing or urgent, else at most
    every ten seconds, the newest. */
export function announce(text, urgent = false) {
  const wait = saidAt + sayEvery - performance.now();
  if (!urgent && wait > 0) {
    waiting = text;
    timer ??= setTimeout(() => { timer = undefined; if (waiting) announce(waiting); }, wait);
    return;
  }
  waiting = null;
  saidAt = performance.now();
  say($('status'), text);
}

/** account shows who is signed in, and promises it. */
export async function account() {
  $('sign-out').addEventListener('click', () => signOut());
  const link = $('account-link');
  if (!location.pathname.startsWith('/signin')) link.href = `/signin?next=${encodeURIComponent(location.pathname)}`;
  const user = isSignedIn() ? await me() : null;
  $('who').hidden = $('sign-out').hidden = !user;
  say(link, user ? 'Account' : 'Sign in');
  if (user) { link.href = '/signin'; say($('who'), user.name); }
  $('console-link').hidden = user?.role !== 'admin';
  return user;
}

const lights = {idle: 'Not connected', connecting: 'Connecting', live: 'Live', stale: 'Nothing heard for a while', backoff: 'Reconnecting'};

const renewBefore = 30_000, renewMin = 5_000; // before the end of what a ticket has opened

/** connect returns a ticker of this server, whose state the light shows. */
export function connect(options) {
  let lost = false, was = false;
  const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/ws`;
  const show = state => {
    const again = was && state === 'connecting';
    $('light').dataset.state = again ? 'backoff' : state;
    const rtt = state === 'live' && ticker.clock.rtt >= 0 ? ` · ${Math.round(ticker.clock.rtt)} ms` : '';
    say($('light-text'), (again ? lights.backoff : lights[state]) + rtt);
  };
  let renewal;
  // Known is who has a fresh token: before it ends there is another, and with it a ticket.
  const renew = async () => {
    try { if (isSignedIn() && (await refresh()).ok) ticker.reconnect(); } catch { /* the connection goes on as nobody's */ }
  };
  const frame = f => {
    if (f.t === 'hello') {
      clearTimeout(renewal);
      if (f.until) renewal = setTimeout(renew, Math.max(renewMin, f.until - f.now - renewBefore));
    }
    options.frame(f);
  };
  const ticker = new Ticker({url, ticket, ...options, frame, state(state, code) {
    show(state);
    document.body.dataset.connection = state;
    if (state === 'live') {
      if (lost) announce('The connection is back.', true);
      lost = false; was = true;
      say($('trouble'), '');
    } else if (!lost && was && (state === 'backoff' || state === 'idle')) {
      lost = true;
      say($('trouble'), 'The connection is lost. What you see is the last that was known. Reconnecting…');
    }
    if (state === 'idle' && code === 4001) setTimeout(() => ticker.start(), 1000); // the session has ended: as nobody
    else if (state === 'idle' && code) say($('trouble'), 'The server does not take this connection. Load the page again.');
    options.state?.(state, code);
  }});
  setInterval(() => show(ticker.state), 2000);
  return ticker;
}

/** pausable wires the button that holds everything that moves, and returns whether it does. */
export function pausable(whenResumed) {
  const button = $('pause');
  let paused = false;
  button.hidden = false;
  button.addEventListener('click', () => {
    paused = !paused;
    button.setAttribute('aria-pressed', String(paused));
    announce(paused ? 'Updates are paused.' : 'Updates go on.', true);
    if (!paused) whenResumed();
  });
  return () => paused;
}

/** painter returns a function that asks draw to show what has changed, once a picture, unless it is paused. */
export function painter(draw, isPaused) {
  let asked = false;
  return function paint() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; if (!isPaused()) draw(); });
  };
}

export const calm = matchMedia('(prefers-reduced-motion: reduce)');
