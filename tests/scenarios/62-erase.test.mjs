// A person is erased: nothing of him is left in the database but a digest under which his stop holds, and the log goes on as it was.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { endAll, run, until } from '../sandbox/proc.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';

let box, ada, db;
before(async () => {
  box = await startSandbox({ settings: { 'ingest.proof': '1s' } });
  ada = await box.connect('ada@example.test');
  db = insideOf(box.replyd);
});
after(endAll);

const out = async (prospect, key = prospect) => (await box.register([{ inboxId: ada.id, inbox: ada.address, prospect, key }]))[0];
const erase = (word) => box.api.call('DELETE', `/v1/prospects/${encodeURIComponent(word)}`);
const comes = async (mail) => {
  await box.deliver(ada.address, mail);
  return (await box.engine.waitFor('its event', (e) => isOf(e, mail))).event;
};
// a mail to him was promised and sent, his thread is known, and he answered for his company
const promised = ({ key, prospect, id }) => db.psql(`set search_path = replyd;
  insert into slot (workspace_id, slot_id, created_at, state, inbox_id, prospect_key, prospect_address, company, sequence, step, kind,
    message_id, send_at, expires_at, day_ends_at, charged_hour, outbound)
    select workspace_id, gen_random_uuid(), now(), 'sent', '${ada.id}', '${key}', '${prospect}', 'prospect.test', 'autumn', '1', 'first',
      '${id}', now(), now(), now(), 0, '{"address": "${prospect}"}' from workspace;
  insert into conversation (workspace_id, sequence, prospect_key, inbox_id, first_message_id)
    select workspace_id, 'autumn', '${key}', '${ada.id}', '${id}' from workspace;
  insert into prospect_send (workspace_id, prospect_key) select workspace_id, '${key}' from workspace;
  insert into company_gate (workspace_id, domain, prospect_key) select workspace_id, 'prospect.test', '${key}' from workspace`);
// the tables, partitions included, in which some row holds one of these words
const whereIs = async (words) => {
  const tables = (await db.psql("select c.oid::regclass from pg_class c where c.relnamespace = 'replyd'::regnamespace and c.relkind = 'r'")).split('\n');
  const any = words.map((w) => `t::text ilike '%${w}%'`).join(' or ');
  const found = await db.psql(tables.map((t) => `select '${t}' from (select from ${t} t where ${any}) x group by 1`).join(' union all '));
  return found ? found.split('\n').sort() : [];
};

test('who was erased is in no table, and his stop holds', async () => {
  const other = await comes(humanReply(await out('rex@example.test')));
  const sent = await out('Wilhelmina.Quist@Prospect.test', 'crm-4711');
  await out('w.quist@prospect.test', 'crm-4711');
  const mail = humanReply(sent, { text: 'Please never write to me again, Wilhelmina Quist, of Zanzibar 9.' });
  const { id, data } = await comes(mail);
  await until('the stop', async () => (await box.api.call('GET', '/v1/prospects/crm-4711/gate')).body.level >= 3);
  assert.equal((await box.api.call('POST', '/v1/prospects/Wilhelmina.Quist@prospect.test/stop')).status, 200);
  await promised(sent);
  const words = ['wilhelmina', 'quist', 'zanzibar', 'crm-4711'];
  const full = await whereIs(words);
  assert.deepEqual(full.map((t) => t.replace(/^replyd\.|_[\d_]+$/g, '')),
    ['audit', 'company_gate', 'conversation', 'event', 'gate', 'message', 'outbound', 'prospect_inbox', 'prospect_message', 'prospect_send',
      'slot']);
  const before = await box.api.events();

  const { status, body } = await erase('WILHELMINA.quist@prospect.test');
  assert.equal(status, 200, JSON.stringify(body));
  const kept = body.erased.find((e) => e.outbounds === 2);
  assert.deepEqual([kept.messages, kept.stop_kept], [1, true]);
  assert.ok(kept.events >= 2);
  await until('nothing of him', async () => (await whereIs(words)).length === 0);

  // The log is what it was but for him: ids, types, positions, numbers; and what there is of others.
  const now = await box.api.events();
  assert.deepEqual(now.map((e) => [e.position, e.id, e.type]).slice(0, before.length), before.map((e) => [e.position, e.id, e.type]));
  const told = now.find((e) => e.id === id);
  assert.deepEqual([told.data.erased, told.data.prospect, told.data.kind, told.data.message], [true, { key: kept.alias, seq: data.prospect.seq }, data.kind, { id: data.message.id }]);
  assert.deepEqual(now.find((e) => e.id === other.id).data, other.data);
  assert.equal((await erase('wilhelmina.quist@prospect.test')).status, 404);

  // His late answer concerns nobody; registered again, under another key, he is as stopped as before.
  await box.deliver(ada.address, humanReply(sent, { text: 'Zanzibar once more' }));
  await comes(humanReply(await out('uma@example.test')));
  assert.deepEqual(await whereIs(['zanzibar']), []);
  await out('wilhelmina.quist@prospect.test', 'crm-5000');
  const gate = (await box.api.call('GET', '/v1/prospects/crm-5000/gate')).body;
  assert.deepEqual([gate.state, gate.level], ['closed', (await box.api.call('GET', `/v1/prospects/${kept.alias}/gate`)).body.level]);
  await allAsDescribed(box);
});

test('who was never stopped leaves no digest; while a mail of his is being read he waits', async () => {
  await out('vera@prospect.test');
  const held = await db.psql("insert into replyd.gate_pending select g.workspace_id, 'vera@prospect.test', gen_random_uuid() from replyd.workspace g returning message_id");
  await db.psql("insert into replyd.gate (workspace_id, prospect_key) select workspace_id, 'vera@prospect.test' from replyd.workspace on conflict do nothing");
  const waits = await erase('vera@prospect.test');
  assert.deepEqual([waits.status, waits.body.code], [409, 'conflict']);
  assert.notDeepEqual(await whereIs(['vera@']), []);
  await db.psql(`delete from replyd.gate_pending where message_id = '${held}'`);

  const digests = await db.psql('select count(*) from replyd.erased');
  const key = path.join(box.dir, 'api.key');
  fs.writeFileSync(key, box.api.key, { mode: 0o600 });
  const { code, stdout, stderr } = await run([box.replyd.exe, 'prospect', 'erase', 'Vera@prospect.test', '--api', box.replyd.base, '--key-file', key, '--json']);
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout).erased.map((e) => [e.outbounds, e.stop_kept]), [[1, false]]);
  await until('nothing of her', async () => (await whereIs(['vera@'])).length === 0);
  assert.equal(await db.psql('select count(*) from replyd.erased'), digests);
  await out('vera@prospect.test');
  await box.api.waitForGate('vera@prospect.test', 'open');
});
