// What docs/openapi.json says is what is answered: every call, asked rightly and wrongly, without a key, with too narrow a
// one, and for what belongs to another workspace.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Api } from '../sandbox/api.mjs';
import { desktop, phone, complaints, startBrowser } from '../sandbox/browser.mjs';
import { calls, document, resolved, wrongBodies, wrongQueries, wrongWith } from '../sandbox/contract.mjs';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

const none = '00000000-0000-4000-8000-000000000000';
const tenant = 'example.test';
const scopes = [...new Set(calls.map((c) => c.scope).filter(Boolean))];
// with a key; /v1/session is the browser's (88-sessions)
const ours = calls.filter((c) => c.scope);
let box, things, other, own = {};

// slots of an inbox that may send at any hour: what each call ends is its own
async function slotsOf(api, inboxId) {
  const all = JSON.stringify([{ days: [1, 2, 3, 4, 5, 6, 7], from: 0, to: 1440 }]);
  await insideOf(box.replyd).psql(`begin; set local search_path = replyd; set local replyd.workspace = '${box.workspace}';
    insert into send_policy (workspace_id, inbox_id, cap_day, cap_new_share, gap_s, ramp, windows)
    values ('${box.workspace}', '${inboxId}', 2000, 1, 0, 'established', '${all}'); commit`);
  const slots = [];
  for (const name of ['first', 'second', 'third']) {
    const answer = await api.call('POST', '/v1/slots', { inbox_id: inboxId, sequence: 'contract', step: '1', kind: 'first',
      prospect: { address: `${name}@example.test` } }, { 'idempotency-key': name });
    assert.equal(answer.status, 200, answer.text);
    slots.push(answer.body.slot_id);
  }
  return slots;
}

// one of each thing that has an id
async function thingsOf(api, inboxId, event) {
  const [slot, failed, released] = await slotsOf(api, inboxId);
  own = { slotFailed: { slot_id: failed }, releaseSlot: { slot_id: released } };
  const endpoint = await api.post('/v1/endpoints', { url: box.engine.url });
  const replay = await api.post(`/v1/endpoints/${endpoint.id}/replay`, { event_id: event.id });
  const link = await api.post('/v1/connect-links', { provider: 'sandbox', address: 'link@example.test' });
  const grant = await api.post('/v1/domain-grants', { provider: 'sandbox', tenant, client_id: 'domain-app', client_secret: 'a secret' });
  const pool = await api.post('/v1/pools', { name: 'of the contract' });
  return { pool_id: pool.id, group_kind: 'domain', group_name: 'example.test', inbox_id: inboxId, link_id: link.id, grant_id: grant.id, endpoint_id: endpoint.id, replay_id: replay.id, event_id: event.id,
    message_id: event.data.message.id, prospect: event.data.prospect.key, slot_id: slot };
}

before(async () => {
  box = await startSandbox({ withReplyd: false });
  Object.assign(box.replyd.settings, { 'ingest.proof': '2s', 'provider.sandbox.domain_access': 'app_only',
    'provider.sandbox.domain_token_url': box.oidc.tokenUrl, 'provider.sandbox.domain_scope': 'imap',
    'provider.sandbox.admin_consent_url': 'https://login.example.test/{tenant}/adminconsent?client_id={client_id}' });
  await box.begin();
  await box.oidc.application();
  const ada = await box.connect('ada@example.test');
  const [out] = await box.register([{ inboxId: ada.id, inbox: ada.address, prospect: 'pat@example.test' }]);
  const mail = humanReply(out);
  await box.deliver(ada.address, mail);
  const { event } = await box.engine.waitFor('the reply', (e) => isOf(e, mail), { timeoutMs: 60000 });
  box.api = new Api(box.replyd.base, await box.replyd.key(box.workspace, '--scopes', scopes.join(',')));
  things = await thingsOf(box.api, ada.id, event);
  const { id } = await box.replyd.workspace('other');
  other = new Api(box.replyd.base, await box.replyd.key(id, '--scopes', scopes.join(',')));
});
after(endAll);

const idsOf = (call) => call.params.filter((p) => p.in === 'path');
const fill = (call, values) => call.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name]));

// what the document's example cannot know: of this run, and of this machine
const bodies = {
  createConnectLink: () => ({ provider: 'sandbox', address: 'more@example.test', return_url: 'https://app.example.test/', expires_in_s: 3600 }),
  connectInbox: () => ({ address: 'byhand@example.test', provider: 'apppassword', password: 'sandbox-password' }),
  createDomainGrant: () => ({ provider: 'sandbox', tenant, client_id: crypto.randomUUID(), client_secret: 'a secret' }),
  createSlot: (example) => ({ ...example, inbox_id: things.inbox_id }),
  registerOutbound: (example) => ({ items: [{ ...example.items[0], inbox_id: things.inbox_id }] }),
  createEndpoint: (example) => ({ ...example, url: box.engine.url }),
  replay: () => ({ event_id: things.event_id }),
  setPoolMembers: (example) => ({ members: [{ ...example.members[0], inbox_id: things.inbox_id }] }),
  resumeProspect: () => ({ reason: 'replied' }),
};
const bodyOf = (call) => {
  if (!call.body) return undefined;
  const example = structuredClone(call.body.example);
  return bodies[call.id] ? bodies[call.id](example) : example;
};
const queryOf = (call) => {
  const wanted = call.params.filter((p) => p.in === 'query' && p.required);
  return wanted.length ? `?${wanted.map((p) => `${p.name}=ann@example.test`).join('&')}` : '';
};

// every complaint of a test is told, not the first alone
function complaintsOf() {
  const all = [];
  return { all, check: (ok, words) => { if (!ok) all.push(words); }, done: () => assert.deepEqual(all, []) };
}

const headersOf = (call) => Object.fromEntries(call.params.filter((p) => p.in === 'header' && p.required).map((p) => [p.name, crypto.randomUUID()]));

async function ask(api, call, { ids = { ...things, ...own[call.id] }, body = bodyOf(call), query = queryOf(call), headers = headersOf(call), path = fill(call, ids) } = {}) {
  const answer = await api.call(call.method, path + query, body, headers);
  const name = `${call.id}: ${call.method} ${path}${query} ${JSON.stringify(body)?.slice(0, 120) ?? ''} -> ${answer.status}`;
  assert.equal(wrongWith(call, answer), null, `${name} ${answer.text.slice(0, 300)}`);
  if (answer.status >= 400 && call.path !== '/readyz') {
    assert.equal(answer.body.request_id, answer.headers.get('x-request-id'), name);
    assert.equal(answer.body.status, answer.status, name);
  }
  return Object.assign(answer, { name });
}

test('what is asked rightly is answered as documented', async () => {
  // what takes things away comes last, and takes what was made for it
  const made = {}, found = complaintsOf();
  for (const call of ours.filter((c) => c.method !== 'DELETE')) {
    // The inbox was paused before, and is on its way back.
    const asked = call.path.startsWith('/v1/slots') ? () => until(`${call.id} to be let through`, async () => {
      const answer = await ask(box.api, call);
      return [423, 429].includes(answer.status) ? null : answer;
    }, { timeoutMs: 30000 }) : () => ask(box.api, call);
    const answer = await asked().catch((e) => { found.all.push(e.message); return null; });
    if (!answer) continue;
    made[call.id] = answer.body;
    // nothing is looked up beyond this machine
    found.check(answer.status < 300 || (call.id === 'discover' && answer.status >= 422), `${answer.name} ${answer.text}`);
  }
  found.done();
  const extra = { inbox_id: things.inbox_id, grant_id: made.createDomainGrant.id, endpoint_id: made.createEndpoint.id };
  for (const call of ours.filter((c) => c.method === 'DELETE' && c.id !== 'removeInbox'))
    assert.equal((await ask(box.api, call, { ids: { ...things, ...extra } })).status, 200);
  for (const call of calls.filter((c) => c.op.tags[0] === 'Service'))
    assert.equal((await ask(new Api(box.replyd.base), call, { ids: { file: 'reply.received.schema.json' } })).status, 200);
});

test('what is asked wrongly is refused by field, with what to do', async () => {
  let n = 0;
  const found = complaintsOf();
  for (const call of ours.filter((c) => c.body)) {
    const good = bodyOf(call), may = call.op.requestBody.required === false; // it may come without one
    for (const [what, body] of wrongBodies(call.body, good)) {
      const answer = await ask(box.api, call, { body });
      found.check(answer.status === 400 && answer.body.code === 'bad_field', `${call.id} ${what}: ${answer.status} ${answer.text.slice(0, 200)}`);
      found.check(answer.status !== 400 || answer.body.field, `${call.id} ${what}: no field: ${answer.text.slice(0, 200)}`);
      n++;
    }
    for (const [body, status, code] of [...(may ? [] : [['', 400, 'bad_json']]), ['{', 400, 'bad_json'], ['[]', 400, 'bad_json'], ['{"a":1,"a":1}', 400, 'bad_json'],
      [`{"a":"${'x'.repeat(3 << 19)}"}`, 413, 'too_large']]) {
      const answer = await ask(box.api, call, { body });
      assert.deepEqual([answer.status, answer.body.code], [status, code], answer.name);
    }
    const text = await ask(box.api, call, { body: '{}', headers: { 'content-type': 'text/plain' } });
    assert.deepEqual([text.status, text.body.code, text.body.field], [415, 'unsupported_media_type', 'Content-Type']);
  }
  for (const call of ours)
    for (const [what, query] of wrongQueries(call)) {
      const answer = await ask(box.api, call, { query });
      found.check(answer.status === 400 && answer.body.code === 'bad_field', `${answer.name} ${what}: ${answer.text.slice(0, 200)}`);
      n++;
    }
  found.done();
  assert.ok(n > 200, `only ${n} wrong requests were made`);
});

test('without a key, with a wrong one, without the scope', async () => {
  const narrow = Object.fromEntries(await Promise.all(scopes.map(async (s) =>
    [s, new Api(box.replyd.base, await box.replyd.key(box.workspace, '--scopes', scopes.filter((x) => x !== s).join(',')))])));
  for (const call of ours) {
    for (const api of [new Api(box.replyd.base), new Api(box.replyd.base, 'rk_live_thisisnotthekeyofanybody'), new Api(box.replyd.base, 'x')])
      assert.equal((await ask(api, call)).status, 401, call.id);
    const answer = await ask(narrow[call.scope], call);
    assert.equal(answer.status, 403, call.id);
    assert.match(answer.body.detail, new RegExp(`\`${call.scope}\``));
  }
});

test('an id that is none, that nobody has, or that is another workspace\'s', async () => {
  let n = 0;
  const found = complaintsOf();
  for (const call of ours.filter((c) => idsOf(c).some((p) => resolved(p.schema).format === 'uuid'))) {
    for (const p of idsOf(call))
      for (const id of ['none', none, "' or true--"]) {
        const answer = await ask(box.api, call, { ids: { ...things, [p.name]: id } });
        found.check(answer.status === 404, `${answer.name}: ${p.name} ${id}: ${answer.text.slice(0, 200)}`);
      }
    const answer = await ask(other, call);
    found.check(answer.status === 404, `${answer.name} crossed: ${answer.text}`);
    n++;
  }
  found.done();
  assert.ok(n > 20);
  // and what has no id in its path
  const gate = calls.find((c) => c.id === 'showGate');
  assert.equal((await ask(other, gate)).body.reason, 'prospect_unknown');
  const items = await ask(other, calls.find((c) => c.id === 'registerOutbound'));
  assert.equal(items.body.items[0].result, 'unknown_inbox');
  const endpoint = await ask(other, calls.find((c) => c.id === 'createEndpoint'), { body: { url: box.engine.url, inbox_ids: [things.inbox_id] } });
  assert.deepEqual([endpoint.status, endpoint.body.field], [400, '/inbox_ids']);
  for (const id of ['listInboxes', 'listDomainGrants', 'listEndpoints'])
    assert.deepEqual((await ask(other, calls.find((c) => c.id === id))).body, [], id);
  assert.deepEqual((await ask(other, calls.find((c) => c.id === 'readEvents'))).body.events, []);
  assert.deepEqual((await ask(other, calls.find((c) => c.id === 'listCorrections'))).body.corrections, []);
  // nothing of it was done
  assert.equal((await box.api.get(`/v1/inboxes/${things.inbox_id}`)).admin_state, 'enabled');
  assert.equal((await box.api.get(`/v1/endpoints/${things.endpoint_id}`)).label, 'engine 2');
});

test('inboxes page by page', async () => {
  await box.connect('adb@example.test');
  const all = (await box.api.get('/v1/inboxes')).map((i) => i.address), told = [];
  assert.ok(all.length >= 2);
  for (let path = '/v1/inboxes?limit=1'; path;) {
    const page = await box.api.call('GET', path);
    assert.equal(page.body.length <= 1, true);
    told.push(...page.body.map((i) => i.address));
    path = /^<([^>]+)>; rel="next"$/.exec(page.headers.get('link'))?.[1];
  }
  assert.deepEqual(told, all);
});

test('an inbox is disconnected: 202, and 200 from then on', async () => {
  const call = calls.find((c) => c.id === 'removeInbox');
  assert.deepEqual([(await ask(box.api, call)).status, (await ask(box.api, call)).status], [202, 200]);
});

test('the document, its schemas and its page are served by the program', async () => {
  const served = await fetch(`${box.replyd.base}/openapi.json`);
  assert.deepEqual(await served.json(), document);
  const refs = new Set(JSON.stringify(document).match(/events\/[\w.]+\.json/g));
  assert.ok(refs.size > 20);
  for (const ref of refs) assert.equal((await fetch(`${box.replyd.base}/${ref}`)).status, 200, ref);
  const browser = await startBrowser();
  for (const viewport of [phone, desktop]) {
    const page = await browser.page({ viewport });
    const asked = [], wrong = [];
    page.on('request', (r) => asked.push(r.url()));
    page.on('console', (m) => { if (m.type() === 'error') wrong.push(m.text()); });
    await page.goto(`${box.replyd.base}/docs`);
    await page.locator('#createEndpoint').waitFor();
    assert.equal(await page.locator('section.call').count(), calls.length);
    assert.deepEqual(wrong.filter((w) => !/favicon/.test(w)), []);
    assert.deepEqual(page.refused, []);
    assert.ok(asked.every((url) => url.startsWith(box.replyd.base)), asked.join(' '));
    assert.deepEqual(await complaints(page), []);
    assert.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), 'it is scrolled sideways');
  }
});
