// A worker that is stopped for longer than its lease and then continued writes nothing: the fence refuses it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box, ada, db;
before(async () => {
  box = await startSandbox({ settings: { 'ingest.workers': 2, 'ingest.lease': '2s', 'ingest.heartbeat': '500ms', 'ingest.grace': '1s',
    'ingest.proof': '1s' } });
  ada = await box.connect('ada@example.test');
  db = insideOf(box.replyd);
});
after(endAll);

const lease = async () => {
  const [pid, epoch] = (await db.psql(`select w.pid, l.epoch from replyd.lease l join replyd.worker w using (worker_id)
    where l.inbox_id = '${ada.id}'`)).split('|').map(Number);
  return { pid, epoch };
};

test('a paused worker is taken over from, and wakes up harmless', async () => {
  const outs = await box.register([0, 1, 2].map((i) => ({ inboxId: ada.id, inbox: ada.address, prospect: `p${i}@example.test` })));
  const first = await lease();
  assert.ok(box.replyd.pids('ingest').includes(first.pid));
  process.kill(first.pid, 'SIGSTOP');
  // Both will have seen this one: the paused worker's socket holds its EXISTS.
  const early = humanReply(outs[0]);
  await box.deliver(ada.address, early);
  const second = await until('another worker to take the inbox', async () => {
    const l = await lease();
    return l.pid && l.pid !== first.pid ? l : null;
  }, { timeoutMs: 30000 });
  assert.ok(second.epoch > first.epoch);
  await box.engine.waitFor('the event', (e) => isOf(e, early));
  const written = await db.psql(`select gated_through from replyd.inbox_seen where inbox_id = '${ada.id}'`);

  process.kill(first.pid, 'SIGCONT');
  const late = humanReply(outs[1]);
  await box.deliver(ada.address, late);
  await box.engine.waitFor('the next event', (e) => isOf(e, late));
  await until('the woken worker to give the inbox up', () =>
    box.replyd.tail(2000).split('\n').some((l) => /fence|lease/.test(l) && /lost|gone|fenced/.test(l)), { timeoutMs: 20000 });
  assert.equal((await lease()).pid, second.pid, 'the inbox stays with its taker');
  const feed = await box.api.events();
  for (const mail of [early, late]) assert.equal(feed.filter((e) => isOf(e, mail)).length, 1);
  await until('the watermark to go on', async () =>
    (await db.psql(`select gated_through from replyd.inbox_seen where inbox_id = '${ada.id}'`)) > written);
});
