// Webhooks and IMAP hosts cannot be aimed at internal addresses, however they are written, and the
// refusal says so.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createServer as createHttp } from 'node:http';
import net from 'node:net';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { tellerOf } from '../sandbox/tell.mjs';

// every way to write "this machine" or its network that a resolver or a URL parser may understand
const disguises = ['127.0.0.1', 'localhost', '0.0.0.0', '::1', '::',
  '::ffff:127.0.0.1', '::ffff:7f00:1', '64:ff9b::7f00:1', '2002:7f00:1::', '169.254.169.254', '10.0.0.1', 'fd00:ec2::254',
  'fe80::1'];
// and what is neither a name nor an address, but would be taken for one
const numbers = ['127.1', '2130706433', '0x7f.1', '0177.0.0.1'];

let box, trap, touched = 0;
before(async () => {
  // whoever is dialled here was reached
  trap = net.createServer((s) => { touched += 1; s.destroy(); });
  await new Promise((done) => { trap.listen(0, '::', done); });
  box = await startSandbox({ withReplyd: false });
  box.replyd.settings['net.allow'] = '';
  await box.replyd.start();
  Object.assign(box, await box.replyd.workspace('outside'));
});
after(async () => { trap?.close(); await endAll(); });

test('an IMAP host that leads inside is refused with the reason', async () => {
  const { port } = trap.address();
  for (const host of disguises) {
    const r = await box.api.call('POST', '/v1/inboxes', { address: 'inbox@example.test', password: 'not-a-secret', imap: { host, port } });
    assert.deepEqual([r.status, r.body.code, r.body.field], [400, 'bad_field', '/imap/host'], `${host}: ${r.text}`);
    assert.match(r.body.detail, /may be dialled/, host);
    assert.match(r.body.remedy, /net\.allow/, host);
  }
  assert.equal(touched, 0);
});

test('and where it leads there later, the worker refuses it', async () => {
  const { port } = trap.address();
  await box.replyd.stop();
  box.replyd.settings['net.allow'] = '127.0.0.0/8 ::1/128';
  await box.replyd.start();
  const inboxes = [];
  for (const [i, host] of ['127.0.0.1', 'localhost', '::1'].entries()) {
    const link = await box.api.post('/v1/inboxes', { address: `inbox${i}@example.test`, password: 'not-a-secret', imap: { host, port } });
    inboxes.push(await box.api.waitForLinkInbox(link.connect_link_id));
  }
  await box.replyd.stop();
  box.replyd.settings['net.allow'] = '';
  await box.replyd.start();
  for (const id of inboxes) {
    const inbox = await box.api.waitForInbox(id, (x) => x.reason === 'host_refused', { timeoutMs: 60000 });
    assert.match(inbox.detail, /net\.allow/);
    assert.doesNotMatch(inbox.detail, /127\.0|::1/);
  }
  const before = touched;
  for (const id of inboxes) await box.api.waitForInbox(id, (x) => x.state === 'backing_off');
  assert.equal(touched, before);
});

test('a number is no name of a host', async () => {
  for (const host of numbers) {
    const inbox = await box.api.call('POST', '/v1/inboxes', { address: 'inbox@example.test', password: 'not-a-secret', imap: { host } });
    assert.deepEqual([inbox.status, inbox.body.field], [400, '/imap/host'], host);
    const endpoint = await box.api.call('POST', '/v1/endpoints', { url: `https://${host}/hook` });
    assert.deepEqual([endpoint.status, endpoint.body.field], [400, '/url'], host);
  }
});

const tell = (address) => tellerOf(box.replyd, box.id)([{ type: 'inbox.connected', data: { address } }]);

const hookAt = (host) => `https://${host.includes(':') ? `[${host}]` : host}:${trap.address().port}/hook`;
const allowing = async (networks) => {
  await box.replyd.stop();
  box.replyd.settings['net.allow'] = networks;
  await box.replyd.start();
};

test('an endpoint that leads inside is refused when it is given', async () => {
  for (const host of disguises) {
    const r = await box.api.call('POST', '/v1/endpoints', { url: hookAt(host) });
    assert.deepEqual([r.status, r.body.field], [400, '/url'], `${host}: ${r.text}`);
  }
});

test('an endpoint that leads inside is not posted to', async () => {
  const endpoints = new Map();
  // given while it might be
  await allowing('0.0.0.0/0 ::/0');
  for (const host of disguises)
    endpoints.set((await box.api.post('/v1/endpoints', { url: hookAt(host), types: ['inbox.connected'] })).id, host);
  await allowing('');
  // by way of an event that all of them want: no inbox can be connected from here
  const before = touched;
  await tell('last@example.test');
  const event = await until('the event', async () => (await box.api.events())
    .find((e) => e.data.address === 'last@example.test'));
  const refused = await until('every endpoint to have its attempt', async () => {
    const { attempts } = await box.api.get(`/v1/events/${event.id}`);
    return new Set(attempts.map((a) => a.endpoint_id)).size === endpoints.size && attempts;
  }, { timeoutMs: 60000 });
  for (const a of refused) {
    assert.equal(a.outcome, 'not_allowed', `${endpoints.get(a.endpoint_id)}: ${a.outcome} ${a.detail}`);
    assert.match(a.detail, /net\.allow/);
  }
  assert.equal(touched, before);
});

test('a redirect is an answer, not a way inside', async () => {
  const inside = [];
  const server = createHttp((req, res) => {
    inside.push(req.url);
    res.writeHead(307, { location: `http://127.0.0.1:${server.address().port}/inside` });
    res.end();
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  await allowing('127.0.0.0/8');
  const endpoint = await box.api.post('/v1/endpoints', { url: `http://127.0.0.1:${server.address().port}/hook`,
    types: ['inbox.connected'] });
  await tell('again@example.test');
  const events = await until('the post', async () => inside.length > 0 && box.api.events());
  const { attempts } = await until('its receipt', async () => {
    const e = await box.api.get(`/v1/events/${events.at(-1).id}`);
    return e.attempts.some((a) => a.endpoint_id === endpoint.id) && e;
  });
  assert.equal(attempts.find((a) => a.endpoint_id === endpoint.id).status, 307);
  assert.deepEqual([...new Set(inside)], ['/hook']);
  server.close();
  server.closeAllConnections();
});
