// One inbox: its state with the reason, how far it is seen, when it was blind, what it may send, what happened, the latest mails.
import { get, may } from './api.js';
import { whole } from './capacity.js';
import { gapLine } from './chart.js';
import { badge, button, clear, h, problem, span, stateWords, table, when } from './dom.js';
import { pauseOrResume, probe, reconnect } from './deeds.js';
import { every } from './live.js';

export const title = 'Inbox';
const instant = (at) => (at ? when(at) : 'not yet');

function facts(i, again) {
  const state = i.admin_state === 'paused' ? 'paused' : i.state;
  return h('section', {}, h('h2', {}, 'State ', badge(state)), problem(i),
    h('dl', {}, h('dt', {}, 'Since'), h('dd', {}, instant(i.since)), h('dt', {}, 'Waits for'), h('dd', {}, i.waiting_for ?? 'nothing'),
      i.retry_at ? [h('dt', {}, 'Tried again'), h('dd', {}, new Date(i.retry_at).toLocaleTimeString())] : null,
      i.progress ? [h('dt', {}, 'Caught up'), h('dd', {}, `${i.progress.done} of ${i.progress.of} mails`)] : null,
      h('dt', {}, 'Provider'), h('dd', {}, i.provider), h('dt', {}, 'Right to it'), h('dd', {}, i.grant ? `${i.grant.kind}, ${i.grant.state}${i.grant.reason ? `: ${i.grant.reason}` : ''}` : 'none'),
      h('dt', {}, 'Sending'), h('dd', {}, `${i.smtp.state}${i.smtp.reason ? `: ${i.smtp.reason}` : ''}`)),
    may('operator') ? h('div', { class: 'deeds' }, reconnect(i), pauseOrResume(i, again), probe(i, again)) : null);
}

function seen(i, gaps) {
  return h('section', {}, h('h2', {}, 'Seen up to'), gapLine(gaps, i.watermarks.gated_through),
    h('dl', {}, h('dt', {}, 'Gates'), h('dd', {}, instant(i.watermarks.gated_through)), h('dt', {}, 'Events'), h('dd', {}, instant(i.watermarks.ingested_through))),
    h('h3', {}, 'Blind times'), table('Blind times', ['From', 'How long', 'Cause', 'Made up', 'Proven'], gaps.slice(0, 10).map((g) => [when(g.blind_from),
      g.blind_to ? span(Date.parse(g.blind_to) - Date.parse(g.blind_from)) : badge('unwatched', 'still blind'), g.cause, `${g.replayed} mails`, g.verified ? 'yes' : 'not yet']), { empty: i.watermarks.gated_through ? 'It was never blind.' : 'Nothing is seen yet.' }),
    h('h3', {}, 'Folders'), table('Folders', ['Folder', 'Role', 'Looked at', 'Seen up to'], i.folders.map((f) => [f.name, f.role,
      f.seen_by ? `${f.seen_by}${f.seen_every_s ? `, every ${f.seen_every_s} s` : ''}` : 'not yet', instant(f.gated_through)])));
}

const mails = (messages) => table('Latest mails', ['When', 'From', 'Subject', 'Kind', 'Intent', 'Match'],
  messages.map((m) => [when(m.received_at), m.from, m.subject, m.kind ?? m.state, m.intent ?? '', m.match ?? '']), { empty: 'No mail concerned anybody yet.' });

export async function show(main, { params: [id], signal }) {
  const at = `/v1/inboxes/${id}`;
  const place = h('div', {}), lines = h('div', {}), older = h('p', { class: 'deeds' }), latest = h('div', {});
  main.append(h('p', {}, h('a', { href: '#/inboxes' }, 'All inboxes')), place, h('section', {}, h('h2', {}, 'Latest mails'), latest),
    h('section', {}, h('h2', {}, 'What happened'), lines, older));
  let history = [];

  async function timeline(before) {
    const page = await get(`${at}/timeline?limit=50${before ? `&before=${before}` : ''}`, { signal });
    history = before ? [...history, ...page.lines] : page.lines;
    clear(lines, table('What happened', ['When', 'What', 'In words'], history.map((l) => [when(l.at), h('code', {}, l.code), l.words]), { empty: 'Nothing yet.' }));
    clear(older, page.next ? button('Show older', () => timeline(page.next)) : null);
  }
  async function look() {
    const [i, gaps, { messages }, capacity] = await Promise.all([get(at, { signal }), get(`${at}/gaps?limit=100`, { signal }), get(`${at}/messages?limit=20`, { signal }),
      get(`${at}/capacity`, { signal }).catch((e) => { if (e.status !== 404) throw e; })]);
    const focus = place.contains(document.activeElement) ? document.activeElement.textContent : null;
    const link = place.querySelector('.link');
    main.querySelector('h1').textContent = i.address;
    document.title = `${i.address}: ${stateWords[i.state] ?? i.state} – replyd`;
    clear(place, h('div', { class: 'two' }, facts(i, look), seen(i, gaps)), capacity && whole(capacity));
    if (link) place.querySelector('.deeds')?.after(link);
    if (focus) [...place.querySelectorAll('button, a')].find((e) => e.textContent === focus)?.focus();
    clear(latest, mails(messages));
    if (history.length <= 50) await timeline();
  }
  await look();
  every(5000, look, signal);
}
