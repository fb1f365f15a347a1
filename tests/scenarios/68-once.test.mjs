// A request that is sent twice is carried out once; a key asks as often as it may; every answer leads to its log line.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { Api } from '../sandbox/api.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

const burst = 40;
let box;
// a key of its own, with all it may ask
const fresh = async () => new Api(box.replyd.base, await box.replyd.key(box.workspace));
const sql = (text) => insideOf(box.replyd).psql(text);
const once = () => ({ 'idempotency-key': crypto.randomUUID() });

before(async () => { box = await startSandbox({ settings: { 'api.rate': 1, 'api.burst': burst } }); });
after(endAll);

test('sent twice: one endpoint, the same answer with its secret, and nothing of it in the database', async () => {
  const api = await fresh(), headers = once(), body = { url: box.engine.url, label: 'once' };
  const first = await api.call('POST', '/v1/endpoints', body, headers);
  assert.equal(first.status, 201, first.text);
  assert.equal(first.headers.get('idempotency-replayed'), null);
  const second = await api.call('POST', '/v1/endpoints', body, headers);
  assert.deepEqual([second.status, second.text, second.headers.get('idempotency-replayed')], [201, first.text, 'true']);
  assert.notEqual(second.headers.get('x-request-id'), first.headers.get('x-request-id'));
  assert.equal((await api.get('/v1/endpoints')).filter((e) => e.label === 'once').length, 1);

  const kept = await sql("select row_to_json(k)::text || encode(sealed, 'escape') || encode(sealed, 'hex') from replyd.kept_answer k");
  assert.ok(kept.length > 100);
  for (const secret of [first.body.secret, first.body.id, headers['idempotency-key'], Buffer.from(first.body.secret).toString('hex')])
    assert.ok(!kept.includes(secret));
});

test('another request under the key is refused, by another API key it is another one', async () => {
  const api = await fresh(), headers = once();
  const link = { provider: 'sandbox', address: 'a@example.test' };
  assert.equal((await api.call('POST', '/v1/connect-links', link, headers)).status, 201);
  for (const [path, body] of [['/v1/connect-links', { ...link, address: 'b@example.test' }], ['/v1/endpoints', { url: box.engine.url }]]) {
    const other = await api.call('POST', path, body, headers);
    assert.deepEqual([other.status, other.body.code, other.body.field], [422, 'idempotency_key_reused', 'Idempotency-Key']);
  }
  const theirs = await (await fresh()).call('POST', '/v1/connect-links', { ...link, address: 'b@example.test' }, headers);
  assert.deepEqual([theirs.status, theirs.headers.get('idempotency-replayed')], [201, null]);
});

test('many at once: one is carried out, the others hear of it or that it is under way', async () => {
  const api = await fresh(), headers = once(), body = { url: box.engine.url, label: 'many' };
  const all = await Promise.all(Array.from({ length: 12 }, () => api.call('POST', '/v1/endpoints', body, headers)));
  const made = all.filter((r) => r.status === 201), busy = all.filter((r) => r.status === 409);
  assert.equal(made.length + busy.length, 12);
  assert.equal(new Set(made.map((r) => r.body.id)).size, 1);
  assert.equal(made.filter((r) => r.headers.get('idempotency-replayed') === null).length, 1);
  assert.ok(busy.every((r) => r.body.code === 'idempotency_in_flight' && r.headers.get('retry-after') === '1'));
  assert.equal((await api.get('/v1/endpoints')).filter((e) => e.label === 'many').length, 1);
});

test('what was refused is not kept, what nobody knows the end of is not begun again, and a day ends it', async () => {
  const api = await fresh(), headers = once(), link = { provider: 'sandbox', address: 'c@example.test' };
  assert.equal((await api.call('POST', '/v1/connect-links', { ...link, address: 'nobody' }, headers)).status, 400);
  const first = await api.call('POST', '/v1/connect-links', link, headers);
  assert.deepEqual([first.status, first.headers.get('idempotency-replayed')], [201, null]);

  await sql("update replyd.kept_answer set status = null, sealed = null, made_at = now() - interval '61 seconds'");
  const lost = await api.call('POST', '/v1/connect-links', link, headers);
  assert.deepEqual([lost.status, lost.body.code], [409, 'idempotency_outcome_unknown']);
  await sql("update replyd.kept_answer set made_at = now()");
  assert.equal((await api.call('POST', '/v1/connect-links', link, headers)).body.code, 'idempotency_in_flight');
  await sql("update replyd.kept_answer set made_at = now() - interval '25 hours'");
  const anew = await api.call('POST', '/v1/connect-links', link, headers);
  assert.equal(anew.status, 201);
  assert.notEqual(anew.body.id, first.body.id);

  for (const [key, status] of [['x'.repeat(255), 201], ['x'.repeat(256), 400]])
    assert.equal((await api.call('POST', '/v1/connect-links', link, { 'idempotency-key': key })).status, status);
});

test('a key asks as often as it may, is told how often that is, and another one is not slowed by it', async () => {
  const api = await fresh(), other = await fresh();
  const first = await api.call('GET', '/v1/event-types');
  assert.deepEqual([first.headers.get('ratelimit-policy'), first.headers.get('ratelimit')], [`"key";q=${burst};w=${burst}`, `"key";r=${burst - 1};t=1`]);
  const refused = await until('a refusal', async () => {
    const r = await api.call('GET', '/v1/event-types');
    return r.status === 429 ? r : null;
  }, { everyMs: 1, timeoutMs: 60000 });
  assert.deepEqual([refused.body.code, refused.headers.get('retry-after')], ['too_many_requests', '1']);
  assert.match(refused.headers.get('ratelimit'), /^"key";r=0;t=1$/);
  assert.equal((await other.call('GET', '/v1/event-types')).status, 200);
  await until('the next one', async () => (await api.call('GET', '/v1/event-types')).status === 200, { timeoutMs: 20000 });
});

test('an answer leads to its log line', async () => {
  const api = await fresh();
  const answers = [await api.call('GET', '/v1/events/none'), await api.call('GET', '/v1/nothing'), await api.call('GET', '/v1/inboxes')];
  assert.equal(answers[0].body.request_id, answers[0].headers.get('x-request-id'));
  await until('the lines', () => {
    const lines = fs.readFileSync(box.replyd.log, 'utf8').split('\n').filter((l) => l.includes('api.request'));
    return answers.every((a) => lines.some((l) => l.includes(a.headers.get('x-request-id')) && l.includes(String(a.status))));
  });
});
