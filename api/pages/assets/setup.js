// setup.js makes the first administrator with the link that the server has printed. The
// token stands behind #, where no server and no log sees it.
import {$, account, announce} from './shell.js';
import {api, remember} from './session.js';
import {submits} from './form.js';
import {offer} from './factor.js';

const token = decodeURIComponent(location.hash.slice(1));
if (token) history.replaceState(null, '', location.pathname); // it is not for bookmarks

account();
$('no-link').hidden = Boolean(token);
$('make').hidden = !token;
submits($('setup'), async values => {
  const answer = await api('/api/setup', {method: 'POST', body: {...values, token, cookies: true}});
  remember();
  $('make').hidden = true;
  offer(answer.user, {password: values.password, done: '/live', staff: true});
  $('factor-title').focus();
  announce('The administrator is made. Set up a second factor now.', true);
});
