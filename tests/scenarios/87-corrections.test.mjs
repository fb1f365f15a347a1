// A mail is one event wherever it was seen, and what somebody says it really was takes that event's place.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';

let box, ada, bob;
before(async () => {
  box = await startSandbox({ settings: { 'ingest.proof': '1s' } });
  ada = await box.connect('ada@example.test');
  bob = await box.connect('bob@example.test');
});
after(endAll);

const out = async (prospect) => (await box.register([{ inboxId: ada.id, inbox: ada.address, prospect }]))[0];
const seen = async (inbox, since) => until(`${inbox.address} to be seen`, async () =>
  (await box.api.get(`/v1/inboxes/${inbox.id}`)).watermarks.ingested_through > since);
const told = async (mail) => (await box.engine.waitFor('its event', (e) => isOf(e, mail))).event;

test('seen in two inboxes, and in Junk before INBOX: one event, and all places are told', async () => {
  const mail = humanReply(await out('both@example.test'));
  await box.dovecot.save(ada.address, box.dovecot.junk, mail.raw);
  const event = await told(mail);
  assert.equal(event.data.inbox.folder_role, 'junk');
  await box.deliver(ada.address, mail);
  await box.deliver(bob.address, mail);
  const message = await until('three sightings', async () => {
    const m = await box.api.get(`/v1/messages/${event.data.message.id}`);
    return m.seen_in.length === 3 ? m : null;
  });
  assert.deepEqual(message.seen_in.map((s) => `${s.address} ${s.folder_role}`).sort(),
    ['ada@example.test inbox', 'ada@example.test junk', 'bob@example.test inbox']);
  assert.equal(message.kind, 'reply');
  const now = new Date().toISOString();
  await seen(ada, now);
  await seen(bob, now);
  assert.equal((await box.api.events()).filter((e) => isOf(e, mail)).length, 1);
});

test('a reply that was a machine: superseded, the gate opens, a second reply keeps it closed', async () => {
  const one = await out('robot@example.test');
  const mail = humanReply(one), second = humanReply(one, { text: 'And one more thing.' });
  const first = await told((await box.deliver(ada.address, mail), mail));
  const path = `/v1/messages/${first.data.message.id}/reclassify`;
  const correction = await box.api.post(path, { kind: 'auto_reply.other' });
  const event = (await box.engine.waitFor('the correction', (e) => e.id === correction.event_id)).event;
  assert.deepEqual([event.type, event.data.supersedes, event.data.told_as, event.data.kind, event.data.prospect.seq],
    ['reply.reclassified', first.id, 'reply.auto', 'auto_reply.other', first.data.prospect.seq + 2]);
  assert.deepEqual([event.data.was.gate.level, event.data.gate.level], [3, 0]);
  await box.api.waitForGate('robot@example.test', 'open');

  await told((await box.deliver(ada.address, second), second));
  assert.equal((await box.api.post(path, { intent: 'interested' })).gate.level, 3);
  assert.deepEqual((await box.api.post(path, { kind: 'auto_reply.other' })).gate, { level: 3, reason: 'replied' });
  assert.equal((await box.api.gate('robot@example.test')).state, 'closed');
});

test('the same request again is the same; another under its key is refused; nonsense is refused by field', async () => {
  const mail = humanReply(await out('keyed@example.test'));
  await box.deliver(ada.address, mail);
  const { data } = await told(mail);
  const say = (body, key) => box.api.call('POST', `/v1/messages/${data.message.id}/reclassify`, body, key ? { 'idempotency-key': key } : {});
  const first = await say({ intent: 'unsubscribe' }, 'k1');
  assert.equal(first.status, 200);
  assert.equal(first.body.gate.reason, 'unsubscribed');
  assert.equal((await say({ kind: 'bounce.hard' }, 'k2')).body.gate.level, 4); // no longer an opt-out
  assert.deepEqual((await say({ intent: 'unsubscribe' }, 'k1')).body, first.body);
  assert.equal((await say({ intent: 'meeting' }, 'k1')).status, 422);
  assert.equal((await say({ kind: 'bounce.hard' })).body.event_id, undefined); // it is that already
  const rows = [[{}, '/kind'], [{ kind: 'own' }, '/kind'], [{ intent: 'joy' }, '/intent'], [{ kind: 'complaint', intent: 'meeting' }, '/intent'],
    [{ kind: 'reply', why: 'x' }, '/why']];
  for (const [body, field] of rows) {
    const r = await say(body);
    assert.deepEqual([r.status, r.body.field], [400, field]);
  }
  const nobody = await box.api.call('POST', '/v1/messages/10000000-0000-4000-8000-000000000001/reclassify', { kind: 'reply' });
  assert.equal(nobody.status, 404);
});

test('what was said is there to learn from, page by page', async () => {
  const { corrections, next } = await box.api.get('/v1/corrections?limit=2');
  assert.equal(corrections.length, 2);
  assert.deepEqual([corrections[0].was.kind, corrections[0].kind, typeof corrections[0].snippet], ['reply', 'auto_reply.other', 'string']);
  const rest = await box.api.get(`/v1/corrections?after=${next}`);
  assert.equal(rest.corrections.length, 3);
  assert.equal((await box.api.get(`/v1/corrections?after=${rest.next}`)).next, rest.next);
});

test('every event is as its schema describes it', () => allAsDescribed(box));
