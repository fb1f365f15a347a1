// A gate that is closed and opened by hand, over the API and the command line: what the caller hears, and what the engine is told.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { endAll, run } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';

let box, ada;
before(async () => {
  box = await startSandbox({ settings: { 'ingest.proof': '1s' } });
  ada = await box.connect('ada@example.test');
});
after(endAll);

const out = async (prospect) => (await box.register([{ inboxId: ada.id, inbox: ada.address, prospect }]))[0];
const move = (prospect, what, body) => box.api.call('POST', `/v1/prospects/${encodeURIComponent(prospect)}/${what}`, body);
const told = (prospect, type, stop) => box.engine.waitFor(`${type} of ${prospect}`,
  (e) => e.type === type && e.data.prospect.key === prospect && e.data.stop === stop);

test('stopped by hand, told once, and open again', async () => {
  await out('pat@example.test');
  await box.api.waitForGate('pat@example.test', 'open');
  const first = await move('Pat@Example.test', 'stop');
  assert.deepEqual([first.status, first.body.state, first.body.level, first.body.reason, first.body.changed],
    [200, 'closed', 3, 'manual', true]);
  assert.equal((await move('pat@example.test', 'stop', { reason: 'replied' })).body.changed, false);
  const { event } = await told('pat@example.test', 'prospect.stopped', 1);
  assert.deepEqual([event.data.gate, event.data.by_message], [{ level: 3, reason: 'manual' }, null]);

  assert.equal((await move('pat@example.test', 'resume')).body.changed, true);
  await told('pat@example.test', 'prospect.resumed', 1);
  await box.api.waitForGate('pat@example.test', 'open');
  assert.equal((await move('pat@example.test', 'resume')).body.changed, false);
});

test('an answer opens when it is asked for; an opt-out only by its name', async () => {
  const mail = humanReply(await out('quinn@example.test'));
  await box.deliver(ada.address, mail);
  await box.engine.waitFor('the answer', (e) => isOf(e, mail));
  assert.equal((await move('quinn@example.test', 'stop', { reason: 'unsubscribed' })).body.level, 5);
  const stale = await move('quinn@example.test', 'resume', { reason: 'replied' });
  assert.deepEqual([stale.status, stale.body.code, stale.body.field], [409, 'conflict', '/reason']);
  assert.match(stale.body.remedy, /unsubscribed/);
  assert.equal((await move('quinn@example.test', 'resume')).status, 409);
  assert.equal((await move('quinn@example.test', 'resume', { reason: 'unsubscribed' })).body.changed, true);
  await box.api.waitForGate('quinn@example.test', 'open');
});

test('nobody has written to him yet: a list of people who must not be', async () => {
  assert.equal((await move('never@example.test', 'stop', { reason: 'complained' })).body.level, 6);
  await out('never@example.test');
  assert.equal((await box.api.gate('never@example.test')).reason, 'complained');
});

test('nonsense is refused by field', async () => {
  const rows = [['stop', { reason: 'boredom' }, '/reason'], ['stop', { why: 'x' }, '/why'], ['stop', { reason: 7 }, '/reason'],
    ['resume', { reason: 'x'.repeat(40) }, '/reason']];
  for (const [what, body, field] of rows) {
    const r = await move('pat@example.test', what, body);
    assert.deepEqual([r.status, r.body.field], [400, field], JSON.stringify(body));
  }
  assert.equal((await move('pat@example.test', 'stop', 'no json')).body.code, 'bad_json');
});

test('replyd prospect stop, resume, show', async () => {
  const keyFile = path.join(box.dir, 'key');
  fs.writeFileSync(keyFile, box.api.key, { mode: 0o600 });
  const cli = (...args) => run([box.replyd.exe, 'prospect', ...args, '--key-file', keyFile],
    { env: { PATH: process.env.PATH, REPLYD_API_URL: box.replyd.base } });
  await out('rob+1@example.test');
  const stopped = await cli('stop', 'rob+1@example.test', '--reason', 'left_company', '--json');
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.equal(JSON.parse(stopped.stdout).reason, 'left_company');
  assert.match((await cli('show', 'rob+1@example.test')).stdout, /reason +left_company/);
  assert.notEqual((await cli('resume', 'rob+1@example.test', '--reason', 'replied')).code, 0);
  assert.equal((await cli('resume', 'rob+1@example.test')).code, 0);
});

test('every event is as its schema describes it', () => allAsDescribed(box));
