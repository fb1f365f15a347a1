// An endpoint's whole life over the API: made, changed, tried, given another secret, failing, replayed, removed.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';

let box, ada, mine;
before(async () => {
  box = await startSandbox({ settings: { 'dispatch.retry': '0s 1s' } });
  ada = await box.connect('ada@example.test');
  mine = `/v1/endpoints/${box.endpoint.id}`;
});
after(endAll);

const reply = async (prospect) => {
  const [out] = await box.register([{ inboxId: ada.id, inbox: ada.address, prospect }]);
  const mail = humanReply(out);
  await box.deliver(ada.address, mail);
  return mail;
};
const postsOf = (id) => box.engine.records.filter((r) => r.id === id);
const call = async (method, path, body) => {
  const answer = await box.api.call(method, path, body);
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
};

test('a test is posted to the endpoint alone, and has its receipt', async () => {
  const other = await call('POST', '/v1/endpoints', { url: `${box.engine.url}/other`, types: ['bounce.*'] });
  box.engine.expectSecret(other.secret);
  const { event_id: id } = await call('POST', `${mine}/test`);
  const got = await box.engine.waitFor('the test', (e) => e.id === id);
  assert.equal(got.event.type, 'webhook.test');
  assert.equal(got.event.data.endpoint_id, box.endpoint.id);
  const receipts = await until('the receipt', async () => {
    const { attempts } = await call('GET', `/v1/events/${id}`);
    return attempts.length > 0 && attempts;
  });
  assert.deepEqual(receipts.map((a) => [a.endpoint_id, a.status, a.outcome]), [[box.endpoint.id, 204, 'delivered']]);
  assert.equal((await call('DELETE', `/v1/endpoints/${other.id}`)).state, 'removed');
  assert.equal((await box.api.call('GET', `/v1/endpoints/${other.id}`)).status, 404);
});

test('after another secret both sign; static headers go along', async () => {
  await call('PATCH', mine, { headers: { 'X-Api-Key': 'let me in' }, label: 'ours' });
  const { secret, old_secret_until: until24 } = await call('POST', `${mine}/rotate-secret`);
  assert.ok(Date.parse(until24) - Date.now() > 23 * 3600 * 1000);
  const { event_id: id } = await call('POST', `${mine}/test`);
  // the engine still knows the old secret only
  const got = await box.engine.waitFor('the test', (e) => e.id === id);
  assert.equal(got.headers['webhook-signature'].split(' ').length, 2);
  assert.equal(got.headers['x-api-key'], 'let me in');
  box.engine.expectSecret(secret);
  const shown = await call('GET', mine);
  assert.deepEqual([shown.label, shown.has_headers, shown.state], ['ours', true, 'enabled']);
  assert.equal(JSON.stringify(shown).includes('let me in'), false);
});

test('an event tells the whole way of its mail', async () => {
  const mail = await reply('chain@example.test');
  const { event } = await box.engine.waitFor('the event', (e) => isOf(e, mail));
  const { chain } = await until('its receipt', async () => {
    const shown = await call('GET', `/v1/events/${event.id}`);
    return shown.chain.acknowledged && shown;
  });
  const steps = ['arrived', 'detected', 'gated', 'logged', 'delivered', 'acknowledged'];
  assert.deepEqual(Object.keys(chain).sort(), [...steps, 'stopped'].sort());
  // the provider's clock is a whole second's; the others are one clock, and the answer is known to the millisecond
  const at = (step) => chain[step].slice(0, 23);
  for (let i = 2; i < steps.length; i++) assert.ok(at(steps[i - 1]) <= at(steps[i]), JSON.stringify(chain));
  assert.ok(Math.abs(Date.parse(chain.arrived) - Date.parse(chain.detected)) < 60000);
  const stop = (await box.api.events()).find((e) => e.type === 'prospect.stopped' && e.data.prospect.key === 'chain@example.test');
  assert.equal(chain.stopped, stop.timestamp);
});

test('what is given up is a dead letter, and goes out again with the same id when asked to', async () => {
  const at = new Date().toISOString();
  box.engine.answerNext({ status: 400, times: 2 });
  const mail = await reply('dead@example.test');
  const dead = await until('the dead letter', async () => {
    const { dead_letters: list } = await call('GET', `${mine}/dead-letters`);
    return list.length === 1 && list[0];
  });
  assert.deepEqual([dead.type, dead.tries, dead.status, dead.outcome], ['reply.received', 2, 400, 'refused']);
  const asked = await call('POST', `${mine}/replay`, { dead: true });
  await box.engine.waitFor('the replayed event', (e) => isOf(e, mail));
  await until('the replay to end', async () => (await call('GET', `${mine}/replays/${asked.id}`)).state === 'done');
  assert.equal(postsOf(dead.event_id).length, 3);
  assert.equal((await call('GET', `${mine}/dead-letters`)).dead_letters.length, 0);
  // one by one, and by time
  for (const [body, posts] of [[{ event_id: dead.event_id }, 4], [{ from: at, types: ['reply.*'] }, 5]]) {
    await call('POST', `${mine}/replay`, body);
    await until(`${posts} posts`, () => postsOf(dead.event_id).length === posts);
  }
});

test('an endpoint that says 410 is disabled, the feed tells, and it takes events again once enabled', async () => {
  box.engine.answerNext({ status: 410 });
  await reply('gone@example.test');
  await until('it to be disabled', async () => (await call('GET', mine)).state === 'disabled');
  const told = await until('the event', async () => (await box.api.events()).find((e) => e.type === 'endpoint.disabled'));
  assert.equal(told.data.endpoint_id, box.endpoint.id);
  assert.equal((await box.api.call('POST', `${mine}/replay`, { dead: true })).status, 409);
  await call('PATCH', mine, { state: 'enabled' });
  const mail = await reply('back@example.test');
  await box.engine.waitFor('an event', (e) => isOf(e, mail));
  await box.engine.waitFor('to be told', (e) => e.type === 'endpoint.recovered');
});

for (const [name, body, field] of [
  ['no https', { url: 'ftp://hooks.example.test/' }, '/url'],
  ['a password', { url: 'https://me:pw@hooks.example.test/' }, '/url'],
  ['a private address', { url: 'https://10.1.2.3/' }, '/url'],
  ['an unknown type', { types: ['reply.recieved'] }, '/types/0'],
  ['an unknown family', { types: ['answer.*'] }, '/types/0'],
  ['no type at all', { types: [] }, '/types'],
  ['a filter that leaves nothing', { types: ['endpoint.disabled'], inbox_ids: ['10000000-0000-4000-8000-0000000000ff'] }, '/inbox_ids'],
  ['an inbox of nobody', { inbox_ids: ['10000000-0000-4000-8000-0000000000ff'] }, '/inbox_ids'],
  ['our own header', { headers: { 'Webhook-Id': 'x' } }, '/headers'],
  ['a header that ends the headers', { headers: { 'X-A': 'a\r\nX-B: b' } }, '/headers/X-A'],
  ['no certificate', { client_certificate: { certificate: 'x', key: 'y' } }, '/client_certificate/certificate'],
  ['too much at once', { concurrency: 1000 }, '/concurrency'],
])
  test(`refused with the reason: ${name}`, async () => {
    const answer = await box.api.call('PATCH', mine, body);
    assert.deepEqual([answer.status, answer.body.code, answer.body.field], [400, 'bad_field', field]);
    assert.ok(answer.body.detail.length > 5);
  });

test('every event is as its schema describes it', () => allAsDescribed(box));
