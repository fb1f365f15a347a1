// Where events go: how each endpoint fares, what was given up, once more, and a test.
import { call, get, may, post } from './api.js';
import { ask, badge, button, clear, deed, h, ms, number, table, when } from './dom.js';
import { every, pause } from './live.js';

export const title = 'Delivery';
const up = (n) => (n > 10000 ? 'over 10,000' : number(n));

// of the last thousand attempts of a day
const success = ({ attempts, delivered }) => (attempts ? `${(100 * delivered / attempts).toFixed(delivered < attempts && delivered * 1000 > attempts * 995 ? 2 : 1)} % of ${number(attempts)}` : '–');
const took = ({ took_ms: { p50, p95 } }) => (p50 === null ? '–' : `${ms(p50)}, p95 ${ms(p95)}`);

const list = (all) => table('Endpoints', ['Endpoint', 'State', 'Success', 'Took', 'Waiting', 'Given up', 'Last success', 'Last failure'], all.map((p) => [
  h('a', { href: `#/delivery/${p.id}` }, p.label || p.url), badge(p.health.state), success(p.health.lately), took(p.health.lately), up(p.health.owed), up(p.health.dead), when(p.health.last_success_at),
  p.health.last_failure_at ? [when(p.health.last_failure_at), ' ', p.health.last_failure ?? ''] : '–']), { empty: 'No endpoint is there yet: make one by POST /v1/endpoints or `replyd endpoint add`.' });

async function test(b, p, signal) {
  await deed(b, async () => {
    const { event_id: id } = await post(`/v1/endpoints/${p.id}/test`);
    for (let i = 0; i < 60 && !signal.aborted; i++) {
      const e = await get(`/v1/events/${id}`, { signal });
      if (e.attempts.length) return e.attempts[0];
      await pause(500, signal);
    }
    return null;
  }, (a) => (a ? `The endpoint answered: ${a.outcome}${a.status ? `, ${a.status}` : ''} in ${a.took_ms} ms.` : 'No attempt was made within half a minute; look at its state.'));
}

async function replay(b, p, body, again, signal) {
  await deed(b, async () => {
    let r = await post(`/v1/endpoints/${p.id}/replay`, body);
    for (let i = 0; i < 20 && r.state === 'running' && !signal.aborted; i++) {
      await pause(500, signal);
      r = await get(`/v1/endpoints/${p.id}/replays/${r.id}`, { signal });
    }
    await again();
    return r;
  }, (r) => (r.state === 'running' ? `${number(r.queued)} are under way, more follow.` : `${number(r.queued)} go out once more.`));
}

async function askReplay(b, p, again, signal) {
  const data = await ask('Replay events', [h('label', {}, 'From', h('input', { name: 'from', type: 'datetime-local', required: true })),
    h('label', {}, 'To (empty: up to now)', h('input', { name: 'to', type: 'datetime-local' })), h('label', {}, 'Types (empty: all), by commas', h('input', { name: 'types' }))], 'Replay');
  if (!data) return;
  const at = (name) => (data.get(name) ? new Date(data.get(name)).toISOString() : undefined);
  const types = data.get('types').split(',').map((t) => t.trim()).filter(Boolean);
  await replay(b, p, { from: at('from'), to: at('to'), types: types.length ? types : undefined }, again, signal);
}

function one(p, dead, again, signal) {
  const toggle = p.state === 'enabled' ? 'disabled' : 'enabled';
  return [h('section', {}, h('h2', {}, p.label || 'Endpoint', ' ', badge(p.health.state)), h('dl', {}, h('dt', {}, 'URL'), h('dd', {}, p.url),
    h('dt', {}, 'Wants'), h('dd', {}, p.types?.join(', ') ?? 'all types'), h('dt', {}, 'Success'), h('dd', {}, success(p.health.lately)), h('dt', {}, 'Took'), h('dd', {}, took(p.health.lately)), h('dt', {}, 'Waiting'), h('dd', {}, up(p.health.owed)), h('dt', {}, 'Given up'), h('dd', {}, up(p.health.dead)),
    h('dt', {}, 'Failing since'), h('dd', {}, p.health.failing_since ? when(p.health.failing_since) : 'it works'), h('dt', {}, 'Last success'), h('dd', {}, when(p.health.last_success_at)),
    h('dt', {}, 'Last failure'), h('dd', {}, p.health.last_failure_at ? [when(p.health.last_failure_at), ` ${p.health.last_failure ?? ''}`] : 'none'),
    p.reason ? [h('dt', {}, 'Reason'), h('dd', {}, p.reason)] : null),
  may('operator') ? h('div', { class: 'deeds' }, button('Send a test', (b) => test(b, p, signal), { quiet: false, disabled: p.state !== 'enabled' }),
    button('Replay ...', (b) => askReplay(b, p, again, signal)),
    may('admin') ? button(p.state === 'enabled' ? 'Disable' : 'Enable', (b) => deed(b, async () => { await call('PATCH', `/v1/endpoints/${p.id}`, { state: toggle }); await again(); }, `It is ${toggle}.`)) : null) : null),
  h('section', {}, h('h2', {}, 'Dead letters'), table('Dead letters', ['Event', 'Type', 'Prospect', 'Tries', 'Outcome', 'Given up', 'Once more'], dead.dead_letters.map((d) => [h('code', {}, d.event_id.slice(0, 8)), d.type,
    d.prospect ?? '', d.tries, `${d.outcome} ${d.status || ''}`, when(d.died_at), may('operator') ? button('Replay it', (b) => replay(b, p, { event_id: d.event_id }, again, signal)) : null]), { empty: 'Nothing was given up.' }),
  may('operator') && dead.dead_letters.length ? h('div', { class: 'deeds' }, button('Replay all', (b) => replay(b, p, { dead: true }, again, signal), { quiet: false })) : null)];
}

export async function show(main, { params: [id], signal }) {
  const place = h('div', {});
  if (id) main.append(h('p', {}, h('a', { href: '#/delivery' }, 'All endpoints')));
  main.append(place);
  const look = async () => {
    const focus = place.contains(document.activeElement) ? document.activeElement.textContent : null;
    if (!id) clear(place, h('section', {}, list(await get('/v1/endpoints', { signal }))));
    else clear(place, one(...await Promise.all([get(`/v1/endpoints/${id}`, { signal }), get(`/v1/endpoints/${id}/dead-letters?limit=50`, { signal })]), look, signal));
    if (focus) [...place.querySelectorAll('button, a')].find((e) => e.textContent === focus)?.focus();
  };
  await look();
  every(5000, async () => { if (!place.querySelector('button:disabled:focus')) await look(); }, signal);
}
