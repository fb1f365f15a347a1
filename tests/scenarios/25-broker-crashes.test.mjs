// kill -9 of a broker at every point of a refresh, with a second broker beside it and an authorization server that
// rotates refresh tokens and takes everything back when one is used twice.  Each time there is one defined end:
// before the provider answered the refresh is repeated; after it rotated and before that was saved the old token is
// tried once, which helps where the provider still takes it, and where not the user is asked; never is a token used
// up in silence.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from '../sandbox/consent.mjs';
import { startFaultProxy } from '../sandbox/faultproxy.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll, sleep, start, until } from '../sandbox/proc.mjs';
import { binary } from '../sandbox/replyd.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box, proxy, db, other;

// The points inside of PostgreSQL: a row in `fault.at` makes the broker's statement wait there until it is gone.
const points = `create schema fault; grant usage on schema fault to public;
  create table fault.at (point text, inbox_id uuid); grant select on fault.at to public;
  create function fault.wait() returns trigger language plpgsql as $$ begin
    while exists (select from fault.at where inbox_id = new.inbox_id and point = case
        when new.version > old.version then 'save' when new.claim_id is distinct from old.claim_id then 'claim' end) loop
      perform pg_sleep(0.02);
    end loop;
    return new;
  end $$;
  create trigger fault before update on replyd.inbox_grant for each row execute function fault.wait()`;

// Another broker of the same installation, as a second machine would run it.
function startOther() {
  const home = path.join(box.dir, 'other');
  fs.mkdirSync(home);
  const secret = (name) => fs.readFileSync(path.join(box.replyd.data, 'secrets', name), 'latin1').trim();
  const text = (name) => Buffer.from(secret(name), 'base64').toString();
  const credentials = path.join(home, 'credentials');
  fs.writeFileSync(credentials, [`db.password=${text('db-broker')}`, `key.grant=base64:${secret('grant')}`,
    `key.broker_private=base64:${secret('broker-private')}`, `key.token=base64:${secret('token')}`,
    `oauth.sandbox.client_secret=${box.oidc.client.secret}`, ''].join('\n'), { mode: 0o600 });
  const config = path.join(home, 'conf');
  fs.writeFileSync(config, Object.entries({ ...box.replyd.settings, 'database.url': `"${box.replyd.conninfo}"` })
    .map(([k, v]) => `${k} = ${v}\n`).join(''));
  return start([binary(), 'broker', '--credentials', credentials, '--config', config],
    { log: path.join(home, 'log'), env: box.replyd.env, deathSignal: 'TERM' });
}

before(async () => {
  box = await startSandbox({ withReplyd: false });
  proxy = await startFaultProxy(box.oidc.port);
  box.replyd.settings['provider.sandbox.token_url'] = `http://127.0.0.1:${proxy.port}/token`;
  box.replyd.settings['log.level'] = 'debug'; // each look is said
  await box.begin();
  db = insideOf(box.replyd);
  await db.psql(points);
  other = startOther();
  await until('the second broker to be there', async () => Number(await db.psql(
    "select count(*) from pg_stat_activity where application_name = 'replyd broker'")) >= 2);
});
after(endAll);

const row = async (inbox, what) => db.psql(`select ${what} from replyd.inbox_grant where inbox_id = '${inbox.id}'`);
const refreshes = (since) => box.oidc.seen.slice(since).filter((s) => s.grantType !== 'authorization_code');
const waiting = (point) => until(`the broker to be ${point}`, async () => await db.psql(
  "select 1 from pg_stat_activity where wait_event = 'PgSleep' and application_name = 'replyd broker'") === '1');
const due = (...inboxes) => db.psql(`update replyd.inbox_grant set refresh_due_at = now() where inbox_id in (${
  inboxes.map((i) => `'${i.id}'`)}); notify replyd_token`);
const version = async (inbox) => Number(await row(inbox, 'version'));
const reaches = (inbox, n) => until(`version ${n}`, async () => await version(inbox) === n, { timeoutMs: 40000 });
const asked = async (inbox) => (await box.api.events({ limit: 1000 })).filter((e) => e.type === 'inbox.reauth_required'
  && e.data.inbox_id === inbox.id);

// looks: every broker that runs has looked at what is due twice; the first look may have begun before this was asked
async function looks() {
  const brokers = [[box.replyd.pids('broker')[0], box.replyd.log], [other.pid, path.join(box.dir, 'other', 'log')]]
    .filter(([pid]) => !/\) T /.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1')));
  const counts = () => brokers.map(([, log]) => fs.readFileSync(log, 'latin1').split('\n')
    .filter((line) => /broker\.claimed.*grants/.test(line)).length);
  for (let look = 1; look <= 2; look++) {
    const before = counts();
    await db.psql('notify replyd_token');
    await until('every broker to look', () => counts().every((n, i) => n > before[i]));
  }
}

// die: a due refresh of a new inbox by the first broker, killed at a point
//   hold     makes it wait there;  reached: until it does;  undo: nothing waits any more
//   dead     its connection goes with it, as a machine does: whatever was not committed is undone
//   end      of the first broker, if not by kill -9 at once
async function die(name, { hold = () => {}, reached, undo = () => {}, dead = false, end = () => box.replyd.crash('broker') }) {
  const inbox = await box.connect(`${name}@example.test`);
  const seen = box.oidc.seen.length;
  const before = await version(inbox);
  process.kill(other.pid, 'SIGSTOP');
  await hold(inbox);
  await due(inbox);
  await reached(inbox, seen);
  await end(inbox, before);
  if (dead) await db.psql("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'");
  await undo(inbox);
  // it is long ago: whoever had it is dead for everybody
  await db.psql(`update replyd.inbox_grant set claimed_at = claimed_at - interval '1 hour' where inbox_id = '${inbox.id}'`);
  process.kill(other.pid, 'SIGCONT');
  return { inbox, seen, before };
}

const at = (point) => ({
  hold: (inbox) => db.psql(`insert into fault.at values ('${point}', '${inbox.id}')`),
  reached: () => waiting(`in its ${point}`),
  undo: () => db.psql('delete from fault.at'),
});
const silent = (way) => ({
  hold: () => { proxy.faults.silent = way; },
  undo: () => { proxy.heal(); proxy.kill('rst'); },
});
const rotated = (inbox, seen) => until('the provider to have rotated', () => refreshes(seen)[0]?.status === 200);

// repeated: the token at hand is the next one, and the provider answered these; nobody heard of it
async function repeated({ inbox, seen, before }, answers) {
  await reaches(inbox, before + 1);
  await looks();
  assert.equal(await row(inbox, "version || ' ' || state || ' ' || claim_tries || ' ' || (claim_id is null)"),
    `${before + 1} ok 0 true`);
  assert.deepEqual(refreshes(seen).map((s) => s.status), answers);
  await due(inbox); // and the pair that was saved is good: the next refresh works
  await reaches(inbox, before + 2);
  assert.deepEqual(await asked(inbox), []);
}

// lost: the old token was tried once, the user is asked once, and consents again by the link in the event
async function lost({ inbox, seen, before }) {
  const { event } = await box.engine.waitFor('the event', (e) => e.type === 'inbox.reauth_required' && e.data.inbox_id === inbox.id,
    { timeoutMs: 40000 });
  assert.equal(event.data.reason, 'rotation_lost');
  const { state, grant } = await box.api.get(`/v1/inboxes/${inbox.id}`);
  assert.deepEqual([state, grant.state, grant.reason], ['live', 'reauth_required', 'rotation_lost']); // its session goes on
  await due(inbox);
  await looks();
  assert.deepEqual(refreshes(seen).map((s) => s.status), [200, 400], 'nobody asks again');
  assert.equal((await asked(inbox)).length, 1);
  await connect(event.data.connect_url);
  await until('the grant to be good again', async () => await row(inbox, 'state') === 'ok');
  await box.api.waitForInbox(inbox.id, (i) => i.state === 'live');
  await due(inbox);
  await reaches(inbox, before + 2); // one by consent, one by the refresh
}

test('before the claim is committed', async () => {
  await repeated(await die('a', { ...at('claim'), dead: true }), [200]);
});

test('after the claim, before the provider heard of it', async () => {
  await repeated(await die('b', { ...silent('up'),
    reached: (inbox) => until('the claim', async () => await row(inbox, 'claim_id is not null') === 't') }), [200]);
});

test('while the provider works, and it does not finish', async () => {
  await repeated(await die('c', {
    hold: () => box.oidc.failNext({ delayMs: 2000, status: 0 }),
    reached: (inbox, seen) => until('the provider to have it', () => refreshes(seen).length === 1),
  }), [null, 200]);
});

test('after its answer, before our save', async () => {
  await lost(await die('d', { ...silent('down'), reached: rotated }));
});

test('after its answer, before our save, where the old token is good for a while yet', async () => {
  box.oidc.keepsOld = true;
  await repeated(await die('e', { ...silent('down'), reached: rotated }), [200, 200]);
  box.oidc.keepsOld = false;
});

test('during the save, which is undone', async () => {
  await lost(await die('f', { ...at('save'), dead: true }));
});

test('after the save, before it heard of that', async () => {
  await repeated(await die('g', { ...at('save'),
    async end(inbox, before) {
      process.kill(box.replyd.pids('broker')[0], 'SIGSTOP');
      await at('save').undo();
      await reaches(inbox, before + 1);
      await box.replyd.crash('broker');
    } }), [200]);
});

test('nothing but a committed row is held while the provider works', async () => {
  const inbox = await box.connect('h@example.test');
  const seen = box.oidc.seen.length;
  const before = await version(inbox);
  box.oidc.failNext({ delayMs: 1500 });
  await due(inbox);
  const [call] = await until('the provider to have it', () => refreshes(seen).length === 1 && refreshes(seen));
  const open = () => db.psql(`select count(*) from pg_stat_activity
    where application_name = 'replyd broker' and xact_start < to_timestamp(${call.at / 1000})`);
  assert.equal(await row(inbox, 'claim_id is not null'), 't', 'another session sees the claim');
  assert.equal(await row(inbox, `claimed_at < to_timestamp(${(call.at + 1) / 1000})`), 't', 'and it is older than the request');
  assert.equal(await open(), '0', 'no transaction is as old as the request');
  await until('nobody to lock the row', async () => await db.psql(
    `select 1 from replyd.inbox_grant where inbox_id = '${inbox.id}' for update nowait`) === '1');
  assert.equal(call.status, null, 'and that was before the answer');
  await reaches(inbox, before + 1);
});

test('an access token is there when the refresh token is safe, not before', async () => {
  const inbox = await box.connect('i@example.test');
  const before = await version(inbox);
  const token = (what) => db.psql(`select ${what} from replyd.access_token where inbox_id = '${inbox.id}'`);
  await at('save').hold(inbox);
  await due(inbox);
  await waiting('in its save');
  assert.equal(await token('version'), String(before), 'nobody can have the new one');
  await at('save').undo();
  await reaches(inbox, before + 1);
  assert.equal(await token('version'), String(before + 1));
  assert.equal(await token('xmin'), await row(inbox, 'xmin'), 'one transaction wrote both');
});

test('two brokers, many grants, every one refreshed once', async () => {
  const inboxes = [];
  for (const name of ['j', 'k', 'l', 'm', 'n', 'o']) inboxes.push(await box.connect(`${name}@example.test`));
  const seen = box.oidc.seen.length;
  const before = await Promise.all(inboxes.map(version));
  for (let round = 1; round <= 5; round++) {
    await db.psql(`insert into replyd.token_request (workspace_id, inbox_id, refused_version)
      select workspace_id, inbox_id, version from replyd.access_token where inbox_id in (${inboxes.map((i) => `'${i.id}'`)})
      on conflict (workspace_id, inbox_id) do update set refused_version = excluded.refused_version`);
    await due(...inboxes);
    await Promise.all(inboxes.map((inbox, i) => reaches(inbox, before[i] + round)));
  }
  await looks();
  assert.deepEqual(await Promise.all(inboxes.map(version)), before.map((v) => v + 5));
  assert.deepEqual(refreshes(seen).map((s) => s.status), Array(30).fill(200));
});

test('a broker that is only slow saves after all, and the guess about it is undone', async () => {
  const inbox = await box.connect('p@example.test');
  const before = await version(inbox);
  const first = box.replyd.pids('broker')[0];
  process.kill(other.pid, 'SIGSTOP');
  await at('save').hold(inbox);
  await due(inbox);
  await waiting('in its save');
  process.kill(first, 'SIGSTOP');
  await at('save').undo();
  await reaches(inbox, before + 1);
  process.kill(other.pid, 'SIGCONT');
  await looks();
  process.kill(first, 'SIGCONT');
  await looks();
  assert.equal(await row(inbox, "version || ' ' || state"), `${before + 1} ok`);
  assert.deepEqual(await asked(inbox), []);
});

test('a broker that was stopped for longer than its claims hold sends nothing and overwrites nothing', async () => {
  const inboxes = [await box.connect('q@example.test'), await box.connect('r@example.test')];
  const [answered, claimed] = inboxes;
  const before = await Promise.all(inboxes.map(version));
  const seen = box.oidc.seen.length;
  const first = box.replyd.pids('broker')[0];
  box.oidc.keepsOld = true; // the one that was answered is used again, by whoever must think the first dead
  process.kill(other.pid, 'SIGSTOP');
  box.oidc.failNext({ delayMs: 3000 });
  await due(answered);
  await until('the provider to have it', () => refreshes(seen).length === 1);
  await at('claim').hold(claimed);
  await due(claimed);
  await waiting('in its claim');
  process.kill(first, 'SIGSTOP');
  await sleep(10500); // BROKER_GRACE_MS, and a little
  await at('claim').undo();
  await until('the claim to be committed', async () => await row(claimed, 'claim_id is not null') === 't');
  await db.psql("update replyd.inbox_grant set claimed_at = claimed_at - interval '1 hour' where claim_id is not null");
  process.kill(other.pid, 'SIGCONT');
  await Promise.all(inboxes.map((inbox, i) => reaches(inbox, before[i] + 1)));
  const sealed = await Promise.all(inboxes.map((inbox) => row(inbox, 'sealed')));
  process.kill(first, 'SIGCONT');
  await until('it to look at its claim', () => /broker\.claim_late/.test(fs.readFileSync(box.replyd.log, 'latin1')));
  await looks();
  assert.deepEqual(refreshes(seen).map((s) => s.status), [200, 200, 200]);
  assert.deepEqual(await Promise.all(inboxes.map((inbox) => row(inbox, 'sealed'))), sealed);
  assert.deepEqual(await Promise.all(inboxes.map(version)), before.map((v) => v + 1));
  box.oidc.keepsOld = false;
  await due(...inboxes); // what was saved is good
  await Promise.all(inboxes.map((inbox, i) => reaches(inbox, before[i] + 2)));
  assert.deepEqual((await Promise.all(inboxes.map(asked))).flat(), []);
});
