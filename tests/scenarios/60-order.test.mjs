// An answer that arrives before its outbound is registered becomes the same event once it is.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { bounce, humanReply, isOf, newId } from '../sandbox/mails.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';

let box, ada;
before(async () => {
  box = await startSandbox({ settings: { 'ingest.proof': '1s' } });
  ada = await box.connect('ada@example.test');
});
after(endAll);

// what an event says, apart from when and in which order things came
const essence = ({ type, data }) => ({ type, kind: data.kind, gate: data.gate, sequence: data.sequence, step: data.step,
  methods: data.matches.map((m) => m.method), role: data.inbox.folder_role });

for (const [name, make] of [['a reply', humanReply], ['a bounce', bounce]]) {
  test(`${name}, before and after its outbound`, async () => {
    const stem = name.replace(/\W/g, '');
    const late = { id: newId('late'), inboxId: ada.id, inbox: ada.address, prospect: `late-${stem}@example.test`, subject: 'Late' };
    const early = { ...late, id: newId('early'), prospect: `early-${stem}@example.test`, subject: 'Early' };

    // first the answer, then the outbound
    const mail = make(late);
    await box.deliver(ada.address, mail);
    const delivered = new Date().toISOString();
    await box.api.waitForInbox(ada.id, (i) => i.watermarks.ingested_through > delivered);
    assert.equal((await box.api.events()).some((e) => isOf(e, mail)), false);
    await box.register([late]);
    const recovered = (await box.engine.waitFor('the late event', (e) => isOf(e, mail))).event;
    assert.equal(recovered.data.recovered, true);

    // first the outbound, then the answer
    await box.register([early]);
    const other = make(early);
    await box.deliver(ada.address, other);
    const direct = (await box.engine.waitFor('the event', (e) => isOf(e, other))).event;
    assert.equal(direct.data.recovered, false);
    assert.deepEqual(essence(recovered), essence(direct));
  });
}

test('registering the same again changes nothing; other content under the same id is a conflict', async () => {
  const item = (sequence) => ({ inbox_id: ada.id, sequence, step: '1', prospect: { address: 'twice@example.test' },
    message_id: '<twice@example.test>', sent_at: '2026-11-01T10:00:00Z' });
  const results = [];
  for (const sequence of ['a', 'a', 'b'])
    results.push((await box.api.post('/v1/outbound', { items: [item(sequence)] })).items[0]);
  assert.deepEqual(results.map((r) => r.result), ['created', 'repeated', 'conflict']);
  assert.equal(results[0].outbound_id, results[1].outbound_id);
});

test('one answer, seen in the inboxes of two senders, is one event', async () => {
  const bob = await box.connect('bob@example.test');
  const [out] = await box.register([{ inboxId: ada.id, inbox: ada.address, prospect: 'both@example.test' }]);
  const mail = humanReply(out);
  await box.deliver(ada.address, mail);
  await box.deliver(bob.address, mail);
  await box.engine.waitFor('the event', (e) => isOf(e, mail));
  // the second sighting is behind bob's watermark
  const at = new Date().toISOString();
  await until('bob to be seen', async () => (await box.api.get(`/v1/inboxes/${bob.id}`)).watermarks.gated_through > at);
  assert.equal((await box.api.events()).filter((e) => isOf(e, mail)).length, 1);
});

test('every event is as its schema describes it', () => allAsDescribed(box));
