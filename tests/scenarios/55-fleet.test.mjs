// Two workers of one machine: one is drained, one is killed; nothing is missed, and nobody waits long.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

const addresses = ['ada@example.test', 'bob@example.test'];
let box, db;
const inboxes = [];
before(async () => {
  box = await startSandbox({ settings: { 'ingest.workers': 2, 'ingest.proof': '1s' } });
  for (const address of addresses) inboxes.push(await box.connect(address));
  db = insideOf(box.replyd);
});
after(endAll);

const cli = async (...args) => {
  const r = await box.replyd.cli('worker', ...args, '--data', box.replyd.data);
  assert.equal(r.code, 0, r.stderr);
  return r.stdout;
};
const list = async () => JSON.parse(await cli('list', '--json'));
const holder = async (inbox) => {
  const [id, pid, epoch] = (await db.psql(`select w.worker_id, w.pid, l.epoch from replyd.lease l
    join replyd.worker w using (worker_id) where l.inbox_id = '${inbox.id}'`)).split('|');
  return { id, pid: Number(pid), epoch: Number(epoch) };
};
// A mail is told within so many seconds.
const told = async (inbox, n, limitMs) => {
  const [out] = await box.register([{ inboxId: inbox.id, inbox: inbox.address, prospect: `p${n}@example.test` }]);
  const mail = humanReply(out);
  const sent = Date.now();
  await box.deliver(inbox.address, mail);
  await box.engine.waitFor('the event', (e) => isOf(e, mail), { timeoutMs: 60000 });
  assert.ok(Date.now() - sent < limitMs, `told after ${Date.now() - sent} ms`);
  const feed = await box.api.events();
  assert.equal(feed.filter((e) => isOf(e, mail)).length, 1);
};

test('a worker is drained: its inboxes are live elsewhere, one session before the other', async () => {
  await until('both workers to hold one', async () => (await list()).every((w) => w.held === 1 && w.live === 1), { timeoutMs: 30000 });
  const before = await holder(inboxes[0]);
  assert.equal((await cli('drain', before.id.slice(0, 8))).trim(), before.id);
  await until('the other one to hold both', async () =>
    (await list()).find((w) => w.id !== before.id)?.live === 2, { timeoutMs: 30000 });
  const now = await holder(inboxes[0]);
  assert.notEqual(now.id, before.id);
  assert.equal(now.epoch, before.epoch + 1);
  const drained = (await list()).find((w) => w.id === before.id);
  assert.equal(drained.draining, true);
  await until('nothing to be left', async () => (await list()).find((w) => w.id === before.id).held === 0, { timeoutMs: 10000 });
  assert.match(await cli('list'), /draining/);
  await told(inboxes[0], 'drained', 10000);
  await cli('undrain', before.id);
  await until('each to have its share again', async () => (await list()).every((w) => w.held === 1 && w.live === 1), { timeoutMs: 30000 });
});

test('kill -9 of a worker: the one started in its place goes on at once', async () => {
  const before = await holder(inboxes[0]);
  const died = Date.now();
  process.kill(before.pid, 'SIGKILL');
  const now = await until('another to hold it', async () => {
    const h = await holder(inboxes[0]);
    return h.pid && h.id !== before.id ? h : null;
  }, { timeoutMs: 30000 });
  assert.ok(now.epoch > before.epoch);
  // Silence for as long as a lease would have been 15 s.
  assert.ok(Date.now() - died < 12000, `after ${Date.now() - died} ms`);
  await told(inboxes[0], 'killed', 30000);
  assert.ok(Date.now() - died < 30000);
});

test('a worker is asked to end: its inbox moves first, one session before the other', async () => {
  await until('each to have its share', async () => (await list()).every((w) => w.held === 1 && w.live === 1), { timeoutMs: 60000 });
  const before = await holder(inboxes[0]);
  process.kill(before.pid, 'SIGTERM');
  await until('the other one to hold both', async () => (await list()).some((w) => w.id !== before.id && w.live === 2), { timeoutMs: 30000 });
  assert.equal((await holder(inboxes[0])).epoch, before.epoch + 1);
  const { lines } = await box.api.get(`/v1/inboxes/${inboxes[0].id}/timeline`);
  assert.equal(lines.find((l) => ['handover', 'over', 'bye', 'backing_off'].includes(l.code)).code, 'handover');
  await told(inboxes[0], 'ended', 10000);
});

test('a worker that hangs: its inbox is live elsewhere within 30 s, by the usual times', async () => {
  // an inbox that was moved a moment ago rests where it is, so that one of them may have both
  await until('two workers, and both inboxes live', async () => {
    const all = await list();
    return all.length === 2 && all[0].live + all[1].live === 2;
  }, { timeoutMs: 60000 });
  const before = await holder(inboxes[0]);
  process.kill(before.pid, 'SIGSTOP');
  const hung = Date.now();
  try {
    await until('another to watch it', async () => (await list()).some((w) => w.id !== before.id && w.live === 2), { timeoutMs: 30000 });
    assert.ok(Date.now() - hung < 30000, `after ${Date.now() - hung} ms`);
    await told(inboxes[0], 'hung', 10000);
  } finally {
    process.kill(before.pid, 'SIGCONT');
  }
});

test('a worker that nobody knows is not drained', async () => {
  const r = await box.replyd.cli('worker', 'drain', 'ffffffff-nobody', '--data', box.replyd.data);
  assert.equal(r.code, 65);
  assert.match(r.stderr, /none or several/);
});
