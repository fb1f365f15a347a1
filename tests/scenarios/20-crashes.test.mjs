// kill -9 of any process, at any moment of a stream of answers: nothing is lost, nothing is doubled in the log.
import assert from 'node:assert/strict';
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

// A fast shutdown waits for every backend; this one does not answer.
test('kill -9 of replyd up while a backend hangs, and a new start', () => stream(async () => {
  const hung = Number(await insideOf(box.replyd).psql("select pid from pg_stat_activity where usename = 'replyd_api' limit 1"));
  process.kill(hung, 'SIGSTOP');
  process.kill(box.replyd.pids('up')[0], 'SIGKILL');
  await until('it to be gone', () => box.replyd.running.over);
  await box.replyd.start();
}));
