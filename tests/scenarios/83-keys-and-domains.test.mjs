// The command line's part of keys, domains and mails: who may call the API, when he last did, and when he may no more; a domain's
// right from a file that only its owner can read; what a mail really was.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Api } from '../sandbox/api.mjs';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { endAll, run, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box, keyFile;
// somebody else's shell: no database, no data folder
const remote = (...words) => run([box.replyd.exe, ...words, '--key-file', keyFile, '--json'],
  { env: { PATH: process.env.PATH, REPLYD_API_URL: box.replyd.base }, timeoutMs: 60000 });
const file = (name, text, mode = 0o600) => {
  fs.writeFileSync(path.join(box.dir, name), text, { mode });
  return path.join(box.dir, name);
};
const cli = (...words) => box.replyd.cli(...words, '--data', box.replyd.data);
const keys = async () => JSON.parse((await cli('api-key', 'list', '--json')).stdout);

before(async () => {
  box = await startSandbox({ withReplyd: false });
  Object.assign(box.replyd.settings, { 'ingest.proof': '2s', 'provider.sandbox.domain_access': 'app_only',
    'provider.sandbox.domain_token_url': box.oidc.tokenUrl, 'provider.sandbox.domain_scope': 'imap' });
  await box.begin();
  await box.oidc.application();
  keyFile = file('key', box.api.key);
});
after(endAll);

test('a key is listed with its scopes and last use, and revoked by what it begins with', async () => {
  const made = await cli('key', 'create', '--workspace', box.workspace, '--label', 'for a while', '--scopes', 'read');
  assert.equal(made.code, 0, made.stderr);
  const key = made.stdout.trim(), api = new Api(box.replyd.base, key);
  const mine = async () => (await keys()).find((k) => k.label === 'for a while');
  assert.deepEqual([(await mine()).scopes, (await mine()).state, (await mine()).last_used_at], [['read'], 'good', null]);
  assert.equal((await api.call('GET', '/v1/inboxes')).status, 200);
  await until('its use to be written', async () => (await mine()).last_used_at);
  assert.ok(Math.abs(Date.parse((await mine()).last_used_at) - Date.now()) < 60000);
  const shown = await cli('api-key', 'list');
  assert.match(shown.stdout, /for a while/);
  assert.ok(!shown.stdout.includes(key), 'the key itself is nowhere');
  const [heads, ...lines] = shown.stdout.trimEnd().split('\n');
  for (const line of lines) {
    assert.match(line.slice(heads.indexOf('STATE')), /^(good|expired|revoked) /, 'a column stands under its head');
    assert.doesNotMatch(line, / $/);
  }

  const none = await cli('key', 'revoke', 'rk_live_');
  assert.equal(none.code, 65, none.stderr); // several begin so
  const gone = await cli('key', 'revoke', (await mine()).prefix);
  assert.equal(gone.code, 0, gone.stderr);
  assert.equal((await mine()).state, 'revoked');
  assert.equal((await api.call('GET', '/v1/inboxes')).status, 401);
});

test('the right for a domain comes from a private file, is renewed, told of before it ends, and taken back', async () => {
  const secret = file('secret', 'wrong\n'), open = file('open', 'domain-app-secret\n', 0o644);
  const add = (...more) => remote('domain', 'add', '--provider', 'sandbox', '--tenant', 'example.test', '--client-id', 'domain-app', ...more);
  assert.match((await add('--secret-file', open)).stderr, /chmod 600/);
  assert.match((await add('--secret-file', secret, '--ends', '2001-01-01')).stderr, /secret_ends_at/);
  const refused = await add('--secret-file', secret);
  assert.equal(refused.code, 65, refused.stderr);
  assert.match(refused.stderr, /the secret is refused/);

  fs.writeFileSync(secret, 'domain-app-secret\n');
  const inTwoDays = new Date(Date.now() + 2 * 86400e3).toISOString();
  const good = await remote('domain', 'renew', 'example.test', '--secret-file', secret, '--ends', inTwoDays);
  assert.equal(good.code, 0, good.stderr);
  const domain = JSON.parse(good.stdout);
  assert.deepEqual([domain.secret, domain.secret_ends_at.slice(0, 19)], ['accepted', inTwoDays.slice(0, 19)]);
  const { event } = await box.engine.waitFor('the forecast', (e) => e.type === 'domain.reauth_forecast', { timeoutMs: 60000 });
  assert.deepEqual([event.data.domain_grant_id, event.data.reason, event.data.dies_at.slice(0, 19)],
    [domain.id, 'client_secret_ends', inTwoDays.slice(0, 19)]);
  const listed = await cli('domain', 'list', '--workspace', box.workspace);
  assert.match(listed.stdout, /expiring[^]*its secret ends on [^]*domain renew/);

  assert.equal((await remote('domain', 'remove', domain.id)).code, 0);
  assert.equal((await remote('domain', 'remove', domain.id)).code, 65);
});

test('a mail is shown, and what it really was is said', async () => {
  const ada = await box.connect('ada@example.test');
  const [out] = await box.register([{ inboxId: ada.id, inbox: ada.address, prospect: 'robot@example.test' }]);
  const mail = humanReply(out);
  await box.deliver(ada.address, mail);
  const { event } = await box.engine.waitFor('its event', (e) => isOf(e, mail), { timeoutMs: 30000 });
  const { id } = event.data.message;
  assert.equal(JSON.parse((await remote('message', 'show', id)).stdout).kind, 'reply');
  assert.match((await remote('message', 'reclassify', id)).stderr, /--kind/);
  const said = await remote('message', 'reclassify', id, '--kind', 'auto_reply.other');
  assert.equal(said.code, 0, said.stderr);
  assert.equal(JSON.parse(said.stdout).kind, 'auto_reply.other');
  assert.equal((await box.api.waitForGate('robot@example.test', 'open')).level, 0);
});
