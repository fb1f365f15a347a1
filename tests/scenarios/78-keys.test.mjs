// Another master key takes the place of the one that seals, while inboxes are watched, tokens are refreshed and webhooks posted;
// whatever is killed over it, it goes on; at the end nothing needs the old key.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll, start, until, workdir } from '../sandbox/proc.mjs';
import { root } from '../sandbox/replyd.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

const groups = { grant: 'inbox_grant', token: 'access_token', webhook: 'endpoint' };
// the key over the keys is held outside
const kms = path.join(root, 'tests/sandbox/kms.sh'), kmsDir = workdir();
let box, db, inboxes, outs = [], sent = 0, old;

const rotate = (...more) => box.replyd.cli('key', 'rotate', '--data', box.replyd.data, ...more);
const list = async () => JSON.parse((await box.replyd.cli('key', 'list', '--data', box.replyd.data, '--json')).stdout);
const keysOf = async (table) => (await db.psql(`select string_agg(distinct key_id::text, ',') from replyd.${table}`));
const secretFile = (name) => path.join(box.replyd.data, 'secrets', name);

// a reply of each inbox becomes an event: IMAP, PostgreSQL and the webhook's signature (the engine checks it) all work
async function everythingWorks() {
  for (const i of inboxes) {
    const [out] = await box.register([{ inboxId: i.id, inbox: i.address, prospect: `p${++sent}@example.test` }]);
    const mail = humanReply(out);
    await box.deliver(i.address, mail);
    await box.engine.waitFor(`the event of ${i.address}`, (e) => isOf(e, mail), { timeoutMs: 30000 });
    outs.push(mail);
  }
}

before(async () => {
  // refreshed every few seconds
  box = await startSandbox({ accessTtl: 12, settings: { 'ingest.workers': 2, 'broker.refresh_ahead': '6s',
    key_command: `${kms} ${kmsDir}` } });
  db = insideOf(box.replyd);
  inboxes = [await box.connect('ada@example.test'), await box.connect('bob@example.test'),
    await box.connectByPassword('eve@example.test')];
  old = await db.psql(`select encode(sealed, 'hex') from replyd.inbox_grant where inbox_id = '${inboxes[2].id}'`);
  await everythingWorks();
});
after(endAll);

test('nothing fails while keys are rotated, and nothing is left under the old ones', async () => {
  const refreshed = box.oidc.issued('AccessToken').length;
  let over = false;
  const working = (async () => { while (!over) await everythingWorks(); })();
  const done = await rotate();
  over = true;
  await working;
  assert.equal(done.code, 0, done.stderr);
  for (const table of Object.values(groups)) assert.equal(await keysOf(table), '2', table);
  for (const k of await list()) {
    assert.equal(k.state, k.key === 2 ? 'sealing' : 'retired', JSON.stringify(k));
    assert.equal(k.boxes > 0, k.key === 2, JSON.stringify(k));
    assert.equal(k.held_by, k.holders);
  }
  assert.ok(box.oidc.issued('AccessToken').length > refreshed, 'tokens were refreshed meanwhile');
  assert.deepEqual((await box.api.events()).filter((e) => e.type === 'inbox.reauth_required'), []);
  assert.doesNotMatch(box.replyd.tail(5000), /unreadable|RP002|key\.(missing|differs|refused)/);
  for (const name of ['grant', 'grant.2', 'token.2', 'webhook.2', 'digest', 'broker-private'])
    assert.match(fs.readFileSync(secretFile(name), 'utf8'), /^wrapped:/, name);
  // nobody was started again for it
  assert.equal(box.replyd.state.roles.every((r) => r.starts === 1), true);
});

test('what is killed over it goes on where it was', async () => {
  const cli = start([box.replyd.exe, 'key', 'rotate', '--group', 'grant', '--data', box.replyd.data],
    { log: path.join(box.dir, 'cli.log'), env: box.replyd.env });
  await until('the rotation to be known', async () =>
    (await db.psql("select to_id from replyd.key_rotation where key_group = 'grant' and state <> 'done'")) === '3');
  process.kill(cli.pid, 'SIGKILL');
  await box.replyd.crash('broker');
  const done = await rotate('--group', 'grant', '--json');
  assert.equal(done.code, 0, done.stderr);
  const lines = done.stdout.trim().split('\n').map((l) => JSON.parse(l));
  assert.equal(lines.at(-1).state, 'done');
  assert.equal(lines.at(-1).key, 3, 'no further key was made');
  assert.equal(fs.existsSync(secretFile('grant.4')), false);
  assert.equal(await keysOf('inbox_grant'), '3');
  assert.equal(await keysOf('access_token'), '2');
  await everythingWorks();
});

test('two of it at once are refused', async () => {
  const [a, b] = await Promise.all([rotate('--group', 'webhook'), rotate('--group', 'webhook')]);
  assert.deepEqual([a.code, b.code].sort(), [0, 75], a.stderr + b.stderr);
  assert.match(a.stderr + b.stderr, /another `replyd key rotate` is at it/);
});

test('a process that slept through it writes nothing under the old key', async () => {
  await assert.rejects(db.psql(`update replyd.inbox_grant set sealed = decode('${old}', 'hex')`), /RP002|retired/);
});

test('a file that is no key holds up no other one', async () => {
  const bad = ['grant.200', 'token.1x', 'webhook.200', 'webhook.201'];
  for (const name of bad) fs.writeFileSync(secretFile(name), 'c2hvcnQ=\n', { mode: 0o600 });
  await until('it to be said', () => /keys\.not_read.*\.20[01]/.test(box.replyd.tail(5000)), { timeoutMs: 40000 });
  const done = await rotate('--group', 'token');
  assert.equal(done.code, 0, done.stderr);
  for (const name of bad) fs.rmSync(secretFile(name));
  await everythingWorks();
});

test('the old keys can be taken away', async () => {
  await box.replyd.stop();
  for (const name of ['grant', 'grant.2', 'token', 'token.2', 'webhook', 'webhook.2']) fs.rmSync(secretFile(name));
  await box.replyd.start();
  await everythingWorks();
  assert.doesNotMatch(box.replyd.tail(5000), /key\.missing/);
});

test('an old backup without its key says what is missing', async () => {
  await db.psql(`set session_replication_role = replica;
    update replyd.inbox_grant set sealed = decode('${old}', 'hex') where inbox_id = '${inboxes[2].id}'`);
  await box.replyd.crash('broker');
  await until('the missing key to be named', () =>
    /key\.missing.*group.{1,3}grant.*key.{1,3}1\b.*boxes.{1,3}1\b/.test(box.replyd.tail(5000)));
  // those that held it are dead, but not for long enough to be sure
  await until('nobody to hold it', async () =>
    (await list()).some((k) => k.group === 'grant' && k.key === 1 && k.boxes === 1 && k.held_by === 0), { timeoutMs: 30000, everyMs: 500 });
  assert.match((await box.replyd.cli('key', 'list', '--data', box.replyd.data)).stdout, /grant +1 +missing +1/);
});

test('without the service outside nothing starts, and it is said why', async () => {
  await box.replyd.stop();
  fs.writeFileSync(path.join(kmsDir, 'how'), 'fail');
  await assert.rejects(box.replyd.start({ timeoutMs: 20000 }));
  assert.match(box.replyd.tail(3), /does not unwrap.*kms\.sh.*status 3: AccessDenied/);
  await box.replyd.stop();
  fs.writeFileSync(path.join(kmsDir, 'how'), 'ok');
  await box.replyd.start();
});

test('a key that others may read is refused, with the remedy', async () => {
  await box.replyd.stop();
  fs.chmodSync(secretFile('digest'), 0o644);
  await assert.rejects(box.replyd.start({ timeoutMs: 20000 }));
  assert.match(box.replyd.tail(3), /secrets\/digest: others may read it; chmod 600 it/);
  await box.replyd.stop();
  fs.chmodSync(secretFile('digest'), 0o600);
  await box.replyd.start();
});

test('another key under a known number is not taken', async () => {
  await box.replyd.stop();
  fs.writeFileSync(secretFile('webhook.3'), `${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 });
  box.replyd.start({ timeoutMs: 15000 }).catch(() => {});
  await until('the difference to be said', () => /key\.differs.*webhook.*3/.test(box.replyd.tail(5000)));
});
