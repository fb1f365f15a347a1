// `replyd endpoint` and `replyd event replay`: somebody looks after his endpoints by hand, over the API.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Engine } from '../sandbox/engine.mjs';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { endAll, run, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';

let box, ada, outs, hook, id, keyFile;

before(async () => {
  box = await startSandbox({ settings: { 'ingest.proof': '2s', 'dispatch.retry': '0s 200ms' } });
  ada = await box.connect('ada@example.test');
  outs = await box.register(['pat', 'kim', 'lee'].map((name) =>
    ({ inboxId: ada.id, inbox: ada.address, prospect: `${name}@example.test` })));
  keyFile = path.join(box.dir, 'key');
  fs.writeFileSync(keyFile, box.api.key, { mode: 0o600 });
  hook = await Engine.start();
});
after(endAll);

const cli = (...args) => run([box.replyd.exe, ...args, '--key-file', keyFile],
  { env: { PATH: process.env.PATH, REPLYD_API_URL: box.replyd.base }, timeoutMs: 40000 });
async function good(...args) {
  const r = await cli(...args);
  assert.equal(r.code, 0, `${args.join(' ')}: ${r.stderr}`);
  return r;
}
const json = async (...args) => JSON.parse((await good(...args, '--json')).stdout);

test('an endpoint is added and tried', async () => {
  const made = await json('endpoint', 'add', hook.url);
  hook.expectSecret(made.secret);
  ({ id } = made);
  const tried = await good('endpoint', 'test', hook.url);
  assert.match(tried.stdout, /delivered, status 204/);
  assert.deepEqual(hook.accepted.map((e) => e.type), ['webhook.test']);
  hook.answerNext({ status: 500 });
  const refused = await cli('endpoint', 'test', id.slice(0, 8));
  assert.equal(refused.code, 69);
  assert.match(refused.stderr, /status 500/);
  const shown = await json('endpoint', 'show', id);
  assert.deepEqual([shown.id, shown.state, shown.types], [id, 'enabled', null]);
  assert.equal(JSON.stringify(shown).includes('whsec_'), false);
});

test('a new secret takes over while the old one still signs', async () => {
  const renewed = await json('endpoint', 'rotate-secret', id);
  assert.match(renewed.secret, /^whsec_/);
  await good('endpoint', 'test', id); // the consumer knows the old one only
  hook.expectSecret(renewed.secret);
  const last = hook.records.at(-1);
  assert.equal(last.headers['webhook-signature'].split(' ').length, 2);
});

test('one that is disabled gets nothing, and enabled again what comes', async () => {
  await good('endpoint', 'disable', id);
  assert.equal((await json('endpoint', 'show', id)).state, 'disabled');
  await good('endpoint', 'enable', id);
  assert.equal((await json('endpoint', 'show', id)).state, 'enabled');
  const mail = humanReply(outs[0]);
  await box.deliver(ada.address, mail);
  await hook.waitFor('the reply', (e) => isOf(e, mail));
});

test('what was given up is listed and posted again, with the same id', async () => {
  // the last that the mail before tells: the next post is the next mail's first
  await hook.waitFor('the stop before', (e) => e.type === 'prospect.stopped' && e.data.prospect.key === outs[0].prospect);
  hook.answerNext({ status: 500, times: 2 });
  const mail = humanReply(outs[1]);
  await box.deliver(ada.address, mail);
  const dead = await until('it to be given up', async () => (await json('endpoint', 'dead', id)).dead_letters[0], { timeoutMs: 30000 });
  const people = (await good('endpoint', 'dead', id)).stdout;
  assert.match(people, new RegExp(`${dead.event_id} +reply\\.received`));
  await good('endpoint', 'replay', id, '--dead');
  const { event } = await hook.waitFor('it to come', (e) => e.id === dead.event_id);
  assert.ok(isOf(event, mail));
  await until('no dead letter', async () => (await json('endpoint', 'dead', id)).dead_letters.length === 0);
});

test('one event is posted again by hand', async () => {
  const [first] = hook.accepted.filter((e) => e.type === 'reply.received');
  const posted = hook.records.length;
  await good('event', 'replay', first.id, '--endpoint', id);
  await until('it once more', () => hook.records.slice(posted).some((r) => r.id === first.id && r.verified));
});

test('one that is removed is gone', async () => {
  await good('endpoint', 'remove', id);
  assert.equal((await cli('endpoint', 'show', id)).code, 65);
  assert.deepEqual((await json('endpoint', 'list')).map((e) => e.id), [box.endpoint.id]);
});

test('every event is as its schema describes it', () => allAsDescribed(box));
