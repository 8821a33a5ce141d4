// signin.js lets people in: with a password, with a second step when they have a second
// factor, or with a new account.
import {$, account, say} from './shell.js';
import {api, remember} from './session.js';
import {submits} from './form.js';
import {offer} from './factor.js';

const places = ['/', '/live']; // where one may be sent on to
const asked = new URLSearchParams(location.search).get('next');
const next = places.includes(asked) ? asked : null;

const views = {enter: 'Sign in', join: 'Make an account', step: 'Second step', self: 'Account'};

function show(view, focus) {
  for (const name of Object.keys(views)) $(name).hidden = name !== view;
  say($('title'), views[view]);
  document.title = `Holdfast: ${views[view].toLowerCase()}`;
  if (focus) ($(view).querySelector('input') ?? $('title')).focus();
}

function entered() {
  remember();
  location.assign(next ?? '/');
}

let pending; // what the second step needs

submits($('signin'), async values => {
  const answer = await api('/api/login', {method: 'POST', body: {...values, cookies: true}});
  if (!answer.mfa_required) return entered();
  pending = answer.mfa_token;
  show('step', true);
});
submits($('second'), async values => {
  try {
    await api('/api/login/2fa', {method: 'POST', body: {mfa_token: pending, code: values.code.trim(), cookies: true}});
  } catch (refused) {
    if (refused.status === 401) $('second').elements.code.select();
    throw refused;
  }
  entered();
});
submits($('register'), async values => {
  await api('/api/register', {method: 'POST', body: {...values, cookies: true}});
  entered();
});
$('to-register').addEventListener('click', () => show('join', true));
$('to-signin').addEventListener('click', () => show('enter', true));

const user = await account();
if (user) {
  say($('self-name'), user.name);
  say($('self-email'), user.email);
  say($('self-role'), user.role === 'admin' ? 'Administrator' : 'Customer');
  $('self-console').hidden = user.role !== 'admin';
  show('self');
  offer(user, {done: next ?? '/signin'});
} else {
  show('enter');
}
