// Port 143: a reply comes through STARTTLS, and to whoever stands in the way nothing is said that
// he could use.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { atEnd, endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';

const password = 'sandbox-password';
// an address of loopback that nobody else listens on: port 143 is not ours to choose
const elsewhere = ['127', ...crypto.randomBytes(3).map((n) => n % 254 + 1)].join('.');
let box;
before(async () => { box = await startSandbox({ address: elsewhere, settings: { 'ingest.proof': '2s', 'gate.freshness': '6s' } }); });
after(endAll);

// a server in the clear that greets like this, answers each command like that, and keeps what it heard
async function inTheWay(greeting, answer = (tag) => `${tag} OK done`) {
  const way = { heard: '', sockets: new Set() };
  const server = net.createServer((s) => {
    way.sockets.add(s);
    s.on('error', () => { /* the other side has had enough */ });
    s.write(`${greeting}\r\n`);
    s.on('data', (bytes) => {
      way.heard += bytes.toString('latin1');
      if (bytes[0] === 0x16) s.end(); // he cannot shake hands
      for (const line of bytes.toString('latin1').split('\r\n'))
        if (/^\w+ \w/.test(line)) s.write(`${answer(...line.split(' '))}\r\n`);
    });
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  atEnd(() => { for (const s of way.sockets) s.destroy(); server.close(); });
  return Object.assign(way, { port: server.address().port });
}

async function connect(address, port) {
  const link = await box.api.post('/v1/inboxes', { address, password, imap: { host: 'localhost', port, security: 'starttls' } });
  return box.api.waitForLinkInbox(link.connect_link_id);
}

test('a reply comes through STARTTLS', async () => {
  const id = await connect('ada@example.test', box.dovecot.imap);
  await box.api.waitForInbox(id, (i) => i.state === 'live', { timeoutMs: 60000 });
  const [out] = await box.register([{ inboxId: id, inbox: 'ada@example.test', prospect: 'pat@example.test' }]);
  await box.api.waitForGate(out.prospect, 'open');
  const reply = humanReply(out);
  await box.deliver('ada@example.test', reply);
  await box.engine.waitFor('the reply', (e) => isOf(e, reply), { timeoutMs: 30000 });
});

test('nothing secret is said in clear', async () => {
  const rows = [
    ['none', '* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello', undefined, 'held', ['no_starttls']],
    ['refused', '* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] hello', (tag) => `${tag} NO not today`, 'backing_off', ['no_starttls']],
    ['preauth', '* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome', undefined, 'held', ['admin_action']],
    ['forged', '* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] hello',
      (tag) => `${tag} OK begin\r\n* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] in already\r\nr2 OK in`, 'backing_off', ['tls', 'network', 'server']],
  ];
  for (const [name, greeting, answer, state, reasons] of rows) {
    const way = await inTheWay(greeting, answer);
    const id = await connect(`${name}@example.test`, way.port);
    const inbox = await box.api.waitForInbox(id, (i) => i.state === state, { timeoutMs: 60000 });
    assert.ok(reasons.includes(inbox.reason), `${name}: ${JSON.stringify(inbox)}`);
    assert.ok(inbox.remedy, name);
    if (state === 'held') {
      const asked = Date.now();
      const { status, body } = await box.api.call('POST', `/v1/inboxes/${id}/probe`);
      assert.deepEqual([status, body.code, body.remedy], [409, 'cannot_prove', inbox.remedy], name);
      assert.match(body.detail, new RegExp(`held: ${inbox.reason}`));
      assert.ok(Date.now() - asked < 5000, `${name}: it took ${Date.now() - asked} ms`);
    }
    assert.doesNotMatch(way.heard, /AUTHENTICATE|LOGIN|sandbox-password|c2FuZGJveC1wYXNzd29yZA|SELECT|EXAMINE/i, name);
  }
});

test('where the port of TLS does not answer, the other one is tried, offered, and works', async (t) => {
  const other = net.createServer((s) => {
    const inner = net.connect(box.dovecot.imap, '127.0.0.1');
    s.pipe(inner).pipe(s);
    for (const one of [s, inner]) one.on('error', () => { s.destroy(); inner.destroy(); });
  });
  const refused = await new Promise((done) => { other.on('error', done).listen(143, elsewhere, () => done(null)); });
  if (refused) return t.skip(`port 143 cannot be listened on here: ${refused.code}`);
  atEnd(() => other.close());
  const address = 'cut@example.test';
  const ask = (imap) => box.api.post('/v1/inboxes', { address, password, imap: { host: elsewhere, ...imap } });
  const { connect_link_id: id } = await ask({ port: 993 });
  const failed = await box.api.waitForLink(id, { timeoutMs: 60000 });
  assert.deepEqual([failed.state, failed.problem], ['failed', 'port_unreachable'], JSON.stringify(failed));
  const { offers } = await until('the offer', async () => {
    const link = await box.api.get(`/v1/connect-links/${id}`);
    return link.offers ? link : null;
  }, { timeoutMs: 30000 });
  assert.deepEqual(offers, { port: 143, security: 'starttls' });
  const again = await ask(offers);
  const settled = await box.api.waitForLink(again.connect_link_id, { timeoutMs: 60000 });
  assert.deepEqual([settled.state, settled.inbox_id, settled.offers], ['connected', failed.inbox_id, null], JSON.stringify(settled));
  await box.api.waitForInbox(settled.inbox_id, (i) => i.state === 'live', { timeoutMs: 60000 });
});

test('every event is as its schema describes it', () => allAsDescribed(box));
