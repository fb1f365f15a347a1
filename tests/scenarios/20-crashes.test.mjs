// kill -9 of any process, at any moment of a stream of answers: nothing is lost, nothing is doubled in the log.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box, ada;
before(async () => {
  box = await startSandbox({ settings: { 'ingest.lease': '2s', 'ingest.heartbeat': '500ms', 'ingest.grace': '1s', 'ingest.proof': '2s',
    'dispatch.timeout': '2s', 'dispatch.retry': '0s 1s 1s 1s 2s 5s 5s' } });
  ada = await box.connect('ada@example.test');
});
after(endAll);

let round = 0;
async function stream(disturb) {
  const n = 12;
  round += 1;
  const outs = await until('outbounds to be registered', () => box.register(Array.from({ length: n }, (_, i) => (
    { inboxId: ada.id, inbox: ada.address, prospect: `p${round}-${i}@example.test` }))));
  const mails = outs.map((o) => humanReply(o));
  const half = Math.floor(n / 2);
  for (const mail of mails.slice(0, half)) await box.deliver(ada.address, mail);
  const disturbed = disturb();
  for (const mail of mails.slice(half)) await box.deliver(ada.address, mail);
  await disturbed;
  await box.replyd.ready();
  for (const mail of mails)
    await box.engine.waitFor(`the event of ${mail.id}`, (e) => isOf(e, mail), { timeoutMs: 60000 });
  const feed = await box.api.events();
  assert.deepEqual(feed.map((e) => e.position), feed.map((_, i) => i + 1), 'the feed has no holes');
  for (const mail of mails)
    assert.equal(feed.filter((e) => isOf(e, mail)).length, 1, `${mail.id} once in the log`);
  for (const out of outs) assert.equal((await box.api.gate(out.prospect)).state, 'closed');
}

for (const role of ['ingest', 'dispatch', 'broker', 'api', 'rotation'])
  test(`kill -9 of ${role}`, () => stream(() => box.replyd.crash(role)));

test('kill -9 of PostgreSQL', () => stream(async () => {
  const before = box.replyd.state.postgres;
  process.kill(before, 'SIGKILL');
  await until('PostgreSQL to be started again', () => box.replyd.state.postgres > 1 && box.replyd.state.postgres !== before,
    { timeoutMs: 60000 });
}));

test('kill -9 of replyd up itself, and a new start', () => stream(async () => {
  process.kill(box.replyd.pids('up')[0], 'SIGKILL');
  await until('it to be gone', () => box.replyd.running.over);
  await box.replyd.start();
}));

const backend = async () => Number(await insideOf(box.replyd).psql("select pid from pg_stat_activity where usename = 'replyd_api' limit 1"));
async function killUp() {
  process.kill(box.replyd.pids('up')[0], 'SIGKILL');
  await until('it to be gone', () => box.replyd.running.over);
}

// A fast shutdown waits for every backend; this one does not answer.
test('kill -9 of replyd up while a backend hangs, and a new start', () => stream(async () => {
  process.kill(await backend(), 'SIGSTOP');
  await killUp();
  await box.replyd.start();
}));

test('kill -9 of replyd up while PostgreSQL itself hangs, and a new start', () => stream(async () => {
  process.kill(box.replyd.state.postgres, 'SIGSTOP');
  await killUp();
  await box.replyd.start();
}));

// It holds the shared memory, beside which no other PostgreSQL starts.
test('kill -9 of PostgreSQL while a backend hangs', () => stream(async () => {
  const before = box.replyd.state.postgres;
  process.kill(await backend(), 'SIGSTOP');
  process.kill(before, 'SIGKILL');
  await until('PostgreSQL to answer', () => insideOf(box.replyd).psql('select 1'), { timeoutMs: 30000 });
}));

test('kill -9 of replyd up and of PostgreSQL while a backend hangs, and a new start', () => stream(async () => {
  const { postgres } = box.replyd.state;
  process.kill(await backend(), 'SIGSTOP');
  await killUp();
  try { process.kill(postgres, 'SIGKILL'); } catch { /* it ended with its parent */ }
  await box.replyd.start();
}));

test('a PostgreSQL that does not start is tried again, and meanwhile replyd up ends when it is told to', async () => {
  const conf = path.join(box.replyd.data, 'pg/data/postgresql.conf'), good = fs.readFileSync(conf, 'utf8');
  const startSpoiled = async () => {
    await box.replyd.stop();
    const before = fs.readFileSync(box.replyd.log, 'utf8').length;
    fs.writeFileSync(conf, `${good}\nmax_connections = none\n`);
    const ready = box.replyd.start().then(() => 'ready', (e) => e.message);
    await until('PostgreSQL to have ended twice', () =>
      fs.readFileSync(box.replyd.log, 'utf8').slice(before).match(/child\.ended/g)?.length > 1, { timeoutMs: 30000 });
    return { ready };
  };
  await startSpoiled();
  assert.deepEqual(await box.replyd.stop(), { code: 0, signal: null });
  const { ready } = await startSpoiled();
  fs.writeFileSync(conf, good);
  assert.equal(await ready, 'ready');
});
