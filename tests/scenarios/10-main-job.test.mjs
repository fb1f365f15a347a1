// The main job, as `make demo` tells it: six mails, exactly the events that belong to them, and a mailbox nobody touched.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { password } from '../sandbox/dovecot.mjs';
import { Imap } from '../sandbox/imap.mjs';
import { bounce, humanReply, isOf, outOfOffice, privateMail } from '../sandbox/mails.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';
import { tracesOf } from '../sandbox/traces.mjs';

let box, ada, outs;
const prospects = ['pat@example.test', 'kim@example.test', 'lee@example.test', 'sam@example.test', 'uma@example.test'];

before(async () => {
  box = await startSandbox({ settings: { 'ingest.proof': '2s' } });
  ada = await box.connect('ada@example.test');
  outs = await box.register(prospects.map((prospect) => ({ inboxId: ada.id, inbox: ada.address, prospect })));
});
after(endAll);

const snapshot = async () => {
  const imap = await Imap.open({ port: box.dovecot.imaps, ca: box.ca.pem, user: ada.address, password });
  try { return await imap.snapshot(); } finally { imap.close(); }
};

test('each mail becomes its event, once, verified, and closes the gate as it should', async () => {
  const human = humanReply(outs[0]);
  const away = outOfOffice(outs[1]);
  const gone = bounce(outs[2]);
  const full = bounce(outs[3], { status: '4.2.2', diagnostic: '452 4.2.2 Mailbox full' });
  const junked = humanReply(outs[4]);
  await box.deliver(ada.address, human);
  await box.deliver(ada.address, away);
  await box.deliver(ada.address, gone);
  await box.deliver(ada.address, full);
  await box.dovecot.save(ada.address, box.dovecot.junk, junked.raw);

  const want = [
    [human, 'reply.received', 'pat@example.test', 'closed', 'replied'],
    [away, 'reply.auto', 'kim@example.test', 'closed', 'out_of_office'],
    [gone, 'bounce.hard', 'lee@example.test', 'closed', 'bounced_hard'],
    [full, 'bounce.soft', 'sam@example.test', 'open', ''],
    [junked, 'reply.received', 'uma@example.test', 'closed', 'replied'],
  ];
  for (const [mail, type, prospect, state, reason] of want) {
    const { event } = await box.engine.waitFor(`${type} of ${prospect}`, (e) => isOf(e, mail),
      { timeoutMs: 60000 });
    assert.equal(event.type, type);
    assert.equal(event.data.prospect.address, prospect);
    assert.equal(event.data.inbox.id, ada.id);
    assert.equal(event.data.matches.length > 0, true);
    const gate = await box.api.waitForGate(prospect, state);
    assert.equal(gate.reason, reason);
    assert.ok(gate.observed_through);
  }
  const junk = box.engine.accepted.find((e) => isOf(e, junked));
  assert.equal(junk.data.inbox.folder_role, 'junk');

  const feed = await box.api.events();
  assert.deepEqual(feed.map((e) => e.position), feed.map((_, i) => i + 1), 'the feed has no holes');
  const mails = feed.filter((e) => e.data.message);
  assert.equal(mails.length, want.length);
  assert.equal(new Set(feed.map((e) => e.id)).size, feed.length);
  await until('every event to be posted', () => box.engine.accepted.length === feed.length);
  assert.ok(box.engine.records.every((r) => r.verified));
  for (const posted of box.engine.accepted) {
    const { position, ...pulled } = feed.find((e) => e.id === posted.id);
    assert.deepEqual(posted, pulled, 'push and pull say the same');
  }
});

test('an event can be asked for its receipts', async () => {
  const [event] = (await box.api.events()).filter((e) => e.type === 'reply.received');
  const shown = await until('the receipt', async () => {
    const e = await box.api.get(`/v1/events/${event.id}`);
    return e.attempts.length ? e : null;
  });
  assert.equal(shown.attempts[0].status, 204);
  assert.equal(shown.attempts[0].outcome, 'delivered');
});

test('mails that concern nobody leave no trace', async () => {
  const neighbour = privateMail(ada.address, { from: 'Neighbour <hedgerow@example.test>', subject: 'Marmalade on Sunday',
    words: ['quincejelly', 'rhubarbcrumble'] });
  await box.deliver(ada.address, neighbour);
  const delivered = new Date().toISOString();
  await box.api.waitForInbox(ada.id, (i) => i.watermarks.ingested_through > delivered, { timeoutMs: 60000 });
  const found = tracesOf(neighbour.traces, await insideOf(box.replyd).dump());
  assert.deepEqual(found, []);
});

test('nothing is marked read, moved or deleted', async () => {
  const before = await snapshot();
  const more = humanReply(outs[0], { text: 'One more thing.' });
  await box.deliver(ada.address, more);
  await box.engine.waitFor('its event', (e) => isOf(e, more));
  const now = new Set((await snapshot()).split('\n'));
  const lines = before.split('\n');
  for (const line of lines) assert.ok(now.has(line), `changed: ${line}`);
  assert.ok(lines.filter((line) => line.includes(' [] ')).length >= 6, 'the mails are there, and unread');
});

test('every event is as its schema describes it', () => allAsDescribed(box));
