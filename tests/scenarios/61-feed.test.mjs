// The feed: filters without holes, waiting, named consumers, and a floor below which nothing is told.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { bareId, humanReply, isOf, outOfOffice } from '../sandbox/mails.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

const SCHEMAS = new URL('../../docs/events/', import.meta.url);
let box, ada;
before(async () => {
  box = await startSandbox({ settings: { 'ingest.proof': '1s' } });
  ada = await box.connect('ada@example.test');
});
after(endAll);

const feed = (query) => box.api.get(`/v1/events?${new URLSearchParams(query)}`);
const out = async (prospect) => (await box.register([{ inboxId: ada.id, inbox: ada.address, prospect }]))[0];
const comes = async (mail) => {
  await box.deliver(ada.address, mail);
  return (await box.engine.waitFor('its event', (e) => isOf(e, mail))).event;
};

test('a reply is told with all there is to know, then that the prospect is stopped; each numbered', async () => {
  const one = await out('pat@example.test');
  const { data } = await comes(humanReply(one));
  const stopped = await until('the stop', async () => (await feed({ after: 0, types: 'prospect.*' })).events[0]);
  assert.equal(stopped.type, 'prospect.stopped');
  assert.deepEqual(stopped.data, { prospect: { key: 'pat@example.test', seq: data.prospect.seq + 1 },
    gate: { level: 3, reason: 'replied' }, by_message: data.message.id, stop: 1 });
  assert.equal(data.relation, 'same');
  assert.equal(data.outbound.message_id, bareId(one.id));
  const all = await box.api.events();
  const ofInbox = all.map((e) => e.data.inbox?.seq ?? e.data.inbox_seq).filter((n) => n !== undefined);
  assert.deepEqual(ofInbox, ofInbox.map((_, i) => i + 1), 'the inbox numbers its events without holes');
});

test('an event can be asked why: what matched it, by which rules, the gate before and after, who got it', async () => {
  const mail = humanReply(await out('sam@example.test'));
  const { id, data } = await comes(mail);
  const why = (of) => box.api.get(`/v1/events/${of}/explain`);
  const reply = await until('its delivery', async () => {
    const e = await why(id);
    return e.deliveries[0]?.state === 'delivered' && e;
  });
  assert.deepEqual([reply.kind, reply.evidence, reply.matches, reply.erased], [data.kind, data.evidence, data.matches, false]);
  assert.deepEqual(reply.rules, [...new Set(data.evidence.map((e) => e.rule))].sort());
  assert.deepEqual(reply.gate, { before: { level: 0, reason: '' }, after: { level: 3, reason: 'replied' } });
  assert.deepEqual(reply.deliveries.map((d) => [d.endpoint_id, d.tries, d.outcome]), [[box.endpoint.id, 1, 'delivered']]);
  const stopped = await until('the stop', async () => (await feed({ after: 0, types: 'prospect.stopped' })).events
    .find((e) => e.data.by_message === data.message.id));
  assert.deepEqual((await why(stopped.id)).gate, reply.gate, 'what the mail did, not what was told of it a moment before');
  const { body } = await box.api.call('POST', '/v1/prospects/sam@example.test/stop', { reason: 'unsubscribed' });
  assert.equal(body.level, 5);
  const later = await comes(humanReply(await out('sam@example.test')));
  assert.deepEqual((await why(later.id)).gate.after, { level: 5, reason: 'unsubscribed' });
  const connected = (await feed({ after: 0, types: 'inbox.connected' })).events[0];
  assert.deepEqual([(await why(connected.id)).gate, (await why(connected.id)).matches], [null, []]);
  assert.equal((await box.api.call('GET', `/v1/events/${box.endpoint.id}/explain`)).status, 404);
});

test('a filter passes over what it does not want; what it asks for must be there', async () => {
  await comes(outOfOffice(await out('quinn@example.test')));
  const all = await box.api.events();
  const replies = await feed({ after: 0, types: 'reply.received,reply.auto' });
  assert.deepEqual(replies.events, all.filter((e) => ['reply.received', 'reply.auto'].includes(e.type)));
  const none = await feed({ after: 0, types: 'complaint.received' });
  assert.deepEqual(none, { events: [], next: all.at(-1).position });
  for (const types of ['reply.recieved', 'nothing.*', 'reply.received,,', '*']) {
    const r = await box.api.call('GET', `/v1/events?types=${encodeURIComponent(types)}`);
    assert.deepEqual([r.status, r.body.field], [400, 'types'], types);
    assert.match(r.body.remedy, /reply\.received, reply\.auto/);
  }
});

test('the types that there are can be asked for, each with its schema', async () => {
  const { event_types } = await box.api.get('/v1/event-types');
  const named = readdirSync(SCHEMAS).map((f) => f.match(/^(.*)\.schema\.json$/)?.[1]).filter((t) => t && t !== 'common');
  assert.deepEqual(event_types.map((t) => t.type).sort(), named.sort());
  for (const t of event_types)
    assert.equal(t.schema, JSON.parse(readFileSync(new URL(`${t.type}.schema.json`, SCHEMAS))).$id);
  assert.deepEqual(event_types[0], { type: 'reply.received', about: 'prospect', words: 'a person answered', opt_in: false,
    schema: 'https://replyd.dev/schemas/events/v1/reply.received.schema.json' });
  assert.deepEqual(event_types.filter((t) => t.opt_in).map((t) => t.type), ['reply.unmatched']);
});

test('who waits is answered when something comes, and when it does not', async () => {
  const at = (await box.api.events()).at(-1).position;
  const nothing = await feed({ after: at, wait: 1 });
  assert.deepEqual(nothing, { events: [], next: at });
  const mail = humanReply(await out('rex@example.test'));
  const waits = feed({ after: at, wait: 60, types: 'reply.received' });
  await box.deliver(ada.address, mail);
  const page = await waits;
  assert.ok(page.events.length === 1 && isOf(page.events[0], mail));
});

test('a consumer goes on from what he has acknowledged, and never back', async () => {
  const all = await box.api.events();
  const head = all.at(-1).position;
  assert.deepEqual((await feed({ consumer: 'engine', limit: 2 })).events, all.slice(0, 2));
  const ack = (body) => box.api.call('POST', '/v1/events/ack', body);
  assert.deepEqual((await ack({ consumer: 'engine', position: 2 })).body, { consumer: 'engine', position: 2, behind: head - 2 });
  assert.deepEqual((await ack({ consumer: 'engine', position: 1 })).body.position, 2);
  const where = (query) => box.api.call('GET', `/v1/events/ack${query}`);
  const { acked_at, ...engine } = (await where('?consumer=engine')).body;
  assert.deepEqual(engine, { consumer: 'engine', position: 2, behind: head - 2 });
  assert.ok(Math.abs(Date.parse(acked_at) - Date.now()) < 60_000);
  assert.deepEqual((await where('')).body, { consumer: 'default', position: 0, behind: head, acked_at: null });
  assert.deepEqual([(await where('?consumer=a%20b')).status, (await where('?consumer=')).body.field], [400, 'consumer']);
  assert.equal((await feed({ consumer: 'engine', limit: 1 })).events[0].position, 3);
  assert.equal((await feed({ consumer: 'other', limit: 1 })).events[0].position, 1);
  for (const [body, field] of [[{ position: head + 1000 }, '/position'], [{ position: -1 }, '/position'], [{}, '/position'],
    [{ position: 1, consumer: 'a b' }, '/consumer'], [{ position: 1, who: 'x' }, '/who']]) {
    const r = await ack(body);
    assert.deepEqual([r.status, r.body.field], [400, field]);
  }
});

test('below the floor: 410 with the oldest that works', async () => {
  await insideOf(box.replyd).psql('update replyd.feed_head set floor = 2');
  const gone = await box.api.call('GET', '/v1/events?after=1');
  assert.deepEqual([gone.status, gone.body.code, gone.body.oldest], [410, 'gone', 2]);
  assert.equal((await feed({ after: gone.body.oldest, limit: 1 })).events[0].position, 3);
  assert.equal((await feed({ limit: 1 })).events[0].position, 3, 'who names no place begins at the oldest');
});
