// Elements, words for instants and numbers, and the few pieces that every page has.

export function h(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) e.addEventListener(name.slice(2), value);
    else e.setAttribute(name, value === true ? '' : value);
  }
  e.append(...children.flat(3).filter((c) => c !== null && c !== undefined && c !== false));
  return e;
}

export const clear = (e, ...children) => { e.replaceChildren(...children.flat(3).filter(Boolean)); return e; };

const spans = [[86400e3, 'd'], [3600e3, 'h'], [60e3, 'min'], [1e3, 's']];
export function span(ms) {
  const [size, unit] = spans.find(([s]) => ms >= s) ?? spans.at(-1);
  return `${Math.max(0, Math.round(ms / size))} ${unit}`;
}
export const ago = (at) => (at ? `${span(Date.now() - Date.parse(at))} ago` : 'never');
export const full = (at) => new Date(at).toLocaleString([], { dateStyle: 'medium', timeStyle: 'medium' });
export const when = (at) => (at ? h('time', { datetime: at, title: full(at) }, ago(at)) : h('span', {}, '–'));
// what is yet to come
export const ahead = (at) => h('time', { datetime: at, title: full(at) }, Date.parse(at) > Date.now() ? `in ${span(Date.parse(at) - Date.now())}` : 'now');
export const number = (n) => n.toLocaleString('en');
export const ms = (n) => (n === null || n === undefined ? '–' : n >= 10000 ? `${(n / 1000).toFixed(0)} s` : n >= 1000 ? `${(n / 1000).toFixed(1)} s` : `${Math.round(n)} ms`);

// What is good, what waits, what is bad: never by colour alone, the word stands there.
const moods = { live: 'good', healthy: 'good', delivered: 'good', reauth_required: 'bad', held: 'bad', disabled: 'bad', dead: 'bad',
  backing_off: 'wait', unwatched: 'wait', slowed: 'wait', probing: 'bad', connecting: 'wait', catching_up: 'wait', paused: 'idle', new: 'idle' };
export const stateWords = { live: 'live', reauth_required: 'needs consent', held: 'held', backing_off: 'throttled or away', unwatched: 'blind',
  connecting: 'connecting', catching_up: 'catching up', paused: 'paused', new: 'new' };
export const badge = (state, words = stateWords[state] ?? state) => h('span', { class: `badge ${moods[state] ?? 'idle'}` }, words);

export const button = (words, act, { quiet = true, disabled } = {}) =>
  h('button', { type: 'button', class: quiet ? 'quiet' : '', onclick: (e) => act(e.currentTarget), disabled }, words);

// heads: words of the columns; rows: arrays of cells
export function table(caption, heads, rows, { empty = 'Nothing here.' } = {}) {
  if (rows.length === 0) return h('p', { class: 'soft' }, empty);
  return h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    h('table', {}, h('caption', { class: 'unseen' }, caption),
      h('thead', {}, h('tr', {}, heads.map((c) => h('th', { scope: 'col' }, c)))),
      h('tbody', {}, rows.map((cells) => h('tr', {}, cells.map((c, i) => h('td', { 'data-head': heads[i] }, c)))))));
}

// What somebody did, and what came of it: read out, and gone by itself when the next one comes.
export function say(words, isBad = false) {
  const place = document.getElementById('said');
  place.className = isBad ? 'bad' : '';
  place.textContent = words;
}

// Runs what a button is for, once at a time, and tells how it ended.
export async function deed(control, work, done) {
  control.disabled = true;
  try {
    const result = await work();
    say(typeof done === 'function' ? done(result) : done);
    return result;
  } catch (e) {
    if (e.name === 'AbortError') return null; // the page was left
    if (e.status === undefined && e.name !== 'TypeError') throw e;
    say(e.words ?? 'The server cannot be reached.', true);
    return null;
  } finally {
    control.disabled = false;
  }
}

// The remedy of a problem, as the rows of services/words have it.
const menders = { itself: 'mends itself', user: 'the user mends it', admin: 'the administrator of the mailbox mends it', operator: 'the operator mends it' };
export function problem(row) {
  if (!row.reason_title) return null;
  return h('div', { class: 'problem' },
    h('p', {}, h('strong', {}, row.reason_title), ' ', h('span', { class: 'soft' }, menders[row.mended_by] ?? '')),
    h('p', {}, row.reason_words), row.remedy ? h('p', {}, h('strong', {}, 'Remedy: '), row.remedy) : null,
    row.detail ? h('p', { class: 'soft said' }, `The server said: ${row.detail}`) : null);
}

// A question before what cannot be taken back, and small forms: resolves to the form's data, or null.
export function ask(title, fields, deedWords) {
  return new Promise((done) => {
    const dialog = h('dialog', { 'aria-labelledby': 'asked' },
      h('form', { method: 'dialog' }, h('h2', { id: 'asked' }, title), fields,
        h('p', { class: 'deeds' }, h('button', { value: 'yes' }, deedWords), h('button', { class: 'quiet', value: '', formnovalidate: true }, 'Cancel'))));
    dialog.addEventListener('close', () => {
      const data = dialog.returnValue === 'yes' ? new FormData(dialog.querySelector('form')) : null;
      dialog.remove();
      done(data);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
