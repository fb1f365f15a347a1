// Bad input gets a clear answer: what, why and what to do; never a crash, never silence.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { makeCa } from '../sandbox/ca.mjs';
import { connect } from '../sandbox/consent.mjs';
import { endAll, run, until, workdir } from '../sandbox/proc.mjs';
import { Replyd, binary } from '../sandbox/replyd.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box, ada;
before(async () => {
  box = await startSandbox();
  ada = await box.connect('ada@example.test');
});
after(endAll);

const replyd = (args, env = {}) => run([binary(), ...args], { env: { PATH: process.env.PATH, ...env } });

test('the command line', async () => {
  const dir = workdir();
  const conf = path.join(dir, 'replyd.conf');
  fs.writeFileSync(conf, '# mine\ningest.lokback = 3d\n');
  const rows = [
    [['up'], {}, 64, /--data/],
    [['uo', '--data', dir], {}, 64, /uo.*no such command/],
    [['up', '--data', dir, '--colour'], {}, 64, /--colour.*no such option/],
    [['up', '--data', dir, '--config', conf], {}, 78, /replyd\.conf:2.*ingest\.lokback.*ingest\.lookback/s],
    [['up', '--data', dir, '--config', path.join(dir, 'none.conf')], {}, 78, /none\.conf/],
    [['config', 'print', '--set', 'api.port=high'], {}, 78, /api\.port/],
    [['config', 'print'], { REPLYD_API_PROT: '1' }, 78, /REPLYD_API_PROT/],
    [['up', '--data', dir], { DATABASE_URL: 'postgresql://nobody@127.0.0.1:9/none' }, 69, /127\.0\.0\.1.*9/],
    [['up', '--data', dir], { DATABASE_URL: 'postgresql:://' }, 78, /DATABASE_URL/],
    [['up', '--data', '/proc/nothing/here'], {}, 73, /\/proc\/nothing\/here/],
    [['migrate', 'up', '--data', dir], { DATABASE_URL: 'postgresql://nobody@127.0.0.1:9/none' }, 69, /127\.0\.0\.1.*9/],
    [['migrate', 'up', '--data', box.replyd.data], {}, 0, /^/], // nothing is missing
    [['ingest', '--credentials', path.join(dir, 'no-such')], {}, 78, /no-such/],
    [['ingest'], {}, 64, /--credentials/],
    [['key', 'create', '--workspace', 'x', '--label', 'y', '--data', dir], {}, 69, /replyd up/],
    [['key', 'create', '--workspace', 'none', '--label', 'y', '--data', box.replyd.data], {}, 65, /workspace none.*workspace create/],
    [['key', 'create', '--workspace', 'none', '--label', 'y', '--scopes', 'read,fly', '--data', box.replyd.data], {}, 64, /read,fly/],
    [['workspace', 'create', 'Not A Name', '--data', box.replyd.data], {}, 65, /letters/],
    [['workspace', 'create', 'sandbox', '--data', box.replyd.data], {}, 65, /sandbox.*choose another/],
  ];
  for (const [args, env, code, says] of rows) {
    const r = await replyd(args, env);
    assert.equal(r.code, code, `${args.join(' ')}: ${r.stderr}`);
    assert.match(r.stderr, says, args.join(' '));
    assert.doesNotMatch(r.stderr, /AddressSanitizer|runtime error/);
  }
});

test('a second `replyd up` in the same folder', async () => {
  const r = await replyd(['up', '--data', box.replyd.data]);
  assert.equal(r.code, 75);
  assert.match(r.stderr, /another `replyd up`/);
});

test('requests', async () => {
  const { key } = box.api;
  const as = (k) => ({ authorization: `Bearer ${k}` });
  const item = { inbox_id: ada.id, sequence: 's', step: '1', prospect: { address: 'a@example.test' }, message_id: '<x@example.test>',
    sent_at: '2026-11-01T10:00:00Z' };
  const narrow = await box.replyd.key(box.workspace, '--scopes', 'read');
  const rows = [
    ['GET', '/v1/nothing', undefined, {}, 404, 'not_found'],
    ['DELETE', '/v1/inboxes', undefined, {}, 405, 'method_not_allowed'],
    ['GET', '/v1/inboxes', undefined, { authorization: '' }, 401, 'unauthorized', 'Authorization'],
    ['GET', '/v1/inboxes', undefined, as('rk_live_thisisnotthekeyofanybody'), 401, 'unauthorized', 'Authorization'],
    ['GET', '/v1/inboxes', undefined, as(`${key}x`), 401, 'unauthorized', 'Authorization'],
    ['POST', '/v1/outbound', { items: [item] }, as(narrow), 403, 'forbidden', undefined, /outbound/],
    ['POST', '/v1/outbound', '{"items":[', {}, 400, 'bad_json'],
    ['POST', '/v1/outbound', '{"items":[],"items":[]}', {}, 400, 'bad_json'],
    ['POST', '/v1/outbound', '[]', {}, 400, 'bad_json'],
    ['POST', '/v1/outbound', '', {}, 400, 'bad_json'],
    ['POST', '/v1/outbound', '{"items":[]}', { 'content-type': 'text/plain' }, 415, 'unsupported_media_type', 'Content-Type'],
    ['POST', '/v1/outbound', { items: [] }, {}, 400, 'bad_field', '/items'],
    ['POST', '/v1/outbound', { items: [item], more: 1 }, {}, 400, 'bad_field', '/more'],
    ['POST', '/v1/outbound', { items: [item, { ...item, prospect: { address: 'nobody' } }] }, {}, 400, 'bad_field', '/items/1/prospect/address'],
    ['POST', '/v1/outbound', { items: [{ ...item, sent_at: 'yesterday' }] }, {}, 400, 'bad_field', '/items/0/sent_at'],
    ['POST', '/v1/outbound', { items: [{ ...item, links: ['https://go.example.test/c/of-one-mail', 'https://example.test/'] }] }, {}, 400, 'bad_field', '/items/0/links/1'],
    ['POST', '/v1/outbound', { items: [{ ...item, message_id: '   ' }] }, {}, 400, 'bad_field', '/items/0/message_id'],
    ['POST', '/v1/outbound', { items: [{ ...item, inbox_id: 'ada' }] }, {}, 400, 'bad_field', '/items/0/inbox_id'],
    ['POST', '/v1/outbound', { items: Array(1001).fill(item) }, {}, 400, 'bad_field', '/items'],
    ['POST', '/v1/outbound', `{"items":"${'x'.repeat(3 << 19)}"}`, {}, 413, 'too_large'],
    ['POST', '/v1/endpoints', { url: 'ftp://x.example' }, {}, 400, 'bad_field', '/url'],
    ['POST', '/v1/endpoints', { url: 'https://user:pw@x.example/' }, {}, 400, 'bad_field', '/url'],
    ['POST', '/v1/endpoints', { url: 'https://x.example/', types: ['reply.recieved'] }, {}, 400, 'bad_field', '/types/0'],
    ['POST', '/v1/connect-links', { provider: 'nobody' }, {}, 400, 'bad_field', '/provider'],
    ['POST', '/v1/connect-links', { provider: 'sandbox', address: 'ada' }, {}, 400, 'bad_field', '/address'],
    ['POST', '/v1/connect-links', { provider: 'sandbox', return_url: 'javascript:alert(1)' }, {}, 400, 'bad_field', '/return_url'],
    ['GET', '/v1/inboxes/ada', undefined, {}, 404, 'not_found'],
    ['GET', '/v1/inboxes/00000000-0000-4000-8000-000000000000', undefined, {}, 404, 'not_found'],
    ['GET', '/v1/events?limit=0', undefined, {}, 400, 'bad_field', 'limit'],
    ['GET', '/v1/events?after=first', undefined, {}, 400, 'bad_field', 'after'],
    ['GET', '/v1/events/00000000-0000-4000-8000-000000000000', undefined, {}, 404, 'not_found'],
  ];
  for (const [method, url, body, headers, status, code, field, detail] of rows) {
    const r = await box.api.call(method, url, body, headers);
    const name = `${method} ${url} ${JSON.stringify(body)?.slice(0, 80)}: ${r.text.slice(0, 300)}`;
    assert.equal(r.status, status, name);
    assert.match(r.headers.get('content-type'), /application\/problem\+json/, name);
    assert.equal(r.body.code, code, name);
    assert.equal(r.body.status, status, name);
    assert.ok(r.body.title && r.body.remedy && r.body.request_id, name);
    if (field) assert.equal(r.body.field, field, name);
    if (detail) assert.match(r.body.detail, detail, name);
  }
  const unknown = await box.api.post('/v1/outbound', { items: [{ ...item, inbox_id: '00000000-0000-4000-8000-000000000000' }] });
  assert.equal(unknown.items[0].result, 'unknown_inbox');
  const gate = await box.api.gate('stranger@example.test');
  assert.deepEqual([gate.state, gate.reason, gate.observed_through], ['unknown', 'prospect_unknown', null]);
});

test('a workspace does not see another', async () => {
  const other = await box.replyd.workspace('other');
  assert.deepEqual(await other.api.get('/v1/inboxes'), []);
  assert.equal((await other.api.call('GET', `/v1/inboxes/${ada.id}`)).status, 404);
  assert.deepEqual((await other.api.get('/v1/events')).events, []);
  const crossed = await other.api.post('/v1/outbound', { items: [{ inbox_id: ada.id, sequence: 's', step: '1',
    prospect: { address: 'a@example.test' }, message_id: '<crossed@example.test>', sent_at: '2026-11-01T10:00:00Z' }] });
  assert.equal(crossed.items[0].result, 'unknown_inbox');
});

test('consent that is declined, given for another account, without the scope, or for an hour', async () => {
  const rows = [
    ['declined', 'consent_declined', (address) => box.oidc.deny(address)],
    ['another', 'wrong_account', () => box.oidc.loginAs('somebody.else@example.test')],
    ['unticked', 'missing_scope', (address) => box.oidc.untick(address, 'imap')],
    ['hour', 'no_lasting_access', (address) => box.oidc.untick(address, 'offline_access')],
  ];
  for (const [name, problem, set] of rows) {
    const address = `${name}@example.test`;
    const link = await box.api.post('/v1/connect-links', { provider: 'sandbox', address });
    set(address);
    const page = await connect(link.url);
    box.oidc.loginAs(null);
    const settled = await box.api.waitForLink(link.id);
    assert.deepEqual([settled.state, settled.problem, settled.inbox_id], ['failed', problem, null], name);
    assert.ok(settled.problem_words && settled.remedy, name);
    if (name === 'declined') assert.match(page.body, /declined/);
    // a second thought, by another link
    box.oidc.allow(address);
    assert.equal((await box.connect(address)).address, address);
  }
  const mine = (await box.api.get('/v1/inboxes')).map((i) => i.address);
  assert.ok(!mine.includes('somebody.else@example.test'));
});

test('connect links are one-time and bound to a browser', async () => {
  const link = await box.api.post('/v1/connect-links', { provider: 'sandbox', address: 'once@example.test' });
  await connect(link.url);
  await box.api.waitForLink(link.id);
  const again = await fetch(link.url);
  assert.equal(again.status, 410);
  const stray = await fetch(`${box.replyd.base}/oauth/callback?code=x&state=${'a'.repeat(43)}`);
  assert.equal(stray.status, 400);
  const none = await fetch(`${box.replyd.base}/connect/${'a'.repeat(43)}`);
  assert.equal(none.status, 404);
});

test('a token that is refused: the inbox says so, and consent heals it', async () => {
  const eve = await box.connect('eve@example.test');
  await box.oidc.revoke(eve.address);
  await box.dovecot.restart(); // a new login needs a new token
  const held = await box.api.waitForInbox(eve.id, (i) => i.state === 'reauth_required', { timeoutMs: 60000 });
  assert.ok(held.reason);
  const event = await box.engine.waitFor('the event', (e) => e.type === 'inbox.reauth_required', { timeoutMs: 30000 });
  assert.equal(event.event.data.inbox_id, eve.id);
  // ada is not touched by it
  await box.api.waitForInbox(ada.id, (i) => i.state === 'live', { timeoutMs: 60000 });
  const back = await box.connect('eve@example.test');
  assert.equal(back.id, eve.id, 'the inbox keeps its id');
  await box.api.waitForInbox(eve.id, (i) => i.state === 'live', { timeoutMs: 60000 });
});

test('a wrong CA: no login, a clear reason', async () => {
  const dir = workdir();
  const other = await makeCa(path.join(dir, 'ca'));
  const file = path.join(dir, 'not-a-ca.pem');
  fs.writeFileSync(file, 'this is no certificate\n');
  const none = await replyd(['api', '--credentials', '/dev/null', '--set', `tls.ca_file=${file}`]);
  assert.notEqual(none.code, 0);
  await box.replyd.stop();
  box.replyd.settings['tls.ca_file'] = other.pem;
  await box.replyd.start();
  const stuck = await box.api.waitForInbox(ada.id, (i) => i.state === 'backing_off', { timeoutMs: 60000 });
  assert.equal(stuck.reason, 'certificate');
  assert.match(stuck.detail, /certificate|issuer|verify/);
  box.replyd.settings['tls.ca_file'] = box.ca.pem;
  await box.replyd.stop();
  await box.replyd.start();
  await box.api.waitForInbox(ada.id, (i) => i.state === 'live', { timeoutMs: 60000 });
});

test('an app password that is wrong, and one that is right', async () => {
  const post = (address, password) => box.api.post('/v1/inboxes', { address, provider: 'apppassword', password });
  const wrong = await box.api.waitForLink((await post('app1@example.test', 'not-the-password')).connect_link_id);
  const held = await box.api.waitForInbox(wrong.inbox_id, (i) => ['reauth_required', 'held'].includes(i.state), { timeoutMs: 60000 });
  assert.ok(held.reason);
  const right = await box.api.waitForLink((await post('app2@example.test', 'sandbox-password')).connect_link_id);
  await box.api.waitForInbox(right.inbox_id, (i) => i.state === 'live', { timeoutMs: 60000 });
});

test('no secret stands in any output', async () => {
  const log = fs.readFileSync(box.replyd.log, 'utf8');
  const secrets = [box.oidc.client.secret, box.api.key, 'not-the-password', 'sandbox-password'];
  for (const name of fs.readdirSync(path.join(box.replyd.data, 'secrets')))
    if (name !== 'made' && name !== 'broker-public') secrets.push(fs.readFileSync(path.join(box.replyd.data, 'secrets', name), 'utf8').trim());
  for (const secret of secrets) assert.equal(log.includes(secret), false);
  assert.doesNotMatch(log, /AddressSanitizer|runtime error/);
});
