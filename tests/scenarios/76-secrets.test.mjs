// No secret of a whole run stands in anything that comes out of it, in any form: logs, PostgreSQL's log (also when it logs all
// it can), what other sessions see of statements, the database, answers, the process list, files that others can read.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from '../sandbox/consent.mjs';
import { password } from '../sandbox/dovecot.mjs';
import { startJwtBearer } from '../sandbox/jwtbearer.mjs';
import { humanReply } from '../sandbox/mails.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll, run, unprivileged, until, workdir } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { tracesOf } from '../sandbox/traces.mjs';

const nobody = unprivileged();
// with what programs escape, each in its own way
const clientSecret = 'client/secret+7%"x&y', applicationSecret = 'domain/secret+8%"x&y', wrongPassword = 'wr"ng/horse +b%ttery\\st&ple';
let box, db, google, raw, domain, seen = '';
const links = new Set(), issued = new Set(), keys = new Set();

// every answer of the API is kept, but those that are there to tell a secret once
function listen(api) {
  const call = api.call.bind(api);
  api.call = async (...args) => {
    const r = await call(...args);
    const tells = args[0] === 'POST' && /^\/v1\/(endpoints|connect-links|inboxes\/[^/]+\/access-token)$/.test(args[1]);
    if (r.body?.url && args[1] === '/v1/connect-links') links.add(r.body.url.split('/').pop());
    if (!tells || r.status > 299) seen += `${r.text}\n`;
    return r;
  };
}

// what nobody may find, by name
function secrets() {
  const dir = path.join(box.replyd.data, 'secrets');
  const all = new Map([['client secret', clientSecret], ['application secret', applicationSecret], ['app password', password],
    ['wrong app password', wrongPassword], ['endpoint secret', box.endpoint.secret.slice('whsec_'.length)],
    ['endpoint secret, raw', Buffer.from(box.endpoint.secret.slice('whsec_'.length), 'base64')],
    // of a PEM file what no other key has
    ...google.account().private_key.split('\n').slice(2, -3).map((line, i) => [`service account, line ${i}`, line])]);
  for (const [name, of] of Object.entries({ token: issued, 'connect link': links, 'API key': keys }))
    [...of].forEach((one, i) => all.set(`${name} ${i}`, one));
  for (const name of fs.readdirSync(dir)) {
    if (['made', 'broker-public'].includes(name)) continue;
    const text = fs.readFileSync(path.join(dir, name), 'latin1').trim();
    all.set(`${name}, as written`, text).set(name, Buffer.from(text, 'base64'));
  }
  return all;
}

const assertNone = (where, text) => assert.deepEqual(tracesOf(secrets(), text), [], where);

const pids = () => ['up', 'broker', 'ingest', 'dispatch', 'rotation', 'api'].flatMap((r) => box.replyd.pids(r)
  .map((pid) => ({ role: r, pid })));
const owner = (pid) => Number(/^Uid:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
function readIfAllowed(file) {
  try { return fs.readFileSync(file, 'latin1'); } catch (e) { if (e.code === 'EACCES') return ''; throw e; }
}

// much of what can happen to a secret: used, refreshed, refused, mistyped, repeated by a provider, sent to the wrong place
async function useThem(round) {
  const at = (name) => `${name}${round}@example.test`;
  const ada = await box.connect(at('ada'));
  const granted = box.oidc.issued('RefreshToken');
  const [out] = await box.register([{ inboxId: ada.id, inbox: ada.address, prospect: at('pat') }]);
  await box.deliver(ada.address, humanReply(out));
  await box.engine.waitFor('the event', (e) => e.type === 'reply.received' && e.data.inbox.id === ada.id);

  const key = await box.replyd.key(box.workspace, '--scopes', 'token');
  keys.add(key);
  const handed = await box.api.call('POST', `/v1/inboxes/${ada.id}/access-token`, undefined, { authorization: `Bearer ${key}` });
  assert.equal(handed.status, 200, handed.text);
  issued.add(handed.body.access_token);

  await box.connectByPassword(at('good'));
  const bad = await box.api.post('/v1/inboxes', { address: at('bad'), provider: 'apppassword', password: wrongPassword });
  assert.equal((await box.api.waitForLink(bad.connect_link_id)).state, 'failed');

  const settled = (id) => until('the domain to be settled', async () => (await box.api.get(`/v1/domain-grants/${id}`)).secret !== 'checking');
  const right = { provider: 'sandbox', tenant: 'example.test', client_id: 'domain-app', client_secret: applicationSecret };
  if (domain) await box.api.call('PUT', `/v1/domain-grants/${domain}/secret`, { client_secret: applicationSecret });
  else domain = (await box.api.post('/v1/domain-grants', right)).id;
  await settled(domain);
  await box.api.call('PUT', `/v1/domain-grants/${domain}/secret`, { client_secret: [applicationSecret] });
  const service = await box.api.post('/v1/domain-grants', { provider: 'workspace', tenant: `t${round}.test`, check_address: at('dan'),
    service_account_json: JSON.stringify(google.account()) });
  await settled(service.id);
  const { items: [dan] } = await box.api.post(`/v1/domain-grants/${service.id}/inboxes`, { addresses: [at('dan')] });
  assert.equal((await box.api.waitForLink(dan.connect_link_id)).state, 'connected');

  // a provider that repeats what it was told
  for (const how of [{ status: 500, times: 9, body: `no: ${clientSecret} ${encodeURIComponent(clientSecret)}` },
    { status: 400, body: { error: 'invalid_grant', error_description: `not with ${clientSecret}` } }]) {
    box.oidc.failNext(how);
    const link = await box.api.post('/v1/connect-links', { provider: 'sandbox', address: at(`f${how.status}`) });
    await connect(link.url);
    await box.api.waitForLink(link.id);
    box.oidc.failNoMore();
  }
  for (const token of box.oidc.issued()) issued.add(token);
  assert.ok(issued.has(granted[0]));
  box.oidc.failNext({ status: 400, body: { error: 'invalid_grant', error_description: `no: ${granted.at(-1)}` } });
  await box.oidc.revoke(ada.address);
  await box.dovecot.restart();
  await box.api.waitForInbox(ada.id, (i) => i.state === 'reauth_required', { timeoutMs: 60000 });

  for (const p of ['/v1/inboxes', '/v1/events', '/v1/endpoints', '/v1/domain-grants', '/metrics', '/readyz', '/nothing'])
    await box.api.call('GET', p);
  await box.api.call('GET', `/v1/inboxes?key=${box.api.key}`, undefined, { authorization: '' });
  await box.api.call('POST', '/v1/inboxes', `{"password":"${password}`);
  await box.api.call('POST', '/v1/inboxes', { password: `${password}`, address: 7 });
  await box.api.call('POST', '/v1/inboxes', { password: [password], address: 'x@example.test' });
  const rotated = await box.replyd.cli('key', 'rotate', '--data', box.replyd.data);
  assert.equal(rotated.code, 0, rotated.stderr);
  seen += rotated.stdout + rotated.stderr;
}

before(async () => {
  raw = workdir();
  if (nobody) fs.chownSync(raw, nobody.uid, nobody.gid);
  box = await startSandbox({ withReplyd: false, clientSecret,
    settings: { 'log.level': 'debug', 'ingest.rawlog_dir': raw, 'ingest.rawlog_all': 'on' } });
  google = await startJwtBearer({ oidc: box.oidc });
  await box.oidc.application({ secret: applicationSecret });
  const imap = Object.fromEntries(['host', 'port', 'security'].map((k) => [`provider.workspace.imap_${k}`, box.replyd.settings[`provider.sandbox.imap_${k}`]]));
  Object.assign(box.replyd.settings, imap, {
    'provider.sandbox.domain_access': 'app_only', 'provider.sandbox.domain_token_url': box.oidc.tokenUrl, 'provider.sandbox.domain_scope': 'imap',
    'provider.workspace.domain_access': 'delegated', 'provider.workspace.domain_token_url': google.url, 'provider.workspace.domain_scope': 'imap',
  });
  await box.begin();
  db = insideOf(box.replyd);
  keys.add(box.api.key);
  listen(box.api);
  await useThem(1);
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

// of another PostgreSQL we do not choose the settings
test('PostgreSQL may log all it can, and other sessions look on', async () => {
  const log = path.join(box.replyd.data, 'pg/postgres.log'), looks = path.join(box.dir, 'looks.log');
  for (const [name, value] of Object.entries({ log_statement: 'all', log_min_duration_statement: '0', log_parameter_max_length: '-1',
    log_parameter_max_length_on_error: '-1', log_error_verbosity: 'verbose', log_connections: 'on', debug_print_parse: 'off' }))
    await db.psql(`alter system set ${name} = '${value}'`);
  await db.psql('select pg_reload_conf()');
  const looker = db.watch('select query from pg_stat_activity where pid <> pg_backend_pid()', { dir: box.dir, log: looks });
  await useThem(2);
  await looker.stop();
  const text = fs.readFileSync(log);
  assert.match(text.toString('latin1'), /execute .*insert into access_token[\s\S]*parameters: \$1 = /, 'values are logged');
  assertNone('PostgreSQL\'s log', text);
  // which statements it meets is chance; that it meets some is not
  assert.match(fs.readFileSync(looks, 'utf8'), /\b(commit|select|insert|update)\b/);
  assertNone('statements as other sessions see them', fs.readFileSync(looks));
  assertNone('the log', fs.readFileSync(box.replyd.log));
  assertNone('the API\'s answers', seen);
});

test('the database', async () => {
  assertNone('the database', await db.dump());
});

test('the process list', () => {
  for (const { role, pid } of pids()) {
    assertNone(`the words of ${role}`, fs.readFileSync(`/proc/${pid}/cmdline`));
    const environ = readIfAllowed(`/proc/${pid}/environ`);
    assertNone(`the environment of ${role}`, environ);
    if (role !== 'up') assert.doesNotMatch(environ, /^(?!(PATH|LC_ALL|TZ|PROC_PARENT)=)[^\0]/m);
  }
});

test('what is killed leaves no core', async (t) => {
  // the same program, waiting for a mail; perl says what the kernel did
  const script = `pipe my $in, my $out; my $p = fork // die; if (!$p) { open STDIN, '<&', $in; exec @ARGV or exit 3 }
    for (1 .. 500) { open my $f, '<', "/proc/$p/limits"; last if $ENV{SOFT} || grep { /core file size\\s+0 / } <$f>; select undef, undef, undef, .02 }
    kill ABRT => $p; waitpid $p, 0; print $? & 127, ' ', $? & 128 ? 'core' : 'none'`;
  const dir = workdir();
  const killed = async (env, ...argv) => (await run(['sh', '-c', 'ulimit -c unlimited; exec perl -e "$0" "$@"', script, ...argv],
    { cwd: dir, env: { ...process.env, ...env } })).stdout;
  assert.equal(await killed({}, box.replyd.exe, 'classify'), '6 none');
  assert.deepEqual(fs.readdirSync(dir), []);
  t.diagnostic(`another program here: signal ${await killed({ SOFT: '1' }, 'cat')}`);
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
