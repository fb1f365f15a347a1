// How all inboxes are, who needs somebody now, what changed, and how fast it goes.
import { call, get, may, post, query } from './api.js';
import { bars, lines } from './chart.js';
import { badge, clear, deed, h, ms, number, problem, stateWords, table, when } from './dom.js';
import { reconnect } from './deeds.js';
import { every } from './live.js';

export const title = 'Overview';
const FIRST = 5; // of those who need somebody; the others are one click away, and the charts in sight
let isWhole = false;
const groups = [['live', ['live']], ['blind', ['unwatched', 'new', 'connecting', 'catching_up']], ['throttled or away', ['backing_off']],
  ['needing the user', ['reauth_required', 'held']], ['paused', ['paused']]];

function sums(counts) {
  const of = (states) => counts.filter((c) => states.includes(c.state)).reduce((n, c) => n + c.n, 0);
  return h('ul', { class: 'sums' }, groups.map(([words, states]) => h('li', {}, h('b', {}, number(of(states))), words)));
}

function byProvider(counts) {
  const names = [...new Set(counts.map((c) => c.provider))].sort();
  const n = (provider, states) => counts.filter((c) => c.provider === provider && states.includes(c.state)).reduce((sum, c) => sum + c.n, 0);
  return table('Inboxes by provider', ['Provider', ...groups.map(([words]) => words)], names.map((name) =>
    [h('a', { href: `#/inboxes?${query({ provider: name })}` }, name), ...groups.map(([, states]) => number(n(name, states)))]), { empty: 'No inbox is connected yet.' });
}

// The button that mends it, where one can from here.
function mend(row) {
  const deeds = [h('a', { class: 'button quiet', href: `#/inboxes/${row.id}` }, 'Look at it')];
  if (may('operator') && ['reauth_required', 'held'].includes(row.state)) deeds.unshift(reconnect(row));
  return h('div', { class: 'deeds' }, deeds);
}

function needs(n, again) {
  const rows = n.inboxes.map((row) => h('li', {}, h('div', { class: 'head' }, h('a', { href: `#/inboxes/${row.id}` }, row.address), badge(row.state),
    h('span', { class: 'soft' }, 'since ', when(row.since))), problem(row), mend(row)));
  const failing = n.endpoints.map((p) => h('li', {}, h('div', { class: 'head' }, h('a', { href: `#/delivery/${p.id}` }, p.label || p.url), badge(p.state)),
    h('div', { class: 'problem' }, h('p', {}, h('strong', {}, 'Events do not arrive. '), p.last_failure ?? p.reason), h('p', {}, h('strong', {}, 'Remedy: '),
      p.state === 'disabled' ? 'mend the receiver, then enable the endpoint and replay what it missed' : 'mend the receiver; what waits is posted by itself then')),
    may('admin') && p.state === 'disabled' ? h('div', { class: 'deeds' }, h('button', { type: 'button', onclick: (e) => deed(e.currentTarget,
      async () => { await call('PATCH', `/v1/endpoints/${p.id}`, { state: 'enabled' }); await again(); }, 'The endpoint is enabled.') }, 'Enable')) : null));
  const unread = n.unread.map((u) => h('li', {}, h('div', { class: 'head' }, h('a', { href: `#/inboxes/${u.id}` }, u.address), badge('held', 'unread mail')),
    h('div', { class: 'problem' }, h('p', {}, `${u.n} mail that nobody could read keeps gates unknown.`), h('p', {}, h('strong', {}, 'Remedy: '), 'look at it in the mailbox, then say so here')),
    may('operator') ? h('div', { class: 'deeds' }, h('button', { type: 'button', onclick: (e) => deed(e.currentTarget,
      async () => { await post(`/v1/inboxes/${u.id}/unread/acknowledge`); await again(); }, 'Acknowledged.') }, 'I have looked at it')) : null));
  const domains = n.domains.map((d) => h('li', {}, h('div', { class: 'head' }, h('strong', {}, `${d.provider} ${d.tenant}`), badge('held', 'whole domain')), problem(d)));
  const all = [...domains, ...rows, ...failing, ...unread];
  return h('section', {}, h('h2', {}, all.length ? `Needs you now: ${n.more ? 'more than ' : ''}${all.length}` : 'Needs you now: nothing'),
    all.length ? h('ul', { class: 'needs' }, all.slice(0, FIRST)) : h('p', { class: 'soft' }, 'Nobody has to do anything.'),
    all.length > FIRST ? h('details', { open: isWhole, ontoggle: (e) => { isWhole = e.currentTarget.open; } },
      h('summary', {}, `${all.length - FIRST} more`), h('ul', { class: 'needs' }, all.slice(FIRST))) : null);
}

const sum = (types, prefix) => Object.entries(types).filter(([t]) => t.startsWith(prefix)).reduce((n, [, x]) => n + x, 0);
function day(hours) { // every hour has its place, also one without events
  const first = new Date(); first.setMinutes(0, 0, 0);
  const known = new Map(hours.map((x) => [Date.parse(x.at), x]));
  return Array.from({ length: 24 }, (_, i) => new Date(first - (23 - i) * 3600e3)).map((at) => ({ at, types: {}, ...known.get(at.getTime()) }));
}
const types = [{ name: 'replies', of: (p) => sum(p.types, 'reply.received') + sum(p.types, 'reply.unsubscribe') }, { name: 'automatic', of: (p) => sum(p.types, 'reply.auto') },
  { name: 'bounces', of: (p) => sum(p.types, 'bounce.') + sum(p.types, 'complaint.') }];
const speeds = [{ name: 'arrived to detected, p95', of: (p) => p.arrived_to_detected?.p95 }, { name: 'detected to delivered, p50', of: (p) => p.detected_to_delivered?.p50 },
  { name: 'detected to delivered, p95', of: (p) => p.detected_to_delivered?.p95 }];

export async function show(main, { signal }) {
  const place = h('div', {});
  main.append(place);
  const look = async () => {
    const o = await get('/v1/overview', { signal });
    const focus = document.activeElement?.closest?.('#main a, #main button, #main summary');
    const again = focus && [...place.querySelectorAll('a, button, summary')].indexOf(focus);
    clear(place, sums(o.counts), needs(o.needs, look),
      h('div', { class: 'two' }, h('section', {}, bars('Replies and bounces of the last 24 hours', day(o.hours), types)),
        h('section', {}, lines('How long it took, by the hour', day(o.latency), speeds, ms))),
      h('div', { class: 'two' }, h('section', {}, h('h2', {}, 'By provider'), byProvider(o.counts)),
        h('section', {}, h('h2', {}, 'Changed in the last hour'), table('Changed in the last hour', ['Inbox', 'State', 'When'],
          o.changed.map((row) => [h('a', { href: `#/inboxes/${row.id}` }, row.address), badge(row.state, stateWords[row.state]), when(row.since)]), { empty: 'No inbox changed its state.' }))));
    if (again >= 0) place.querySelectorAll('a, button, summary')[again]?.focus();
  };
  await look();
  every(10000, look, signal);
}
