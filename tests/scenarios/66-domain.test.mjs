// An administrator opens a whole domain, by his application or by a service account: from the secret to a reply's event,
// and what happens when the provider takes it back.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startJwtBearer } from '../sandbox/jwtbearer.mjs';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';

const tenant = 'example.test';
let box, google;

before(async () => {
  box = await startSandbox({ withReplyd: false });
  google = await startJwtBearer({ oidc: box.oidc });
  Object.assign(box.replyd.settings, {
    'ingest.proof': '2s', 'gate.freshness': '6s',
    'provider.sandbox.domain_access': 'app_only',
    'provider.sandbox.domain_token_url': box.oidc.tokenUrl,
    'provider.sandbox.domain_scope': 'imap',
    'provider.sandbox.admin_consent_url': 'https://login.example.test/{tenant}/adminconsent?client_id={client_id}',
    'provider.workspace.imap_host': 'localhost',
    'provider.workspace.imap_port': box.dovecot.imaps,
    'provider.workspace.imap_security': 'tls',
    'provider.workspace.domain_access': 'delegated',
    'provider.workspace.domain_token_url': google.url,
    'provider.workspace.domain_scope': 'imap',
  });
  await box.begin();
});
after(endAll);

const domain = (id) => box.api.get(`/v1/domain-grants/${id}`);
const settled = (id, want = (d) => d.secret !== 'checking') => until('the domain to be settled', async () => {
  const d = await domain(id);
  return want(d) ? d : null;
}, { timeoutMs: 20000 });
const linkOf = (item) => box.api.waitForLink(item.connect_link_id);
const bring = async (id, body) => {
  const r = await box.api.call('PUT', `/v1/domain-grants/${id}/secret`, body);
  assert.equal(r.status, 202, r.text);
};

async function importAll(id, addresses) {
  const { items } = await box.api.post(`/v1/domain-grants/${id}/inboxes`, { addresses });
  assert.deepEqual(items.map((x) => x.index), addresses.map((_, i) => i));
  return items;
}

async function replyReaches(inboxId, address, prospect) {
  const [out] = await box.register([{ inboxId, inbox: address, prospect }]);
  const mail = humanReply(out);
  await box.deliver(address, mail);
  const { event } = await box.engine.waitFor(`the reply to ${address}`, (e) => isOf(e, mail), { timeoutMs: 30000 });
  assert.equal(event.data.inbox.id, inboxId);
}

let app, ada;

test('a secret is tried before anything is watched by it', async () => {
  await box.oidc.application();
  const add = (client_secret) => box.api.call('POST', '/v1/domain-grants',
    { provider: 'sandbox', tenant, client_id: 'domain-app', client_secret });
  const first = await add('wrong');
  assert.equal(first.status, 202, first.text);
  assert.equal(first.body.state, 'checking');
  assert.equal(first.body.admin_consent_url, 'https://login.example.test/example.test/adminconsent?client_id=domain-app');
  app = first.body.id;
  const refused = await settled(app);
  assert.deepEqual([refused.state, refused.secret, refused.problem, refused.mended_by],
    ['failed', 'refused', 'client_refused', 'admin']);
  assert.match(refused.remedy, /client id/);

  const again = await add('domain-app-secret');
  assert.equal(again.status, 409);
  await bring(app, { client_secret: 'domain-app-secret' });
  assert.deepEqual([(await settled(app)).state], ['ok']);
});

test('its inboxes are watched with one token, and a reply is told', async () => {
  const before = box.oidc.seen.filter((r) => r.grantType === 'client_credentials').length;
  const items = await importAll(app, ['Ada@example.test', 'bob@example.test', 'nobody', 'ada@example.test']);
  assert.deepEqual(items.map((x) => x.result), ['accepted', 'accepted', 'bad_address', 'repeated']);
  for (const item of items.slice(0, 2)) {
    const link = await linkOf(item);
    assert.equal(link.state, 'connected', `${link.problem} ${link.problem_detail}`);
    item.inbox_id = link.inbox_id;
  }
  ada = await box.api.waitForInbox(items[0].inbox_id);
  assert.deepEqual([ada.address, ada.grant.kind, ada.grant.state], ['ada@example.test', 'app_only', 'ok']);
  assert.equal(box.oidc.seen.filter((r) => r.grantType === 'client_credentials').length, before);
  await replyReaches(ada.id, ada.address, 'pat@example.test');

  const [same] = await importAll(app, ['ada@example.test']);
  assert.deepEqual([same.result, same.inbox_id], ['repeated', ada.id]);
  assert.equal((await box.api.events()).filter((e) => e.type === 'inbox.connected').length, 2);
});

const importFile = async (text, ...more) => {
  const file = path.join(box.dir, 'mailboxes.csv');
  fs.writeFileSync(file, text);
  const r = await box.replyd.cli('domain', 'import', file, '--workspace', 'sandbox', '--data', box.replyd.data, ...more);
  return { ...r, lines: r.stdout.split('\n').filter((l) => l.startsWith('{')).map((l) => JSON.parse(l)) };
};

test('a CSV file is imported, and again: each line is told, and what was mended goes on', async () => {
  await box.dovecot.gone('ghost@example.test');
  const csv = ['name;email', 'Ada;ada@example.test', '"Fay; Dr.";Fay@example.test', 'Nobody;nobody', 'Ghost;ghost@example.test',
    'Gil;gil@example.test'].join('\r\n');
  const first = await importFile(csv);
  assert.equal(first.code, 65, first.stderr);
  const { rows, connected, repeated, failed, waiting } = first.lines.pop();
  assert.deepEqual({ rows, connected, repeated, failed, waiting }, { rows: 5, connected: 2, repeated: 1, failed: 2, waiting: 0 });
  const of = (n) => first.lines.find((l) => l.line === n);
  assert.deepEqual([2, 3, 4, 5, 6].map((n) => of(n).result), ['repeated', 'connected', 'failed', 'failed', 'connected']);
  assert.deepEqual([of(2).inbox_id, of(3).address], [ada.id, 'fay@example.test']);
  assert.match(of(4).remedy, /name@domain/);
  assert.ok(of(5).problem && of(5).words && of(5).remedy, JSON.stringify(of(5)));

  await box.dovecot.gone();
  const again = await importFile(csv.replace('Nobody;nobody\r\n', ''));
  assert.equal(again.code, 0, again.stdout + again.stderr);
  assert.deepEqual(again.lines.pop(), { rows: 4, connected: 1, repeated: 3, failed: 0, waiting: 0 });
  assert.equal(again.lines.find((l) => l.result === 'connected').address, 'ghost@example.test');

  const wrong = await importFile('name,phone\nAda,1\n');
  assert.deepEqual([wrong.code, /line 1: no column/.test(wrong.stderr)], [65, true], wrong.stderr);
  const list = await box.replyd.cli('domain', 'list', '--workspace', 'sandbox', '--data', box.replyd.data);
  assert.match(list.stdout, /app_only +example\.test +ok +5 live/, list.stdout + list.stderr);
});

// The domain's right goes while links are under way, and is back when the command looks.
const failLinks = (when) => insideOf(box.replyd).psql(`
  create function replyd.flicker() returns trigger language plpgsql as $$ begin
    if ${when} then new.state := 'failed'; new.problem := 'domain_grant'; end if; return new; end $$;
  create trigger flicker before insert on replyd.connect_link for each row execute function replyd.flicker()`);
const failNoLinks = () => insideOf(box.replyd).psql('drop function replyd.flicker() cascade');

test('addresses that the right failed under way are sent again, and never passed over', async () => {
  await failLinks("new.expected_address = 'jon@example.test' or not exists (select from replyd.connect_link k"
    + ' where k.expected_address = new.expected_address)');
  const never = await importFile('jon@example.test\n');
  assert.equal(never.code, 75, never.stdout + never.stderr);
  assert.match(never.stderr, /run this again/);
  assert.deepEqual(never.lines, [{ rows: 1, connected: 0, repeated: 0, failed: 0, waiting: 1 }]);
  const once = await importFile('kai@example.test\n');
  assert.equal(once.code, 0, once.stdout + once.stderr);
  assert.equal(once.lines.pop().connected, 1);
  await failNoLinks();
  const again = await importFile('jon@example.test\n');
  assert.equal(again.code, 0, again.stdout + again.stderr);
});

test('a domain that is not there is told, however bad the addresses are', async () => {
  const none = '/v1/domain-grants/00000000-0000-4000-8000-000000000000/inboxes';
  for (const addresses of [['nobody'], ['ada@example.test']])
    assert.equal((await box.api.call('POST', none, { addresses })).status, 404);
  const [item] = await importAll(app, ['nobody']);
  assert.equal(item.result, 'bad_address');
});

test('a secret that is gone is one incident, and its successor brings all of them back', async () => {
  // tokens that last a moment: eve's session needs the next one soon, the others have theirs for an hour
  box.oidc.accessTtl = 6;
  await bring(app, { client_secret: 'domain-app-secret' });
  await settled(app);
  const [item] = await importAll(app, ['eve@example.test']);
  const eve = (await linkOf(item)).inbox_id;
  assert.ok(eve);
  await box.oidc.application({ secret: 'another-secret' });
  const down = await settled(app, (d) => d.state === 'reauth_required');
  assert.equal(down.reason, 'client_refused');
  await box.api.waitForInbox(eve, (i) => i.state === 'reauth_required', { timeoutMs: 30000 });
  const inbox = await box.api.get(`/v1/inboxes/${eve}`);
  assert.deepEqual([inbox.reason, inbox.mended_by], ['domain_grant', 'admin']);
  // nobody is called blind who is not
  const still = await box.api.get(`/v1/inboxes/${ada.id}`);
  assert.deepEqual([still.state, still.grant.state, still.grant.reason], ['live', 'reauth_required', 'domain_grant']);
  assert.match(inbox.remedy, /administrator/);
  const refused = await importFile('hal@example.test\nida@example.test\n');
  assert.equal(refused.code, 77, refused.stderr);
  assert.match(refused.stderr, /^replyd: the domain itself is refused, .*PUT \/v1\/domain-grants.*\n$/);
  assert.deepEqual(refused.lines, [{ rows: 2, connected: 0, repeated: 0, failed: 0, waiting: 2 }]);

  box.oidc.accessTtl = 3600;
  await bring(app, { client_secret: 'another-secret' });
  await settled(app, (d) => d.state === 'ok');
  await box.api.waitForInbox(eve, (i) => i.state === 'live', { timeoutMs: 60000 });
  await replyReaches(eve, 'eve@example.test', 'kim@example.test');
  const told = (await box.api.events()).filter((e) => /reauth_required/.test(e.type));
  assert.deepEqual(told.map((e) => [e.type, e.data.reason, e.data.inboxes]),
    [['domain.reauth_required', 'client_refused', 8]]);
});

test('a service account signs for each mailbox', async () => {
  const bad = await box.api.call('POST', '/v1/domain-grants', { provider: 'workspace', check_address: 'cat@example.test',
    service_account_json: { type: 'authorized_user' } });
  assert.deepEqual([bad.status, bad.body.field], [400, '/service_account_json']);

  const added = await box.api.call('POST', '/v1/domain-grants',
    { provider: 'workspace', check_address: 'cat@example.test', service_account_json: google.account() });
  assert.equal(added.status, 202, added.text);
  assert.deepEqual([added.body.kind, added.body.client_id, added.body.tenant], ['delegated', '1234567890', 'example.test']);
  const { id } = added.body;
  assert.equal((await settled(id)).state, 'ok');
  assert.equal(google.seen.at(-1).sub, 'cat@example.test');

  google.gone.add('gone@example.test');
  const [cat, gone] = await importAll(id, ['cat@example.test', 'gone@example.test']);
  const link = await linkOf(cat);
  assert.equal(link.state, 'connected', `${link.problem} ${link.problem_detail}`);
  await replyReaches(link.inbox_id, 'cat@example.test', 'lee@example.test');
  const failed = await linkOf(gone);
  assert.deepEqual([failed.state, failed.problem], ['failed', 'account_gone']);
  assert.equal((await domain(id)).state, 'ok');

  // another key at the provider: the old one is refused when the next token is asked for
  google.account({ newKey: true });
  const [dan] = await importAll(id, ['dan@example.test']);
  const down = await settled(id, (d) => d.state === 'reauth_required');
  assert.equal(down.reason, 'key_refused');
  await bring(id, { service_account_json: JSON.stringify(google.account()) });
  await settled(id, (d) => d.state === 'ok');
  await box.api.waitForInbox((await linkOf(dan)).inbox_id, (i) => i.state === 'live', { timeoutMs: 60000 });
});

test('a domain that is removed leaves no right behind', async () => {
  const r = await box.api.call('DELETE', `/v1/domain-grants/${app}`);
  assert.deepEqual([r.status, r.body.state], [200, 'removed']);
  await until('its inboxes to be told', async () => {
    const { grant } = await box.api.get(`/v1/inboxes/${ada.id}`);
    return grant.state === 'reauth_required' && grant.reason === 'domain_grant';
  });
  assert.equal((await box.api.call('GET', `/v1/domain-grants/${app}`)).status, 404);
  assert.equal((await box.api.get('/v1/domain-grants')).length, 1);
});

test('every event is as its schema describes it', () => allAsDescribed(box));
