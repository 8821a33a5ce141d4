// form.js sends a form, once at a time, and says beside it what is wrong.
import {announce, say} from './shell.js';

/** submits calls send with the form's values when it is sent. */
export function submits(form, send) {
  const error = form.querySelector('.field-error'), button = form.querySelector('button');
  let busy = false;
  form.addEventListener('submit', async event => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    error.hidden = true;
    form.setAttribute('aria-busy', 'true');
    const before = button.textContent;
    say(button, 'One moment…');
    try {
      await send(Object.fromEntries(new FormData(form)));
    } catch (refused) {
      say(error, explain(refused));
      error.hidden = false;
      announce(error.textContent, true);
    } finally {
      busy = false;
      form.removeAttribute('aria-busy');
      say(button, before);
    }
  });
}

/** explain says why something was refused, field by field when it is known. */
export function explain(refused) {
  const fields = refused.problem?.errors?.map(one => `${one.pointer.replace('#/', '').replaceAll('_', ' ')}: ${one.detail}`);
  if (fields?.length) return fields.join(' ');
  return refused.code ? refused.message : 'No answer came. Look at your connection, and try again.';
}
