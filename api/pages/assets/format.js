// format.js writes numbers, prices and times as the reader is used to.

const whole = new Intl.NumberFormat(), clock = new Intl.DateTimeFormat(undefined, {timeStyle: 'medium'});
const moneys = new Map(), places = new Map(); // making a format takes far longer than using it

/** count writes a whole number. */
export const count = n => whole.format(n);

/** number writes a number with so many decimal places. */
export function number(n, digits = 1) {
  if (!places.has(digits)) places.set(digits, new Intl.NumberFormat(undefined, {minimumFractionDigits: digits, maximumFractionDigits: digits}));
  return places.get(digits).format(n);
}

/** money writes an amount in minor units. */
export function money(amount, currency) {
  if (!moneys.has(currency)) {
    try { moneys.set(currency, new Intl.NumberFormat(undefined, {style: 'currency', currency})); } catch { return `${amount / 100} ${currency}`; }
  }
  const format = moneys.get(currency);
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

/** span writes how long something takes, as a clock does. */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const two = n => String(n).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  return hours ? `${hours}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}` : `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
}

/** spoken writes the same for reading aloud. */
export function spoken(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  if (seconds >= 90) return `about ${Math.round(seconds / 60)} minutes`;
  return seconds === 1 ? '1 second' : `${seconds} seconds`;
}

/** time writes a moment of today. */
export const time = moment => clock.format(moment);

/** estimate writes how long units last: "about 2–3 min left". */
export function estimate(range) {
  if (!range) return '';
  const [least, most] = range.map(ms => Math.max(0, ms) / 60_000);
  if (most < 1) return 'less than a minute left';
  if (least > 120) return '';
  const from = Math.max(1, Math.floor(least)), to = Math.max(from, Math.ceil(most));
  return from === to ? `about ${from} min left` : `about ${from}–${to} min left`;
}

const dayMax = 48 * 3_600_000; // what is further away is a day, and no countdown
const day = moment => new Date(moment).toLocaleDateString(undefined, {day: 'numeric', month: 'long', year: 'numeric'});

const phases = {scheduled: 'Not on sale yet', live: 'On sale', paused: 'Paused for the moment', sold_out: 'Nothing left, nothing held', ended: 'The sale has ended'};

/** phase names a phase, with what there is to wait for by the server's clock. */
export function phase(name, start, end, now) {
  if (name === 'scheduled' && start && now < start) return start - now < dayMax ? `Starts in ${span(start - now)}` : `Starts on ${day(start)}`;
  if ((name === 'live' || name === 'paused') && end && now < end) return `${phases[name]} · ends ${end - now < dayMax ? `in ${span(end - now)}` : `on ${day(end)}`}`;
  return phases[name] ?? name;
}

/** soon guesses the phase while nothing is heard, from its bounds. */
export function soon(name, start, end, now) {
  if (end && now >= end) return 'ended';
  return name === 'scheduled' && start && now >= start ? 'live' : name;
}

/** letter stands where others have a picture. */
export const letter = name => /[\p{L}\p{N}]/u.exec(name)?.[0].toUpperCase() ?? '';
