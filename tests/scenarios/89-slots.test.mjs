// A slot from the promise to the end, over the API; and answers that arrive around the moment at which the mail leaves.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box, ada, db;
before(async () => {
  box = await startSandbox({ settings: { 'ingest.proof': '1s' } });
  ada = await box.connect('ada@example.test');
  db = insideOf(box.replyd);
  const all = JSON.stringify([{ days: [1, 2, 3, 4, 5, 6, 7], from: 0, to: 1440 }]);
  await db.psql(`begin; set local search_path = replyd; set local replyd.workspace = '${box.workspace}';
    insert into send_policy (workspace_id, inbox_id, cap_day, cap_new_share, gap_s, ramp, windows)
    values ('${box.workspace}', '${ada.id}', 500, 1, 0, 'established', '${all}'); commit`);
});
after(endAll);

const call = (path, body, headers) => box.api.call('POST', path, body, headers);
const question = (prospect, more) => ({ inbox_id: ada.id, sequence: 'autumn', step: '1', kind: 'first', prospect: { address: prospect }, ...more });
const ask = (prospect, { key = `autumn:${prospect}:1`, ...more } = {}) => call('/v1/slots', question(prospect, more), { 'Idempotency-Key': key });
const step = (slot, what, body = {}) => call(`/v1/slots/${slot.slot_id}/${what}`, { fence: slot.fence, ...body });
// The gap between two mails of an inbox and the spread of its day are not what is looked at here.
const now = () => db.psql(`begin; set local search_path = replyd; set local replyd.workspace = '${box.workspace}';
  update send_quota set next_allowed_at = '-infinity'; commit`);
const given = async (prospect, more) => {
  await now();
  const r = await ask(prospect, more);
  assert.equal(r.status, 200, JSON.stringify(r.body));
  return r.body;
};

test('a mail from the promise to the end, and it is registered', async () => {
  const slot = await given('pat@example.test');
  assert.deepEqual([slot.state, slot.inbox_id, slot.fence, slot.in_reply_to, slot.replayed], ['held', ada.id, 1, null, false]);
  assert.match(slot.message_id, /@example\.test$/);
  const again = await ask('pat@example.test');
  assert.deepEqual([again.body.slot_id, again.body.replayed], [slot.slot_id, true]);
  assert.equal((await ask('quinn@example.test', { key: 'autumn:pat@example.test:1' })).body.code, 'idempotency_key_reused');

  assert.equal((await step(slot, 'begin')).body.state, 'sending');
  assert.equal((await step(slot, 'begin')).status, 200);
  const sent = await step(slot, 'sent');
  assert.deepEqual([sent.body.state, sent.body.outbound.result], ['sent', 'created'], JSON.stringify(sent.body));
  assert.equal((await step(slot, 'sent')).body.outbound.result, 'repeated');
  assert.equal((await step(slot, 'begin')).body.code, 'slot_over');
  assert.equal((await box.api.get(`/v1/slots/${slot.slot_id}`)).state, 'sent');

  // What was sent so is what its answer is matched to.
  const mail = humanReply({ id: `<${slot.message_id}>`, prospect: 'pat@example.test', inbox: ada.address, subject: 'A question' });
  await box.deliver(ada.address, mail);
  const { event } = await box.engine.waitFor('the answer', (e) => isOf(e, mail));
  assert.equal(event.data.matches[0].outbound_id, slot.slot_id);
  const late = await ask('pat@example.test', { key: 'autumn:pat@example.test:2', step: '2', kind: 'follow_up' });
  assert.deepEqual([late.status, late.body.code, late.body.reason], [409, 'stopped', 'replied']);
});

test('one that was not sent is given back, and a second promise waits for the first', async () => {
  const slot = await given('rob@example.test');
  const second = await ask('rob@example.test', { key: 'winter:rob@example.test:1', sequence: 'winter' });
  assert.deepEqual([second.status, second.body.code, second.body.reason], [423, 'on_hold', 'in_flight']);
  assert.ok(second.body.retry_at && second.headers.get('retry-after'));
  assert.equal((await step(slot, 'begin')).status, 200);
  assert.equal((await step(slot, 'failed', { stage: 'before_accept', reason: '554' })).body.state, 'failed');
  assert.equal((await step(slot, 'sent')).body.state, 'sent'); // it was, after all
  assert.equal((await step(slot, 'release')).status, 409);
});

test('who has been overtaken begins nothing more', async () => {
  const slot = await given('sue@example.test');
  assert.equal((await step({ ...slot, fence: 2 }, 'begin')).status, 200);
  assert.equal((await step(slot, 'begin')).body.code, 'fenced');
  assert.equal((await step(slot, 'sent')).body.code, 'fenced');
  assert.equal((await step({ ...slot, fence: 2 }, 'sent')).body.state, 'sent');
});

test('an answer that arrives around begin: not one mail leaves behind the stop', async () => {
  const people = Array.from({ length: 12 }, (_, i) => `race${i}@example.test`);
  const outs = await box.register(people.map((prospect) => ({ inboxId: ada.id, inbox: ada.address, prospect })));
  for (const prospect of people) await box.api.waitForGate(prospect, 'open');
  const slots = [];
  for (const prospect of people) slots.push(await given(prospect, { key: `race:${prospect}`, sequence: 'race', step: '2', kind: 'follow_up' }));
  const begun = await Promise.all(people.map(async (prospect, i) => {
    const mail = humanReply(outs[i]);
    const delivered = box.deliver(ada.address, mail);
    if (i % 3 === 0) await delivered;
    if (i % 3 === 1) await box.engine.waitFor('the answer', (e) => isOf(e, mail));
    const r = await step(slots[i], 'begin');
    await delivered;
    await box.engine.waitFor('the answer', (e) => isOf(e, mail));
    return r;
  }));
  begun.forEach((r, i) => {
    assert.ok([200, 409, 423].includes(r.status), `${people[i]}: ${JSON.stringify(r.body)}`);
    if (i % 3 === 1) assert.deepEqual([r.status, r.body.code], [409, 'stopped']);
  });
  // In the order of PostgreSQL: nothing began after its gate was closed.
  assert.equal((await db.psql(`begin; set local search_path = replyd; set local replyd.workspace = '${box.workspace}';
    select count(*) from slot s join gate g using (workspace_id, prospect_key)
      where s.sequence = 'race' and s.begun_at > g.closed_at; commit`)).trim(), '0');
  for (const slot of slots)
    assert.ok(['sending', 'cancelled'].includes((await box.api.get(`/v1/slots/${slot.slot_id}`)).state));
});

test('of a pool the one that may; a conversation stays where it is', async () => {
  const bob = await box.connect('bob@example.test');
  const pool = await box.api.post('/v1/pools', { name: 'sales', contact_gap_s: 0 });
  const members = await box.api.call('PUT', `/v1/pools/${pool.id}/members`, { members: [{ inbox_id: ada.id }, { inbox_id: bob.id }] });
  assert.equal(members.status, 200, members.text);
  const sends = (inbox, what) => box.api.call('PATCH', `/v1/inboxes/${inbox.id}/send-policy`, { sends: what });
  const closed = await sends(bob, 'none');
  assert.equal(closed.status, 200, closed.text);
  const first = await given('wil@example.test', { inbox_id: null, pool_id: pool.id });
  assert.equal(first.inbox_id, ada.id);
  assert.equal((await step(first, 'begin')).status, 200);
  assert.equal((await step(first, 'sent')).body.state, 'sent');
  const second = await given('wil@example.test', { key: 'wil 2', step: '2', kind: 'follow_up', inbox_id: null, pool_id: pool.id });
  assert.deepEqual([second.inbox_id, second.in_reply_to], [ada.id, first.message_id]);
  await step(second, 'release');
  const elsewhere = await ask('wil@example.test', { key: 'wil 3', step: '2', kind: 'follow_up', inbox_id: bob.id });
  assert.deepEqual([elsewhere.status, elsewhere.body.code], [423, 'on_hold']); // the usual contact gap, without the pool's
  assert.equal((await sends(ada, 'none')).status, 200);
  const none = await ask('xen@example.test', { inbox_id: null, pool_id: pool.id });
  assert.deepEqual([none.status, none.body.code, none.body.reasons], [429, 'no_slot', { paused: 2 }]);
  assert.equal((await sends(ada, 'all')).status, 200);
});

test('promises that nobody keeps are ended, and a silent sender is made up for from Sent', async () => {
  const sql = (what) => db.psql(`begin; set local search_path = replyd; set local replyd.workspace = '${box.workspace}'; ${what}; commit`);
  const stateOf = async (slot) => (await box.api.get(`/v1/slots/${slot.slot_id}`)).state;
  const forgotten = await given('uma@example.test');
  const silent = await given('vic@example.test');
  assert.equal((await step(silent, 'begin')).status, 200);
  const used = async () => Number(await sql('select used from send_quota'));
  const before = await used();
  await sql(`update slot set expires_at = now(), begun_at = begun_at - interval '3 minutes' where slot_id in ('${forgotten.slot_id}', '${silent.slot_id}')`);
  await until('both to be swept', async () => await stateOf(forgotten) === 'expired' && await stateOf(silent) === 'unknown');
  assert.equal(await used(), before - 1);
  assert.equal((await ask('vic@example.test', { key: 'again' })).body.reason, 'in_flight');
  await sql(`insert into trace (workspace_id, digest, inbox_id, folder_id, uidvalidity, uid, names)
    select s.workspace_id, decode(s.outbound ->> 'digest', 'hex'), s.inbox_id, f.folder_id, f.uidvalidity, 4000000, 'own'
    from slot s join folder f on f.inbox_id = s.inbox_id and f.role = 'inbox' where s.slot_id = '${silent.slot_id}'`);
  await until('its copy to be found', async () => await stateOf(silent) === 'sent');
  assert.equal(await sql(`select count(*) from outbound where outbound_id = '${silent.slot_id}'`), '1');
});

test('nonsense is refused by field, and strangers see nothing', async () => {
  const rows = [[{ kind: 'second' }, '/kind'], [{ prospect: { address: 'nobody' } }, '/prospect/address'], [{ inbox_id: null }, '/pool_id'],
    [{ ttl_s: 4 }, '/ttl_s'], [{ horizon_s: 901 }, '/horizon_s'], [{ why: 1 }, '/why']];
  for (const [odd, field] of rows) {
    const r = await ask('tom@example.test', { key: 'odd', ...odd });
    assert.deepEqual([r.status, r.body.field], [400, field], JSON.stringify(odd));
  }
  assert.deepEqual((await call('/v1/slots', question('tom@example.test'))).body.field, 'Idempotency-Key');
  assert.equal((await step({ slot_id: ada.id, fence: 1 }, 'begin')).status, 404);
  assert.equal((await ask('tom@example.test', { key: 'elsewhere', inbox_id: '20000000-0000-4000-8000-00000000000c' })).status, 404);
});
