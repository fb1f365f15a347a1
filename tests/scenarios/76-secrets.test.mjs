// No secret of a whole run stands in anything that comes out of it: logs, PostgreSQL's log, the
// database, the process list, files that others can read.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from '../sandbox/consent.mjs';
import { password } from '../sandbox/dovecot.mjs';
import { humanReply } from '../sandbox/mails.mjs';
import { insideOf, tracesOf } from '../sandbox/postgres.mjs';
import { endAll, run, unprivileged, workdir } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

const nobody = unprivileged();
const wrongPassword = 'wrong-horse-battery-staple';
let box, ada, raw, links = [], issued = [], seen = '';

// every answer of the API is kept
function listen(api) {
  const call = api.call.bind(api);
  api.call = async (...args) => {
    const r = await call(...args);
    if (!/^\/v1\/(endpoints|connect-links)$/.test(args[1]) || args[0] !== 'POST') seen += `${r.text}\n`;
    return r;
  };
}

// what nobody may find, by name
function secrets() {
  const dir = path.join(box.replyd.data, 'secrets');
  const all = new Map([['client secret', box.oidc.client.secret], ['API key', box.api.key], ['app password', password],
    ['wrong app password', wrongPassword], ['endpoint secret', box.endpoint.secret.slice('whsec_'.length)],
    ['endpoint secret, raw', Buffer.from(box.endpoint.secret.slice('whsec_'.length), 'base64')]]);
  for (const [i, token] of issued.entries()) all.set(`token ${i}`, token);
  for (const [i, url] of links.entries()) all.set(`connect link ${i}`, url.split('/').pop());
  for (const name of fs.readdirSync(dir)) {
    if (['made', 'broker-public'].includes(name)) continue;
    const text = fs.readFileSync(path.join(dir, name), 'latin1').trim();
    all.set(`${name}, as written`, text).set(name, Buffer.from(text, 'base64'));
  }
  return all;
}

function assertNone(where, text) {
  const bytes = Buffer.isBuffer(text) ? text : Buffer.from(text);
  const latin = bytes.toString('latin1');
  for (const [name, secret] of secrets()) {
    if (Buffer.isBuffer(secret) && !/^[\x20-\x7e]+$/.test(secret.toString('latin1'))) {
      assert.equal(bytes.includes(secret), false, `${name} in ${where}`);
      for (const form of ['hex', 'base64', 'base64url'])
        assert.equal(latin.includes(secret.toString(form)), false, `${name} (${form}) in ${where}`);
    } else {
      assert.deepEqual(tracesOf([secret.toString('latin1')], latin), [], `${name} in ${where}`);
    }
  }
}

const pids = () => ['up', 'broker', 'ingest', 'dispatch', 'rotation', 'api'].flatMap((r) => box.replyd.pids(r)
  .map((pid) => ({ role: r, pid })));
const owner = (pid) => Number(/^Uid:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
function readIfAllowed(file) {
  try { return fs.readFileSync(file, 'latin1'); } catch (e) { if (e.code === 'EACCES') return ''; throw e; }
}

before(async () => {
  raw = workdir();
  if (nobody) fs.chownSync(raw, nobody.uid, nobody.gid);
  box = await startSandbox({ withReplyd: false, settings: { 'log.level': 'debug', 'ingest.rawlog_dir': raw, 'ingest.rawlog_all': 'on' } });
  await box.begin();
  listen(box.api);
  const post = box.api.post.bind(box.api);
  box.api.post = async (...args) => { const r = await post(...args); if (r.url) links.push(r.url); return r; };
  // much of what can happen to a secret: used, refreshed, refused, mistyped, sent to the wrong place
  ada = await box.connect('ada@example.test');
  const granted = box.oidc.issued('RefreshToken');
  const [out] = await box.register([{ inboxId: ada.id, inbox: ada.address, prospect: 'pat@example.test' }]);
  await box.deliver(ada.address, humanReply(out));
  await box.engine.waitFor('the event', (e) => e.type === 'reply.received');
  const app = (address, pw) => box.api.post('/v1/inboxes', { address, provider: 'apppassword', password: pw });
  const good = await box.api.waitForLink((await app('good@example.test', password)).connect_link_id);
  await box.api.waitForInbox(good.inbox_id, (i) => i.state === 'live');
  const bad = await box.api.waitForLink((await app('bad@example.test', wrongPassword)).connect_link_id);
  await box.api.waitForInbox(bad.inbox_id, (i) => ['reauth_required', 'held'].includes(i.state));
  const [fault, refusal] = [{ status: 500, body: `no: ${box.oidc.client.secret}` },
    { status: 400, body: { error: 'invalid_grant', error_description: `not with ${box.oidc.client.secret}` } }];
  for (const how of [fault, refusal]) {
    box.oidc.failNext(how);
    const link = await box.api.post('/v1/connect-links', { provider: 'sandbox', address: `f${how.status}@example.test` });
    await connect(link.url);
    await box.api.waitForLink(link.id); // whichever way: the next fault is not for this one
    box.oidc.failNoMore();
  }
  // a provider that repeats what it refuses
  issued = box.oidc.issued();
  assert.ok(issued.includes(granted[0]));
  box.oidc.failNext({ status: 400, body: { error: 'invalid_grant', error_description: `no: ${granted[0]}` } });
  await box.oidc.revoke(ada.address);
  await box.dovecot.restart();
  await box.api.waitForInbox(ada.id, (i) => i.state === 'reauth_required', { timeoutMs: 60000 });
  for (const path of ['/v1/inboxes', '/v1/events', '/v1/endpoints', '/metrics', '/readyz', '/nothing'])
    await box.api.call('GET', path);
  await box.api.call('GET', `/v1/inboxes?key=${box.api.key}`, undefined, { authorization: '' });
  await box.api.call('POST', '/v1/inboxes', `{"password":"${password}`);
  await box.api.call('POST', '/v1/inboxes', { password: `${password}`, address: 7 });
  await box.api.call('POST', '/v1/inboxes', { password: [password], address: 'x@example.test' });
});
after(endAll);

test('logs, raw dialogues and answers', () => {
  assertNone('the log', fs.readFileSync(box.replyd.log));
  assertNone('the API\'s answers', seen);
  const files = fs.readdirSync(raw, { recursive: true }).map((f) => path.join(raw, f)).filter((f) => fs.statSync(f).isFile());
  assert.notEqual(files.length, 0);
  for (const f of files) {
    assertNone(f, fs.readFileSync(f));
    assert.equal(fs.statSync(f).mode & 0o077, 0, f);
  }
  for (const f of ['settings.conf', 'replyd.state', 'pg/postgres.log', 'pg/initdb.log'])
    assertNone(f, fs.readFileSync(path.join(box.replyd.data, f)));
});

test('PostgreSQL\'s log holds no row', () => {
  const log = fs.readFileSync(path.join(box.replyd.data, 'pg/postgres.log'), 'utf8');
  assert.doesNotMatch(log, /Failing row|DETAIL|@example\.test/);
});

test('the database', async () => {
  assertNone('the database', await insideOf(box.replyd).dump());
});

test('the process list', () => {
  for (const { role, pid } of pids()) {
    assertNone(`the words of ${role}`, fs.readFileSync(`/proc/${pid}/cmdline`));
    const environ = readIfAllowed(`/proc/${pid}/environ`);
    assertNone(`the environment of ${role}`, environ);
    if (role !== 'up') assert.doesNotMatch(environ, /^(?!(PATH|LC_ALL|TZ|PROC_PARENT)=)[^\0]/m);
  }
});

test('memory: no core dump, no debugger, no descriptor left', async () => {
  for (const { role, pid } of pids()) {
    assert.match(fs.readFileSync(`/proc/${pid}/limits`, 'utf8'), /Max core file size\s+0 /, role);
    // the kernel gives the files of a process that may not be dumped to root
    assert.equal(fs.statSync(`/proc/${pid}/mem`).uid, 0, role);
    if (role === 'up') continue;
    if (nobody) {
      assert.notEqual(owner(pid), 0, `${role} runs as root`);
      const fds = fs.readdirSync(`/proc/${pid}/fd`).filter((n) => n > 2).map((n) => {
        try { return fs.readlinkSync(`/proc/${pid}/fd/${n}`); } catch { return ''; }
      });
      for (const pipe of fds.filter((f) => f.startsWith('pipe:')))
        assert.equal(fds.filter((f) => f === pipe).length, 2, `${role} kept an end of a pipe`);
      const peek = await run(['cat', `/proc/${pid}/environ`], { user: nobody });
      assert.notEqual(peek.code, 0, `${role} can be looked into`);
    }
  }
});

test('files: the data folder', async () => {
  for (const f of fs.readdirSync(box.replyd.data, { recursive: true })) {
    if (f.startsWith('pg/data/')) continue; // behind a folder of mode 0700
    const st = fs.lstatSync(path.join(box.replyd.data, f));
    if (st.isFile() && f !== 'settings.conf') assert.equal(st.mode & 0o077, 0, f);
    if (f === 'secrets' || f === 'pg') assert.equal(st.mode & 0o077, 0, f);
  }
  if (!nobody) return;
  for (const f of ['secrets', 'secrets/db-root', 'pg', 'pg/postgres.log', 'replyd.state'])
    assert.notEqual((await run(['ls', '-d', `${path.join(box.replyd.data, f)}/.`], { user: nobody })).code, 0, f);
});

test('what each role is refused in the private cluster', async () => {
  const env = (role) => ({ ...process.env, PGPASSWORD: Buffer.from(
    fs.readFileSync(path.join(box.replyd.data, 'secrets', `db-${role}`), 'latin1'), 'base64').toString() });
  const as = (role, sql, db = 'replyd') => run(['/usr/lib/postgresql/15/bin/psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d',
    `${box.replyd.conninfo} dbname=${db} user=replyd_${role}`, '-c', sql], { env: env(role) });
  for (const role of ['ingest', 'broker', 'dispatch', 'rotation', 'api', 'admin']) {
    assert.equal((await as(role, 'select 1')).stdout.trim(), '1');
    for (const sql of ['create temp table t (n int)', 'create table t (n int)', 'create schema s', 'select pg_read_file(\'PG_VERSION\')',
      'copy (select 1) to program \'true\'', `alter role replyd_${role} superuser`, 'set role replyd_owner',
      'select rolpassword from pg_authid', 'select pg_reload_conf()', 'create extension dblink',
      'set row_security = off; select count(*) from gate, inbox_grant, api_key'])
      assert.notEqual((await as(role, sql)).code, 0, `${role}: ${sql}`);
    const spied = await as(role, `select count(*) from pg_stat_activity where usename <> current_user
      and query not in ('', '<insufficient privilege>')`);
    assert.equal(spied.stdout.trim(), '0', role);
  }
  const stranger = await run(['/usr/lib/postgresql/15/bin/psql', '-XAtq', '-d', `${box.replyd.conninfo} user=replyd_api`, '-c',
    'select 1'], { env: { ...process.env, PGPASSWORD: 'guess' } });
  assert.notEqual(stranger.code, 0);
});
