// What comes back, as it comes: kind, intent, why it is taken for that, where it went; and a wrong label is mended.
import { get, may, post, query } from './api.js';
import { ask, badge, button, clear, deed, h, number, table, when } from './dom.js';
import { pause } from './live.js';

export const title = 'Replies';
const families = [['reply.*,bounce.*,complaint.received', 'all that came back'], ['reply.received,reply.unsubscribe', 'people'], ['reply.auto', 'automatic'], ['bounce.*,complaint.received', 'bounces and complaints']];
const kinds = ['reply', 'auto_reply.out_of_office', 'auto_reply.left_company', 'auto_reply.ticket', 'auto_reply.challenge', 'auto_reply.other', 'bounce.hard', 'bounce.soft',
  'bounce.delayed', 'complaint', 'read_receipt', 'calendar_reply', 'list_mail', 'unrelated'];
const intents = ['interested', 'meeting', 'information_request', 'not_now', 'not_interested', 'wrong_person', 'referral', 'left_company', 'unsubscribe', 'complaint_threat', 'neutral'];
const mood = (e) => (e.type.startsWith('bounce.') || e.type === 'complaint.received' ? 'held' : e.type === 'reply.auto' ? 'paused' : 'live');

async function correct(b, e, again) {
  const option = (x) => h('option', { value: x }, x || 'as it is');
  const data = await ask('What is it really?', [h('label', {}, 'Kind', h('select', { name: 'kind' }, ['', ...kinds].map(option))),
    h('label', {}, 'Intent, of a reply', h('select', { name: 'intent' }, ['', ...intents].map(option)))], 'Correct it');
  const wish = Object.fromEntries([...(data ?? [])].filter(([, v]) => v));
  if (!data || Object.keys(wish).length === 0) return;
  await deed(b, async () => {
    const answer = await post(`/v1/messages/${e.data.message.id}/reclassify`, wish);
    await again();
    return answer;
  }, (answer) => (answer.event_id ? `It is ${answer.kind}${answer.intent ? `, ${answer.intent}` : ''} now; the gate is ${answer.gate?.reason || 'open'}.` : 'It was that already.'));
}

async function why(place, e) {
  const [m, told] = await Promise.all([get(`/v1/messages/${e.data.message.id}`), get(`/v1/events/${e.id}`)]);
  clear(place, h('h2', {}, 'Why it is taken for this'),
    table('Evidence', ['Rule', 'Found in', 'What'], (m.evidence ?? []).map((x) => [h('code', {}, x.rule), x.source, x.text]), { empty: 'No rule spoke; nothing says otherwise.' }),
    h('h2', {}, 'Whose answer it is'), table('Matches', ['Prospect', 'Sequence', 'By', 'Sure', 'Evidence'],
      (m.matches ?? []).map((x) => [x.prospect, `${x.sequence ?? ''} ${x.step ?? ''}`, x.method, x.confidence, x.evidence])),
    h('h2', {}, 'Delivery'), table('Attempts', ['When', 'Try', 'Outcome', 'Status', 'Took'],
      told.attempts.map((a) => [when(a.at), a.try, badge(a.outcome === 'delivered' ? 'delivered' : 'dead', a.outcome), a.status || '–', `${a.took_ms} ms`]), { empty: told.owed ? 'It is on its way.' : 'No endpoint wants it.' }));
}

function line(e, again) {
  const d = e.data, place = h('div', {});
  const open = h('details', { ontoggle: (x) => { if (x.target === open && open.open && !place.firstChild) deed(open, () => why(place, e), ''); } }, h('summary', {}, 'Why?'), place);
  return h('article', { class: 'event', 'data-id': e.id, 'aria-label': `${d.kind ?? e.type} of ${d.prospect?.address ?? ''}` }, h('div', { class: 'head' },
    badge(mood(e), d.kind ?? e.type), d.intent ? badge('new', d.intent) : null, h('strong', {}, d.message?.from || d.prospect?.address || d.prospect?.key || ''),
    h('span', {}, d.message?.subject ?? ''), h('span', { class: 'soft' }, when(e.timestamp))),
  h('p', { class: 'soft' }, `to ${d.inbox?.address ?? ''}, ${d.sequence ?? ''} ${d.step ?? ''}; gate ${d.gate?.reason || 'open'}; sure by ${Math.round((d.confidence ?? 0) * 100)} %`),
  d.message?.id ? open : null, may('operator') && d.message?.id ? h('div', { class: 'deeds' }, button('Correct the label', (b) => correct(b, e, again))) : null);
}

export async function show(main, { search, signal }) {
  let types = search.get('types') ?? families[0][0], next, turn = 0;
  const list = h('div', { 'aria-live': 'polite', 'aria-relevant': 'additions' }), told = h('p', { class: 'soft', role: 'status' });

  const add = (events) => {
    if (events.length === 0) return;
    list.querySelector('.none')?.remove();
    for (const e of events) list.prepend(line(e, follow));
    while (list.children.length > 200) list.lastChild.remove();
  };
  const read = (after, wait) => get(`/v1/events?${query({ after, types, limit: 100, wait })}`, { signal });

  // What is there already: the newest few hundred positions, then all that comes.
  async function begin() {
    const mine = ++turn;
    const { position, behind } = await get('/v1/events/ack?consumer=console-reads-only', { signal });
    next = Math.max(position, position + behind - 500);
    clear(list, h('p', { class: 'soft none' }, 'Nothing of this came lately.'));
    await follow();
    told.textContent = `the newest ${number(Math.min(500, behind))} events were looked at; new ones appear by themselves`;
    stream(mine);
  }
  async function follow() {
    for (let page; !page || page.events.length === 100;) {
      page = await read(next);
      add(page.events);
      if (page.next === next) break;
      next = page.next;
    }
  }
  async function stream(mine) {
    while (!signal.aborted && mine === turn) {
      try {
        const from = next, page = await read(from, 20);
        if (mine !== turn) return;
        if (from === next) { // nobody read on meanwhile
          next = page.next;
          add(page.events);
        }
        if (page.events.length === 0 && page.next === from) await pause(200, signal);
      } catch (e) {
        if (signal.aborted) return;
        await pause(e.status === 410 ? 0 : 3000, signal);
        if (e.status === 410) next = e.body.oldest ?? next;
      }
    }
  }
  main.append(h('div', { class: 'filters' }, h('label', { for: 'types' }, 'Show', h('select', { id: 'types', onchange: (e) => { types = e.target.value; begin(); } },
    families.map(([value, words]) => h('option', { value, selected: value === types }, words))))), h('section', {}, told, list));
  await begin();
}
