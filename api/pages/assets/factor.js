// factor.js sets up the second factor of whoever is signed in.
import {$, announce} from './shell.js';
import {api, remember} from './session.js';
import {submits} from './form.js';

/** offer shows how the second factor stands and sets one up. password is what was typed a
    moment ago, if it was; done is where to go then. */
export function offer(user, {password, done = '/', staff = false}) {
  $('factor').hidden = false;
  $('factor-done').href = done;
  if (user.second_factor) {
    $('factor-state').textContent = 'A second factor is asked for when you sign in.';
    $('factor-start').hidden = true;
    return;
  }
  $('factor-state').textContent = staff
    ? 'An administrator needs a second factor: without one, this account has the rights of a customer.'
    : 'With a second factor, a stolen password alone opens nothing. Staff needs one.';
  const typed = $('factor-start').elements.password;
  if (password) { typed.required = false; typed.closest('label').hidden = true; }
  submits($('factor-start'), async values => {
    const secret = await api('/api/2fa/enroll', {method: 'POST', body: {password: values.password || password || ''}});
    $('qr').src = secret.qr_code;
    $('secret').textContent = secret.secret;
    $('factor-begin').hidden = true;
    $('factor-scan').hidden = false;
    $('factor-confirm').elements.code.focus();
  });
  submits($('factor-confirm'), async values => {
    const active = await api('/api/2fa/activate', {method: 'POST', body: {code: values.code.replaceAll(' ', '')}});
    remember();
    for (const code of active.recovery_codes) {
      const item = document.createElement('li');
      item.textContent = code;
      $('recovery').append(item);
    }
    $('factor-scan').hidden = true;
    $('factor-codes').hidden = false;
    $('qr').removeAttribute('src');
    $('secret').textContent = '';
    $('factor-title').focus();
    announce('The second factor is on. Keep the recovery codes.', true);
  });
}
