// Who sends for whom: the pools, what they may still send today, who rests and why, and whether the load is fair.
import { get, query } from './api.js';
import { bar, because, key, lifts, sent } from './capacity.js';
import { badge, button, clear, h, number, span, table } from './dom.js';
import { every } from './live.js';

export const title = 'Rotation';
const FEW = 12;     // pools whose capacity is asked for in the list
const SHOWN = 50;   // inboxes at first
const LARGE = 1000; // members from which a look is too long to take it again and again
const matches = { off: 'whatever provider', prefer: "the recipient's provider is preferred", strict: "only the recipient's provider" };
const rebinds = { hold: 'its conversations wait', rebind_new_thread: 'others go on in new threads', stop: 'its conversations end' };
// These take an inbox out whatever the hour is; what is left waits for its turn.
const out = ['removed', 'paused', 'draining', 'reauth_required', 'suspended', 'health', 'away', 'inbox_behind', 'limited'];

const summed = (c) => ({ cap: c.cap, used: c.used, left: c.left, held: c.inboxes.reduce((n, i) => n + i.held, 0) });

function list(pools, capacities) {
  return table('Pools', ['Pool', 'Inboxes', 'Can send now', 'Today'], pools.map((p) => {
    const c = capacities.get(p.id);
    return [h('a', { href: `#/rotation/${p.id}` }, p.name), number(p.members), c ? number(c.able) : '–', c && p.members ? bar(summed(c), c.cap) : '–'];
  }), { empty: 'No pool is there yet: make one by POST /v1/pools or `replyd pool create`.' });
}

function resting(c) {
  const rows = c.inboxes.filter((i) => !i.first.may);
  const soonest = (i) => (i.first.lifts_at ? Date.parse(i.first.lifts_at) : Infinity);
  rows.sort((a, b) => out.includes(b.first.binds) - out.includes(a.first.binds) || soonest(a) - soonest(b));
  return h('section', {}, h('h2', {}, rows.length ? `Resting: ${number(rows.length)} of ${number(c.members)}` : 'Resting: nobody'),
    rows.length ? h('ul', { class: 'causes' }, Object.entries(c.refused).map(([why, n]) => h('li', {}, badge(out.includes(why) ? 'held' : 'paused', number(n)), ' ', because(why)))) : null,
    table('Resting', ['Inbox', 'Why no first mail leaves', 'Lifts', 'A follow-up'], rows.slice(0, SHOWN).map((i) => [h('a', { href: `#/inboxes/${i.inbox_id}` }, i.address),
      because(i.first.binds), lifts(i.first), i.follow_up.may ? 'may leave' : because(i.follow_up.binds)]), { empty: c.members ? 'Everybody can send now.' : 'The pool has no members.' }),
    rows.length > SHOWN ? h('p', { class: 'soft' }, `and ${number(rows.length - SHOWN)} more`) : null);
}

// What an inbox is charged beside what it would be if all were loaded by cap and weight, as the picks aim at.
export function shares(inboxes) {
  const among = inboxes.filter((i) => i.tier === 'primary' && i.cap > 0 && !out.includes(i.first.binds));
  const all = among.reduce((n, i) => n + i.cap * i.weight, 0), used = among.reduce((n, i) => n + i.used, 0);
  return among.map((i) => ({ ...i, due: used * i.cap * i.weight / all })).map((i) => ({ ...i, off: i.used - i.due })).sort((a, b) => b.off - a.off);
}

function fairness(c) {
  const rows = shares(c.inboxes), ends = rows.length > 10 ? [...rows.slice(0, 5), ...rows.slice(-5)] : rows;
  const most = Math.max(0, ...rows.map((i) => Math.abs(i.off)));
  return h('section', {}, h('h2', {}, 'Fairness'), h('p', {}, rows.length > 1 ? `Nobody is more than ${most.toFixed(1)} mails off the share that cap and weight give.`
    : 'Fewer than two inboxes share the load today.'), rows.length > ends.length ? h('p', { class: 'soft' }, 'The five furthest above and the five furthest below.') : null,
  rows.length > 1 ? table('Fairness', ['Inbox', 'Weight', 'Sent and promised', 'Its share', 'Off'], ends.map((i) => [h('a', { href: `#/inboxes/${i.inbox_id}` }, i.address), i.weight,
    number(i.used), i.due.toFixed(1), `${i.off > 0 ? '+' : ''}${i.off.toFixed(1)}`])) : null);
}

function today(c, isWhole, open) {
  const rows = [...c.inboxes].sort((a, b) => b.left - a.left || b.cap - a.cap), most = Math.max(1, ...rows.map((i) => i.cap));
  return h('section', {}, h('h2', {}, 'Capacity of today'), c.members ? [bar(summed(c), c.cap), key()] : null,
    table('Capacity of today', ['Inbox', 'Tier', 'Today'], rows.slice(0, isWhole ? rows.length : SHOWN).map((i) => [h('a', { href: `#/inboxes/${i.inbox_id}` }, i.address), i.tier, bar(i, most)]),
      { empty: 'The pool has no members.' }),
    !isWhole && rows.length > SHOWN ? h('p', { class: 'deeds' }, button(`Show all ${number(rows.length)}`, open)) : null);
}

function one(p, c, isWhole, open) {
  return [h('ul', { class: 'sums' }, [[c.able, `of ${number(c.members)} can send now`], [c.inboxes.reduce((n, i) => n + sent(i), 0), 'sent today'],
    [summed(c).held, 'promised'], [c.left, 'left today'], [c.left_new, 'of them first mails']].map(([n, words]) => h('li', {}, h('b', {}, number(n)), words))),
  c.able === 0 && c.retry_at ? h('p', {}, 'The first of them can send ', lifts({ lifts_at: c.retry_at }), '.') : null,
  resting(c), today(c, isWhole, open), fairness(c),
  h('section', {}, h('h2', {}, 'Rules'), h('dl', {}, h('dt', {}, 'Inbox for a recipient'), h('dd', {}, matches[p.provider_match]), h('dt', {}, 'An inbox that is gone'), h('dd', {}, rebinds[p.rebind]),
    h('dt', {}, 'Between two mails to a person'), h('dd', {}, span(1000 * p.contact_gap_s)), h('dt', {}, 'To a company in a day'), h('dd', {}, p.company_cap_day ? number(p.company_cap_day) : 'any number'),
    h('dt', {}, 'Who answers'), h('dd', {}, p.company_stop ? 'stops his company' : 'stops himself')))];
}

async function showPool(main, id, signal) {
  const place = h('div', {});
  let isWhole = false, isLarge = false;
  main.append(h('p', {}, h('a', { href: '#/rotation' }, 'All pools')), place);
  const look = async () => {
    const [p, c] = await Promise.all([get(`/v1/pools/${id}`, { signal }), get(`/v1/pools/${id}/capacity`, { signal })]);
    const focus = place.contains(document.activeElement) ? document.activeElement.textContent : null;
    main.querySelector('h1').textContent = p.name;
    document.title = `${p.name} – replyd`;
    isLarge = c.members > LARGE;
    clear(place, one(p, c, isWhole, async () => { isWhole = true; await look(); }));
    if (focus) [...place.querySelectorAll('button, a')].find((e) => e.textContent === focus)?.focus();
  };
  await look();
  every(15000, async () => { if (!isLarge) await look(); }, signal);
}

export async function show(main, { params: [id], signal }) {
  if (id) {
    await showPool(main, id, signal);
    return;
  }
  const place = h('div', {}), more = h('p', { class: 'deeds' });
  let pools = [];
  async function page(after) {
    const answer = await get(`/v1/pools?${query({ limit: 100, after })}`, { signal });
    pools = after ? [...pools, ...answer.pools] : answer.pools;
    const few = pools.slice(0, FEW).filter((p) => p.members <= LARGE);
    const capacities = new Map(await Promise.all(few.map(async (p) => [p.id, await get(`/v1/pools/${p.id}/capacity`, { signal }).catch((e) => { if (e.status !== 404) throw e; })])));
    clear(place, list(pools, capacities));
    clear(more, answer.next ? button('Show more', () => page(answer.next)) : null);
  }
  main.append(h('section', {}, place, more));
  await page();
  every(15000, async () => { if (pools.length <= 100 && !place.contains(document.activeElement)) await page(); }, signal);
}
