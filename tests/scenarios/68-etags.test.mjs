// Who changes an endpoint says which state of it he knows, and does not undo what another has done meanwhile.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { endAll } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box, path, made;
before(async () => {
  box = await startSandbox();
  made = await box.api.call('POST', '/v1/endpoints', { url: box.engine.url, label: 'first' });
  path = `/v1/endpoints/${made.body.id}`;
});
after(endAll);

const show = (headers) => box.api.call('GET', path, undefined, headers);
const change = (body, tag) => box.api.call('PATCH', path, body, tag ? { 'if-match': tag } : {});

test('what was read is not sent again while it is the same', async () => {
  const first = await show(), tag = first.headers.get('etag');
  assert.equal(tag, `"${first.body.etag}"`);
  assert.equal(made.headers.get('etag'), tag);
  for (const [known, status] of [[tag, 304], [`W/${tag}`, 304], [`"x", ${tag}`, 304], ['"x"', 200]]) {
    const again = await show({ 'if-none-match': known });
    assert.deepEqual([again.status, again.headers.get('etag'), again.text.length > 0], [status, tag, status === 200], known);
  }
});

test('a change that knows an older state is refused, whole', async () => {
  const old = (await show()).headers.get('etag');
  const changed = await change({ label: 'second', headers: { 'X-Team': 'one' } }, old);
  assert.deepEqual([changed.status, changed.body.label], [200, 'second']);
  const now = changed.headers.get('etag');
  assert.notEqual(now, old);
  const late = await change({ label: 'third', headers: null, url: `${box.engine.url}?x` }, old);
  assert.deepEqual([late.status, late.body.code, late.body.field], [412, 'changed_meanwhile', 'If-Match']);
  const as = (await show()).body;
  assert.deepEqual([as.label, as.url, as.has_headers, `"${as.etag}"`], ['second', box.engine.url, true, now]);
  // weak tags never match; without the header, or with *, whatever it is
  assert.equal((await change({ label: 'third' }, `W/${now}`)).status, 412);
  assert.equal((await change({ label: 'third' }, '*')).status, 200);
  assert.equal((await change({ label: 'fourth' })).status, 200);
});

test('of many who change what they all have read, one does', async () => {
  const tag = (await show()).headers.get('etag');
  const all = await Promise.all(Array.from({ length: 10 }, (_, i) => change({ label: `of ${i}` }, tag)));
  assert.deepEqual(all.map((r) => r.status).sort(), [200, ...Array(9).fill(412)]);
  assert.equal((await show()).body.label, all.find((r) => r.status === 200).body.label);
});

test('a removal, too', async () => {
  const tag = (await show()).headers.get('etag');
  await change({ label: 'changed' });
  const remove = (known) => box.api.call('DELETE', path, undefined, { 'if-match': known });
  assert.equal((await remove(tag)).status, 412);
  assert.equal((await remove((await show()).headers.get('etag'))).status, 200);
  assert.equal((await remove('"any"')).status, 412);
  assert.equal((await box.api.call('DELETE', path)).status, 404);
});
