// session.js asks the API. The tokens are in cookies that no script can read; what is kept
// here is only that somebody has signed in, so that nobody is asked for in vain.

const hint = 'holdfast.signed-in';

/** Refused is an answer of the API that says no. */
export class Refused extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail || problem.title || 'The server did not say why.');
    Object.assign(this, {status, problem, code: problem.code, retryAfter});
  }
}

const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));

async function send(path, {method = 'GET', body, key, timeout = 15_000} = {}) {
  const headers = {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (key) headers['Idempotency-Key'] = key;
  return fetch(path, {method, headers, credentials: 'same-origin', cache: 'no-store', body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(timeout)});
}

let refreshing = null;

/** refresh gets fresh tokens into the cookies, one refresh at a time: each is good once. */
export function refresh() {
  refreshing ??= send('/api/refresh', {method: 'POST'}).finally(() => { refreshing = null; });
  return refreshing;
}

/** api asks and returns what the answer says; what is refused is thrown as Refused, and what
    was not answered as whatever fetch throws. A session that has to be refreshed is. */
export async function api(path, options) {
  let answer = await send(path, options);
  if (answer.status === 401 && isSignedIn()) {
    const renewed = await refresh();
    if (renewed.ok) answer = await send(path, options);
    else if (renewed.status < 500) forget();
  }
  const text = await answer.text();
  let said = {};
  try { said = text ? JSON.parse(text) : {}; } catch { said = {title: 'The answer could not be read.'}; }
  if (!answer.ok) throw new Refused(answer.status, said, Number(answer.headers.get('Retry-After')) || 0);
  return said;
}

/** decide sends what must happen once, with its key, until there is a definite answer: yes,
    or a no that has no effect. tell is called while that takes long. Without an answer in
    two minutes it throws what it got last; the key is still good. */
export async function decide(path, options, tell = () => {}) {
  const until = performance.now() + 120_000;
  for (let tries = 0; ; tries++) {
    try {
      return await api(path, options);
    } catch (error) {
      const open = !(error instanceof Refused) || error.status >= 500 || error.status === 429 || error.code === 'request_in_progress';
      const wait = Math.max((error.retryAfter ?? 0) * 1000, Math.random() * Math.min(8000, 400 * 2 ** tries));
      if (!open || performance.now() + wait > until) throw error;
      if (tries) tell(error);
      await pause(wait);
    }
  }
}

/** newKey makes an idempotency key. */
export const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map(b => b.toString(16).padStart(2, '0')).join('');

export const isSignedIn = () => localStorage.getItem(hint) !== null;

/** remember notes that somebody has signed in, forget that nobody has. */
export const remember = () => localStorage.setItem(hint, '1');
export const forget = () => localStorage.removeItem(hint);

let known;

/** me promises who is signed in, or null. */
export function me() {
  known ??= (async () => {
    if (!isSignedIn()) return null;
    try {
      return await api('/api/me');
    } catch (error) {
      if (error.status === 401) forget();
      known = undefined;
      return null;
    }
  })();
  return known;
}

/** signOut ends the session, here and there. */
export async function signOut() {
  try { await api('/api/logout', {method: 'POST'}); } finally { forget(); location.assign('/'); }
}

/** ticket opens the WebSocket as whoever is signed in. */
export async function ticket() {
  if (!isSignedIn()) return null;
  try { return (await api('/api/ws/ticket', {method: 'POST'})).ticket; } catch (error) { if (error.status < 500) return null; throw error; }
}
