// People sign in by a link of the command line, and may do what their role says; every change has
// its line in the audit.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { endAll } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box, inbox;
const origin = () => `http://127.0.0.1:${box.apiPort}`;
const mark = { 'replyd-console': '1' };

before(async () => {
  box = await startSandbox();
  inbox = await box.connect('rep@example.test');
});
after(endAll);

const cli = async (...args) => {
  const r = await box.replyd.cli(...args, '--data', box.replyd.data);
  assert.equal(r.code, 0, r.stderr);
  return r.stdout;
};
const link = async (role, person = `a ${role}`) =>
  JSON.parse(await cli('console', 'link', '--workspace', 'sandbox', '--person', person, '--role', role, '--json')).url;
const tokenOf = (url) => /\/console#\/enter\/([\w-]{43})$/.exec(url)[1];

// as a browser would: { status, body, cookie }
async function call(method, path, { cookie, body, headers = mark } = {}) {
  const res = await fetch(origin() + path, { method, redirect: 'manual',
    headers: { ...headers, ...(cookie ? { cookie } : {}), ...(body ? { 'content-type': 'application/json' } : {}) },
    body: body && JSON.stringify(body) });
  const set = res.headers.get('set-cookie');
  return { status: res.status, set, cookie: set?.split(';')[0], body: await res.json() };
}
async function signIn(role, person) {
  const r = await call('POST', '/v1/session', { body: { link: tokenOf(await link(role, person)) } });
  assert.equal(r.status, 201, JSON.stringify(r.body));
  return r;
}

test('a link is good once', async () => {
  const url = await link('viewer', 'Vera');
  assert.ok(url.startsWith(origin()));
  const body = { link: tokenOf(url) };
  const first = await call('POST', '/v1/session', { body });
  assert.equal(first.status, 201);
  assert.match(first.set, /^replyd_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
  assert.deepEqual([first.body.workspace, first.body.person, first.body.role], [box.workspace, 'Vera', 'viewer']);
  const second = await call('POST', '/v1/session', { body });
  assert.deepEqual([second.status, second.body.code, second.cookie], [410, 'gone', undefined]);
  const strange = await call('POST', '/v1/session', { body: { link: 'x'.repeat(43) } });
  assert.equal(strange.status, 410);
});

test('the session is shown, works without a key, and ends', async () => {
  const { cookie } = await signIn('viewer');
  assert.equal((await call('GET', '/v1/session', { cookie })).body.role, 'viewer');
  assert.equal((await call('GET', `/v1/inboxes/${inbox.id}`, { cookie })).body.address, 'rep@example.test');
  const out = await call('DELETE', '/v1/session', { cookie });
  assert.match(out.set, /^replyd_session=;.*Max-Age=0/);
  for (const path of ['/v1/session', '/v1/inboxes']) {
    const r = await call('GET', path, { cookie });
    assert.deepEqual([r.status, r.body.code], [401, 'unauthorized'], path);
  }
  assert.equal((await call('GET', '/v1/session')).status, 401);
});

test('only pages of ours may call with it', async () => {
  const { cookie } = await signIn('admin');
  const pause = `/v1/inboxes/${inbox.id}/pause`;
  const rows = [
    ['from elsewhere', 'GET', '/v1/inboxes', { origin: 'https://evil.test' }],
    ['from a sandboxed frame', 'GET', '/v1/inboxes', { origin: 'null' }],
    ['as Fetch Metadata says', 'GET', '/v1/inboxes', { 'sec-fetch-site': 'cross-site' }],
    ['of a sibling', 'GET', '/v1/inboxes', { 'sec-fetch-site': 'same-site' }],
    ['a form of ours has no such header', 'POST', pause, { origin: origin() }],
    ['a form from elsewhere', 'POST', pause, { origin: 'https://evil.test', ...mark }],
    ['sign-out from elsewhere', 'DELETE', '/v1/session', { origin: 'https://evil.test', ...mark }],
  ];
  for (const [name, method, path, headers] of rows) {
    const r = await call(method, path, { cookie, headers });
    assert.deepEqual([r.status, r.body.code], [403, 'forbidden'], name);
  }
  const body = { link: tokenOf(await link('viewer')) };
  assert.equal((await call('POST', '/v1/session', { body, headers: { origin: 'https://evil.test', ...mark } })).status, 403);
  assert.equal((await call('GET', '/v1/inboxes', { cookie, headers: { origin: origin() } })).status, 200);
  assert.equal((await box.api.get(`/v1/inboxes/${inbox.id}`)).admin_state, 'enabled', 'nothing was done');
});

test('roles', async () => {
  const as = {};
  for (const role of ['viewer', 'operator', 'admin']) as[role] = (await signIn(role)).cookie;
  const endpoint = `/v1/endpoints/${box.endpoint.id}`;
  const rows = [
    ['GET', '/v1/endpoints', undefined, [200, 200, 200]],
    ['GET', '/v1/audit', undefined, [403, 403, 200]],
    ['POST', `/v1/inboxes/${inbox.id}/probe`, undefined, [403, 200, 200]],
    ['POST', '/v1/connect-links', { address: 'rep@example.test', provider: 'sandbox' }, [403, 201, 201]],
    ['PATCH', endpoint, { label: 'by the console' }, [403, 403, 200]],
    ['POST', `/v1/inboxes/${inbox.id}/access-token`, undefined, [403, 403, 403]],
    ['POST', '/v1/outbound', { items: [] }, [403, 403, 403]],
  ];
  for (const [method, path, body, want] of rows) {
    const got = [];
    for (const role of Object.keys(as)) got.push((await call(method, path, { cookie: as[role], body })).status);
    assert.deepEqual(got, want, `${method} ${path}`);
  }
});

test('pause and resume', async () => {
  const { cookie } = await signIn('operator', 'Olga');
  const paused = await call('POST', `/v1/inboxes/${inbox.id}/pause`, { cookie });
  assert.deepEqual([paused.status, paused.body], [200, { id: inbox.id, admin_state: 'paused' }]);
  await box.api.waitForInbox(inbox.id, (i) => i.state === 'unwatched');
  const resumed = await call('POST', `/v1/inboxes/${inbox.id}/resume`, { cookie });
  assert.equal(resumed.body.admin_state, 'enabled');
  await box.api.waitForInbox(inbox.id, (i) => i.state === 'live');
  assert.equal((await call('POST', '/v1/inboxes/00000000-0000-4000-8000-000000000000/pause', { cookie })).status, 404);
});

test('the audit says who changed what, and how that ended', async () => {
  const { cookie } = await signIn('admin', 'Ada');
  await call('PATCH', `/v1/endpoints/${box.endpoint.id}`, { cookie, body: { label: 'a', headers: { 'X-Secret': 'hush-hush' } } });
  await call('PATCH', `/v1/endpoints/${box.endpoint.id}`, { cookie, body: { concurrency: 0 } });
  const link = await box.api.post('/v1/connect-links', { address: 'x@example.test', provider: 'sandbox' });
  assert.ok(link.id);
  let lines;
  for (let i = 0; i < 50; i++) { // how it ended follows a moment later
    ({ lines } = await box.api.get('/v1/audit?limit=4'));
    if (lines.every((l) => l.what === 'POST /v1/session' || l.status !== null)) break;
  }
  assert.deepEqual(lines.map((l) => [l.by.kind, l.by.name, l.what, l.about, l.fields.sort(), l.status]), [
    ['key', 'sandbox', 'POST /v1/connect-links', [], ['address', 'provider'], 201],
    ['person', 'Ada', 'PATCH /v1/endpoints/{}', [box.endpoint.id], ['concurrency'], 400],
    ['person', 'Ada', 'PATCH /v1/endpoints/{}', [box.endpoint.id], ['headers', 'label'], 200],
    ['person', 'Ada', 'POST /v1/session', [], ['admin'], null],
  ]);
  const all = await box.api.get('/v1/audit?limit=500');
  assert.ok(all.lines.some((l) => l.by.kind === 'command_line' && l.what === 'replyd console link' && l.about.includes('Ada')));
  assert.doesNotMatch(JSON.stringify(all), /hush-hush/);
  const page = await box.api.get('/v1/audit?limit=2');
  const next = await box.api.get(`/v1/audit?limit=2&before=${page.next}`);
  assert.ok(next.lines[0].line < page.lines[1].line);
});

test('the command line lists sessions and ends them', async () => {
  const { cookie } = await signIn('viewer', 'Viktor');
  const mine = JSON.parse(await cli('console', 'sessions', '--workspace', 'sandbox', '--json')).find((s) => s.person === 'Viktor');
  assert.equal(mine.role, 'viewer');
  assert.match(await cli('console', 'sign-out', mine.id), /Viktor.*signed out/);
  assert.equal((await call('GET', '/v1/inboxes', { cookie })).status, 401);
  for (const [args, code, words] of [
    [['console', 'sign-out', mine.id], 65, /has ended/],
    [['console', 'link', '--workspace', 'nobody', '--person', 'x'], 65, /there is none of this name/],
    [['console', 'link', '--workspace', 'sandbox', '--person', 'x', '--role', 'king'], 64, /viewer, operator or admin/],
    [['console', 'link', '--workspace', 'sandbox'], 64, /--person/],
  ]) {
    const r = await box.replyd.cli(...args, '--data', box.replyd.data);
    assert.equal(r.code, code, args.join(' '));
    assert.match(r.stderr, words);
  }
});

test('another workspace is out of reach', async () => {
  await cli('workspace', 'create', 'elsewhere');
  const url = JSON.parse(await cli('console', 'link', '--workspace', 'elsewhere', '--person', 'Eve', '--role', 'admin', '--json')).url;
  const { cookie } = await call('POST', '/v1/session', { body: { link: tokenOf(url) } });
  assert.deepEqual((await call('GET', '/v1/inboxes', { cookie })).body, []);
  for (const [method, path] of [['GET', `/v1/inboxes/${inbox.id}`], ['POST', `/v1/inboxes/${inbox.id}/pause`],
    ['GET', `/v1/endpoints/${box.endpoint.id}`]])
    assert.equal((await call(method, path, { cookie })).status, 404, path);
  assert.ok((await call('GET', '/v1/audit', { cookie })).body.lines.every((l) => l.by.name !== 'Ada'));
});
