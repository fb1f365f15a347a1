// Endpoints that are away, flap, lie, are slow, lead elsewhere, talk without end or have a wrong certificate: whatever they do, every
// event comes, in the order of its prospect, under one id, and nobody else waits for it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { makeCa } from '../sandbox/ca.mjs';
import { Engine } from '../sandbox/engine.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { atEnd, endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { tellerOf } from '../sandbox/tell.mjs';

let box, db, tell, trap, touched = 0, good;
before(async () => {
  // whoever is led or dialled here was not to be
  trap = net.createServer((s) => { touched += 1; s.destroy(); });
  await new Promise((done) => { trap.listen(0, '127.0.0.1', done); });
  atEnd(() => trap.close());
  const proxy = `http://127.0.0.1:${trap.address().port}`;
  box = await startSandbox({ env: { http_proxy: proxy, https_proxy: proxy, HTTPS_PROXY: proxy, ALL_PROXY: proxy },
    settings: { 'dispatch.timeout': '2s', 'dispatch.retry': `0s ${'300ms '.repeat(12)}` } });
  db = insideOf(box.replyd);
  tell = tellerOf(box.replyd, box.workspace);
  good = await box.ca.issue('hooks');
});
after(endAll);

const pemOf = ({ cert, key }) => ({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) });
const endpoint = async (engine, more = {}) => {
  const made = await box.api.post('/v1/endpoints', { url: engine.url, types: ['reply.received'], timeout_ms: 1000, ...more });
  engine.expectSecret(made.secret);
  return made;
};
const remove = (e) => box.api.must('DELETE', `/v1/endpoints/${e.id}`);
const patch = (e, body) => box.api.must('PATCH', `/v1/endpoints/${e.id}`, body);
const attemptsOf = async (e, id) => (await box.api.get(`/v1/events/${id}`)).attempts.filter((a) => a.endpoint_id === e.id);
const outcomes = async (e, id) => (await attemptsOf(e, id)).sort((a, b) => a.try - b.try).map((a) => a.outcome);
const failed = (e, id, outcome) => until(`an attempt to be ${outcome}`, async () => (await outcomes(e, id)).includes(outcome));
const settled = (e) => until('all to have its receipt', async () => await db.psql(
  `select (select count(*) from replyd.event_queue) + (select count(*) from replyd.delivery where endpoint_id = '${e.id}')`) === '0',
{ timeoutMs: 60000 });

const prospects = ['ann@example.test', 'ben@example.test'];
let told = 0;
const stream = async () => {
  told += 3;
  return tell([2, 1, 0].flatMap((back) => prospects.map((prospect) => ({ prospect, seq: told - back }))));
};
// nothing lost, nothing under another id, each prospect in its order
function judge(engine, ids, name) {
  const taken = engine.accepted.filter((e) => ids.includes(e.id));
  assert.equal(taken.length, ids.length, `${name}: all have come`);
  for (const prospect of prospects) {
    const seqs = taken.filter((e) => e.data.prospect.key === prospect).map((e) => e.data.prospect.seq);
    assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b), `${name}: ${prospect} in order`);
  }
  const posts = engine.records.filter((r) => r.id);
  assert.ok(posts.every((r) => r.verified && !r.problem), `${name}: ${posts.find((r) => r.problem)?.problem}`);
  assert.ok(posts.every((r) => r.body === posts.find((one) => one.id === r.id).body), `${name}: the same id, the same event`);
}

// write(more) for as long as the other side takes it
function flood(socket, write) {
  const more = (e) => { if (!e && !socket.destroyed) write((x) => setImmediate(more, x)); };
  socket.on('error', () => {});
  more();
}
const raw = (words, after) => (req, res) => { res.socket.write(words); after(res.socket); };
// what the first two posts meet, and what their receipts say
const manners = [
  ['answers 500', { status: 500 }, 'refused'],
  ['closes without a word', { status: 0 }, 'network'],
  ['says 200 and resets', { by: raw('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nall', (s) => s.resetAndDestroy()) }, 'network'],
  ['says 200, and the rest by drops', { by: raw('HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n', (s) => {
    const drip = setInterval(() => s.write('.'), 100);
    s.once('close', () => clearInterval(drip));
  }) }, 'timeout'],
  ['says its headers by drops', { by: raw('HTTP/1.1 200 OK\r\nX-Slow: ', (s) => {
    const drip = setInterval(() => s.write('.'), 100);
    s.once('close', () => clearInterval(drip));
  }) }, 'timeout'],
  ['never answers', { by: () => {} }, 'timeout'],
  ['answers later than it may', { status: 204, delayMs: 1500 }, 'timeout'],
  ['leads elsewhere', { status: 308, headers: () => ({ location: `http://127.0.0.1:${trap.address().port}/` }) }, 'refused'],
  ['has headers without end', { by: raw('HTTP/1.1 200 OK\r\n', (s) => {
    flood(s, (more) => s.write(`X-Filler: ${'x'.repeat(8000)}\r\n`, more));
  }) }, 'network'],
  ['talks another protocol', { by: raw('* OK IMAP4rev1 ready\r\n', (s) => s.end()) }, 'network'],
  ['wants to be left alone', { status: 429, headers: { 'retry-after': '1' } }, 'refused'],
  ['wants that for longer than a life', { status: 418, headers: { 'retry-after': '99999999999999999999' } }, 'refused'],
];
for (const [name, how, outcome] of manners)
  test(`an endpoint that ${name}`, async () => {
    const engine = await Engine.start(), e = await endpoint(engine);
    const headers = typeof how.headers === 'function' ? how.headers() : how.headers;
    engine.answerNext({ times: 2, ...how, headers });
    const ids = await stream();
    await settled(e);
    judge(engine, ids, name);
    const failures = (await Promise.all(ids.map((id) => outcomes(e, id)))).flat().filter((o) => o !== 'delivered');
    assert.deepEqual(failures, [outcome, outcome]);
    await remove(e);
    await engine.stop();
  });

test('a huge answer is taken for what its first line says, and not read to its end', async () => {
  const engine = await Engine.start(), e = await endpoint(engine);
  let sent = 0;
  const endless = (status) => (req, res) => {
    const piece = Buffer.alloc(65536, 0x78);
    res.writeHead(status, { 'content-length': 1e12 });
    flood(res.socket, (more) => { sent += piece.length; res.write(piece, more); });
  };
  const [refused, taken] = [crypto.randomUUID(), crypto.randomUUID()];
  engine.answerNext({ id: refused, by: endless(500) });
  engine.answerNext({ id: taken, by: endless(200) });
  await tell([{ id: refused, prospect: 'ann@example.test', seq: ++told }, { id: taken, prospect: 'ben@example.test', seq: told }]);
  await settled(e);
  assert.deepEqual([await outcomes(e, refused), await outcomes(e, taken)], [['refused', 'delivered'], ['delivered']]);
  const [first] = (await attemptsOf(e, taken)).map((a) => a.detail);
  assert.match(first, /^x{200,255}$/, 'its first bytes are in the receipt');
  assert.ok(sent < 64 << 20, `${sent} bytes were sent`);
  await remove(e);
});

test('an endpoint that flaps', async () => {
  const engine = await Engine.start(), e = await endpoint(engine);
  const all = [];
  for (let round = 0; round < 3; round++) {
    await engine.stop();
    const ids = await stream();
    all.push(...ids);
    await until('it to be left alone for a while', async () => await db.psql(
      `select not_before > now() from replyd.endpoint_lane where endpoint_id = '${e.id}'`) === 't');
    await engine.listen();
    await until('something to come', () => engine.accepted.some((x) => all.slice(-6).includes(x.id)), { timeoutMs: 60000 });
  }
  await settled(e);
  judge(engine, all, 'flapping');
  await remove(e);
});

test('certificates that are not to be trusted, and one that is', async () => {
  const stranger = await makeCa(`${box.dir}/stranger`, 'Nobody knows this CA');
  for (const [name, cert] of [['of another name', await box.ca.issue('other', 'DNS:elsewhere.example.test')],
    ['of an authority nobody knows', await stranger.issue('unknown')], ['that has expired', await box.ca.issue('old', undefined, { days: -1 })]]) {
    const engine = await Engine.start({ tls: pemOf(cert) }), e = await endpoint(engine);
    const ids = await stream();
    await failed(e, ids[0], 'network');
    const [{ detail }] = await attemptsOf(e, ids[0]);
    assert.match(detail, /certificate/, name);
    assert.equal(engine.records.length, 0, `${name}: nothing was said`);
    const mended = await Engine.start({ tls: pemOf(good) });
    mended.expectSecret(e.secret);
    await patch(e, { url: mended.url });
    await settled(e);
    judge(mended, ids, name);
    await remove(e);
  }
});

test('HTTP/2 where it is offered, and connections are used again', async () => {
  const engine = await Engine.start({ tls: { ...pemOf(good), allowHTTP1: false } }), e = await endpoint(engine);
  const ids = await stream();
  await settled(e);
  const { length } = engine.connections; // two, where two posts began at once
  ids.push(...await stream());
  await settled(e);
  judge(engine, ids, 'HTTP/2');
  assert.deepEqual([...new Set(engine.records.map((r) => r.httpVersion))], ['2.0']);
  assert.deepEqual([length <= 2, engine.connections.length], [true, length]);
  await remove(e);
});

test('an endpoint that IPv6 alone leads to', async () => {
  const engine = await Engine.start({ host: '::1' }), e = await endpoint(engine);
  const ids = await stream();
  await settled(e);
  judge(engine, ids, 'IPv6');
  await remove(e);
});

test('mutual TLS: each endpoint shows its own certificate, also where two share a host', async () => {
  const tls = { ...pemOf(good), ca: fs.readFileSync(box.ca.pem), requestCert: true, rejectUnauthorized: true };
  const engine = await Engine.start({ tls });
  const seen = new Map(); // event and endpoint -> the name it came with
  const of = async (name) => {
    const { cert, key } = pemOf(await box.ca.issue(name, `DNS:${name}.example.test`, { usage: 'clientAuth' }));
    return endpoint(engine, { client_certificate: { certificate: cert.toString(), key: key.toString() }, headers: { 'X-Whose': name } });
  };
  const [ann, ben] = [await of('ann'), await of('ben')], nobody = await endpoint(engine);
  const ids = await stream();
  for (const e of [ann, ben]) await settled(e);
  for (const r of engine.records) seen.set(`${r.id} ${r.headers['x-whose']}`, r.peer);
  assert.equal(seen.size, 2 * ids.length);
  for (const [key, peer] of seen) assert.equal(peer, `${key.split(' ')[1]}.example.test`);
  await failed(nobody, ids[0], 'network');
  const shown = await box.api.get(`/v1/endpoints/${ann.id}`);
  assert.equal(shown.has_client_certificate, true);
  assert.doesNotMatch(JSON.stringify(shown), /BEGIN/);
  for (const e of [ann, ben, nobody]) await remove(e);
});

test('a replaced secret signs for a day, and is gone after it', async () => {
  const engine = await Engine.start(), e = await endpoint(engine);
  const { secret } = await box.api.post(`/v1/endpoints/${e.id}/rotate-secret`);
  const [both] = await stream();
  await settled(e);
  const of = (id) => engine.records.find((r) => r.id === id);
  assert.deepEqual([of(both).secret, of(both).headers['webhook-signature'].split(' ').length], [e.secret, 2]);
  engine.expectSecret(secret);
  await db.psql(`update replyd.endpoint set old_until = now() - interval '1 second' where endpoint_id = '${e.id}'`);
  await until('the old one to be gone', async () => await db.psql(
    `select sealed_secret_old is null and old_until is null from replyd.endpoint where endpoint_id = '${e.id}'`) === 't');
  const [one] = await stream();
  await settled(e);
  assert.deepEqual([of(one).secret, of(one).headers['webhook-signature'].split(' ').length], [secret, 1]);
  await engine.allCheckedAgain();
  await remove(e);
});

test('an endpoint that never answers costs its neighbour nothing', async () => {
  const dead = await Engine.start(), well = await Engine.start();
  dead.answerNext({ times: 1000, by: () => {} });
  const sick = await endpoint(dead), e = await endpoint(well);
  const ids = [];
  for (let i = 0; i < 5; i++) ids.push(...await stream());
  await settled(e);
  judge(well, ids, 'the neighbour');
  assert.equal(dead.accepted.length, 0);
  assert.notEqual(await db.psql(`select count(*) from replyd.delivery where endpoint_id = '${sick.id}'`), '0');
  await remove(sick);
  await remove(e);
});

test('PostgreSQL goes away in the middle of it', async () => {
  const engine = await Engine.start(), e = await endpoint(engine);
  engine.answerNext({ times: 3, status: 204, delayMs: 500 });
  const ids = await stream();
  await until('a post', () => engine.records.length > 0);
  const before = box.replyd.state.postgres;
  process.kill(before, 'SIGINT');
  await until('PostgreSQL to be started again', () => box.replyd.state.postgres > 1 && box.replyd.state.postgres !== before, { timeoutMs: 60000 });
  await until('it to answer', () => db.psql('select 1'));
  await settled(e);
  judge(engine, ids, 'without PostgreSQL');
  await engine.allCheckedAgain();
  await remove(e);
});

test('by a proxy, if one is set: names and TLS go through it, and it is nobody inside', async () => {
  const seen = [];
  const proxy = http.createServer();
  proxy.on('connect', (req, socket, head) => {
    seen.push(req.url);
    const [, port] = req.url.split(':');
    const far = net.connect(Number(port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      far.write(head);
      far.pipe(socket).pipe(far);
    });
    for (const s of [far, socket]) s.on('error', () => { far.destroy(); socket.destroy(); });
  });
  await new Promise((done) => { proxy.listen(0, '127.0.0.1', done); });
  atEnd(() => { proxy.close(); proxy.closeAllConnections(); });
  await box.replyd.stop();
  Object.assign(box.replyd.settings, { 'dispatch.proxy': `http://127.0.0.1:${proxy.address().port}` });
  await box.replyd.start();
  const engine = await Engine.start({ host: '127.0.0.1', tls: pemOf(await box.ca.issue('far', 'DNS:hooks.example.test')) });
  const e = await endpoint(engine, { url: engine.url.replace('127.0.0.1', 'hooks.example.test') });
  const ids = await stream();
  await settled(e);
  judge(engine, ids, 'by proxy');
  assert.deepEqual([...new Set(seen)], [new URL(e.url).host]);
  await engine.allCheckedAgain();
});

test('no proxy of the environment was asked, and no redirect followed', () => assert.equal(touched, 0));
