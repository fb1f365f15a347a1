// Any number of inboxes: filtered, sorted, searched, page by page as one scrolls on.
import { get, query } from './api.js';
import { badge, button, clear, h, stateWords, table, when } from './dom.js';
import { every, pause } from './live.js';

export const title = 'Inboxes';
const states = ['reauth_required', 'held', 'backing_off', 'unwatched', 'paused', 'new', 'connecting', 'catching_up', 'live'];

const line = (row) => [h('a', { href: `#/inboxes/${row.id}` }, row.address), row.provider, badge(row.state),
  row.reason_title ? h('span', {}, row.reason_title, row.mended_by === 'itself' ? '' : h('span', { class: 'soft' }, ` – ${row.remedy}`)) : '', when(row.since)];
const heads = ['Inbox', 'Provider', 'State', 'What is wrong', 'Since'];

export async function show(main, { search, signal }) {
  const wish = Object.fromEntries(['q', 'state', 'provider', 'sort'].map((k) => [k, search.get(k) ?? '']));
  const list = h('div', { 'aria-live': 'off' }), more = h('p', { class: 'deeds' }), told = h('p', { class: 'soft', role: 'status' });
  let rows = [], next = null, turn = 0;

  async function page(after) {
    const mine = ++turn;
    const answer = await get(`/v1/overview/inboxes?${query({ ...wish, sort: wish.state ? '' : wish.sort, after, limit: 100 })}`, { signal });
    if (mine !== turn) return; // somebody typed on
    rows = after ? [...rows, ...answer.inboxes] : answer.inboxes;
    next = answer.next;
    clear(list, table('Inboxes', heads, rows.map(line), { empty: 'No inbox is like that.' }));
    told.textContent = `${rows.length}${next ? ' shown, there are more' : ` inbox${rows.length === 1 ? '' : 'es'}`}`;
    clear(more, next ? button('Show more', () => page(next)) : null);
  }

  async function change(name, value) {
    wish[name] = value;
    history.replaceState(null, '', `#/inboxes?${query(wish)}`);
    sort.disabled = Boolean(wish.state);
    if (name === 'q') { // not for every letter
      const mine = ++turn;
      await pause(150, signal);
      if (mine !== turn) return;
    }
    await page();
  }
  const select = (name, words, options) => h('select', { id: `by-${name}`, onchange: (e) => change(name, e.target.value) },
    options.map(([value, label]) => h('option', { value, selected: wish[name] === value }, label)));
  const sort = select('sort', 'Order', [['', 'by address'], ['state', 'worst first'], ['since', 'changed last']]);
  const field = (id, words, control) => h('label', { for: id }, words, control);

  sort.disabled = Boolean(wish.state);
  main.append(h('form', { class: 'filters', role: 'search', onsubmit: (e) => e.preventDefault() },
    field('by-q', 'Part of an address', h('input', { id: 'by-q', type: 'search', value: wish.q, maxlength: 100, oninput: (e) => change('q', e.target.value) })),
    field('by-state', 'State', select('state', 'State', [['', 'all'], ...states.map((x) => [x, stateWords[x]])])),
    field('by-provider', 'Provider', h('input', { id: 'by-provider', value: wish.provider, onchange: (e) => change('provider', e.target.value) })),
    field('by-sort', 'Order', sort)), h('section', {}, told, list, more));
  await page();
  every(15000, async () => { if (rows.length <= 100 && !list.contains(document.activeElement)) await page(); }, signal);
}
