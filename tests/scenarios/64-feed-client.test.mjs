// `replyd listen` and `event tail` before an API that waits, forgets, fails and lies.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { atEnd, endAll, run, until, workdir } from '../sandbox/proc.mjs';
import { binary } from '../sandbox/replyd.mjs';

const exe = binary();
let dir, keyFile;

before(() => {
  dir = workdir();
  keyFile = path.join(dir, 'key');
  fs.writeFileSync(keyFile, 'rk_live_somebodys-key-of-the-workspace', { mode: 0o600 });
});
after(endAll);

const event = (position, data = { prospect: { address: `p${position}@example.test` }, kind: 'reply' }) => ({
  position, id: `00000000-0000-4000-8000-${String(position).padStart(12, '0')}`, type: 'reply.received',
  timestamp: '2026-11-23T09:02:11.123456Z', data });

// A feed of `events`; `scene` may answer in its place: { status, body, headers }, 'hang', 'reset' or null
async function api({ events = [], scene = () => null } = {}) {
  const it = { asked: [], events };
  const server = createServer((req, res) => {
    const url = new URL(req.url, 'http://x'), number = (name) => Number(url.searchParams.get(name));
    it.asked.push({ after: number('after'), limit: number('limit'), wait: number('wait'), types: url.searchParams.get('types'),
      key: req.headers.authorization, at: performance.now() });
    const own = scene(it.asked.length, it.asked.at(-1));
    if (own === 'hang') return;
    if (own === 'reset') { req.socket.destroy(); return; }
    const page = it.events.filter((e) => e.position > number('after')).slice(0, number('limit'));
    const body = own?.body ?? { events: page, next: page.at(-1)?.position ?? number('after') };
    res.writeHead(own?.status ?? 200, { 'content-type': 'application/json', ...own?.headers });
    res.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  atEnd(() => { server.close(); server.closeAllConnections(); });
  it.url = `http://127.0.0.1:${server.address().port}`;
  return it;
}

const env = { PATH: process.env.PATH };
const args = (it, ...more) => [...more, '--api', it.url, '--key-file', keyFile];
const cli = (it, ...more) => run([exe, ...args(it, ...more)], { env, timeoutMs: 30000 });
const positions = (text) => text.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line).position);

function live(it, ...more) {
  const child = spawn(exe, args(it, ...more), { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const seen = { out: '', err: '', child };
  child.stdout.on('data', (bytes) => { seen.out += bytes; });
  child.stderr.on('data', (bytes) => { seen.err += bytes; });
  seen.ended = new Promise((done) => { child.on('exit', (code, signal) => done({ code, signal })); });
  atEnd(() => { child.kill('SIGKILL'); return seen.ended; });
  return seen;
}

test('the end of a feed is found, however long it is', async () => {
  for (const length of [0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 1000]) {
    const it = await api({ events: Array.from({ length }, (_, i) => event(i + 1)) });
    const r = await cli(it, 'event', 'tail', '--once');
    assert.deepEqual([length, r.code, positions(r.stdout)],
      [length, 0, Array.from({ length: Math.min(length, 10) }, (_, i) => length - Math.min(length, 10) + i + 1)]);
    assert.ok(it.asked.every((q) => q.key === 'Bearer rk_live_somebodys-key-of-the-workspace'));
    assert.ok(it.asked.length < 30, `${it.asked.length} requests for ${length}`);
  }
});

test('it waits where the API waits, and is ended there at once', async () => {
  const it = await api({ events: [event(1)], scene: (n, q) => (q.after >= 1 && q.wait > 0 ? 'hang' : null) });
  const began = live(it, 'event', 'tail');
  await until('it to wait', () => it.asked.some((q) => q.wait > 0 && q.after === 1));
  assert.deepEqual(positions(began.out), [1]);
  const before = performance.now();
  began.child.kill('SIGINT');
  assert.deepEqual(await began.ended, { code: 0, signal: null });
  assert.ok(performance.now() - before < 2000);
});

test('it asks again now and then where the API does not wait', async () => {
  const it = await api();
  const began = live(it, 'listen', '--after', '0', '--limit', '1');
  await until('five looks', () => it.asked.length >= 5);
  const [first, fifth] = [it.asked[0], it.asked[4]];
  assert.ok(fifth.at - first.at > 4 * 400, 'not faster than twice a second');
  it.events.push(event(1));
  assert.equal((await began.ended).code, 0);
  assert.deepEqual(positions(began.out), [1]);
});

test('what retention dropped is passed over, and said', async () => {
  const gone = { status: 410, body: { title: 'Gone', detail: 'this position is no longer kept', oldest: 5 } };
  const it = await api({ events: [6, 7].map((n) => event(n)), scene: (n, q) => (q.after < 5 ? gone : null) });
  const r = await cli(it, 'listen', '--after', '0', '--once');
  assert.deepEqual([r.code, positions(r.stdout)], [0, [6, 7]]);
  assert.match(r.stderr, /up to position 5 are no longer kept/);
});

test('an API that fails is asked again, and says so once', async () => {
  const scenes = [null, { status: 503, body: { title: 'Away', detail: 'PostgreSQL is away' }, headers: { 'retry-after': '1' } },
    'reset', { status: 200, body: 'no JSON' }, { status: 429, body: { title: 'Slower' } }];
  const it = await api({ events: [event(1)], scene: (n) => scenes[n - 1] ?? null });
  const began = live(it, 'listen', '--after', '0', '--limit', '2');
  await until('the first', () => positions(began.out).length === 1);
  await until('it to come back', () => it.asked.length > scenes.length, { timeoutMs: 30000 });
  it.events.push(event(2));
  assert.equal((await began.ended).code, 0);
  assert.deepEqual(positions(began.out), [1, 2]);
  assert.equal(began.err.match(/trying again/g).length, 1);
  assert.match(began.err, /PostgreSQL is away.*trying again[^]*answers again/);
  assert.ok(it.asked[2].at - it.asked[1].at > 950, 'Retry-After is kept');
});

test('an API that was reached once is only away, also before its first page', async () => {
  let found = false; // the end of the feed
  const it = await api({ events: [event(1)], scene: (n, q) => {
    if (q.wait === 0) return null;
    const first = !found;
    found = true;
    return first ? { status: 503, body: { title: 'Away' } } : null;
  } });
  const r = await cli(it, 'event', 'tail', '--limit', '1');
  assert.deepEqual([r.code, positions(r.stdout)], [0, [1]]);
  assert.match(r.stderr, /trying again[^]*answers again/);
});

test('what will not get better ends it', async () => {
  const rows = [[401, 77, /the key was revoked/, 2], [403, 77, /lacks/, 1], [400, 65, /bad/, 1], [500, 69, /as replyd does/, 1], [404, 69, /as replyd does/, 1]];
  for (const [status, code, says, at] of rows) {
    const words = { 401: 'the key was revoked', 403: 'the key lacks the scope', 400: 'bad' }[status];
    const it = await api({ events: [event(1)], scene: (n) => (n >= at ? { status, body: words ? { title: 'No', detail: words } : '<html>' } : null) });
    const r = await cli(it, 'listen', '--after', '0');
    assert.equal(r.code, code, `${status}: ${r.stderr}`);
    assert.match(r.stderr, says);
  }
});

test('a stranger writes nothing but text onto the terminal', async () => {
  const it = await api({ events: [event(1, { prospect: { address: 'a\u001b[31m\u0007@example.test' }, kind: 'reply\r\n\u009bx', intent: '\u001b]0;x\u0007' })] });
  const r = await run(['script', '-qec', [exe, ...args(it, 'listen', '--after', '0', '--once')].join(' '), '/dev/null'], { env });
  assert.match(r.stdout, /reply\.received +a\?\[31m\?@example\.test/);
  // eslint-disable-next-line no-control-regex
  assert.equal(/[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f]/.test(r.stdout), false);
});

test('the hook gets them one after another, in order, each once, whatever it answers', async () => {
  const got = [];
  let busy = 0;
  const hook = createServer(async (req, res) => {
    assert.equal(++busy, 1);
    got.push(JSON.parse(Buffer.concat(await req.toArray())).id);
    busy--;
    res.writeHead([204, 500, 302, 410][got.length % 4], { location: 'http://127.0.0.1:1/' }).end('so it is');
  });
  await new Promise((done) => { hook.listen(0, '127.0.0.1', done); });
  atEnd(() => hook.close());
  const it = await api({ events: Array.from({ length: 250 }, (_, i) => event(i + 1)) });
  const r = await cli(it, 'listen', '--after', '0', '--once', '--forward', `http://localhost:${hook.address().port}/`);
  assert.equal(r.code, 69);
  assert.match(r.stderr, /188 of 250 events were not answered by 2xx/);
  assert.deepEqual(got, it.events.map((e) => e.id));
  const told = r.stdout.trim().split('\n').map((line) => JSON.parse(line).forward);
  assert.equal(told.filter((f) => f.delivered).length, 62);
  assert.match(told.find((f) => f.status === 500).said, /so it is/);
});
