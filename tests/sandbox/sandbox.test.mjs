// The sandbox's own parts: if these fail, no scenario can be believed.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { makeCa } from './ca.mjs';
import { Browser, theForm } from './consent.mjs';
import { password, startDovecot } from './dovecot.mjs';
import { checkedAgain, Engine } from './engine.mjs';
import { startFaultProxy } from './faultproxy.mjs';
import { Imap } from './imap.mjs';
import { deliver } from './lmtp.mjs';
import { bounce, humanReply, newId } from './mails.mjs';
import { startOidc } from './oidc.mjs';
import { endAll, workdir } from './proc.mjs';

let ca, oidc, dovecot;
const anna = 'anna@example.test';

before(async () => {
  const dir = workdir();
  ca = await makeCa(path.join(dir, 'ca'));
  oidc = await startOidc({ redirectUris: ['http://127.0.0.1:9/callback'] });
  dovecot = await startDovecot({ dir: path.join(dir, 'dc'), cert: await ca.issue('mail'), oidcPort: oidc.port });
});
after(endAll);

const token = async (form) => {
  const res = await fetch(oidc.tokenUrl, { method: 'POST', body: new URLSearchParams(form), headers: {
    authorization: `Basic ${Buffer.from(`${oidc.client.id}:${oidc.client.secret}`).toString('base64')}` } });
  return { status: res.status, body: await res.json() };
};

test('Dovecot takes a token of the OAuth server, and refuses one that was withdrawn', async () => {
  const minted = await oidc.mint(anna);
  const c = await Imap.open({ port: dovecot.imaps, ca: ca.pem });
  await c.bearer(anna, minted.access_token);
  c.close();
  await oidc.revoke(anna);
  assert.equal((await token({ grant_type: 'refresh_token', refresh_token: minted.refresh_token })).body.error,
    'invalid_grant');
});

test('a refresh token is rotated, and its second use ends the grant', async () => {
  const { refresh_token: first } = await oidc.mint('rot@example.test');
  const second = await token({ grant_type: 'refresh_token', refresh_token: first });
  assert.equal(second.status, 200);
  assert.notEqual(second.body.refresh_token, first);
  assert.equal((await token({ grant_type: 'refresh_token', refresh_token: first })).status, 400);
  assert.equal((await token({ grant_type: 'refresh_token', refresh_token: second.body.refresh_token })).status, 400);
});

test('the authorize endpoint insists on PKCE', async () => {
  const q = new URLSearchParams({ client_id: oidc.client.id, redirect_uri: 'http://127.0.0.1:9/callback',
    response_type: 'code', scope: oidc.scope, login_hint: anna, state: 's', prompt: 'consent' });
  const res = await fetch(`${oidc.authorizeUrl}?${q}`, { redirect: 'manual' });
  const back = new URL(res.headers.get('location'));
  assert.equal(back.searchParams.get('error'), 'invalid_request');
  await assert.rejects(new Browser().open(back.href), 'nobody listens at the redirect URI here');
});

test('a fault can be ordered for the next token request', async () => {
  oidc.failNext({ status: 503, body: { error: 'temporarily_unavailable' }, headers: { 'retry-after': '7' } });
  assert.equal((await token({ grant_type: 'refresh_token', refresh_token: 'x' })).status, 503);
  assert.equal((await token({ grant_type: 'refresh_token', refresh_token: 'x' })).status, 400);
});

test('a delivered mail is in the mailbox, and looking changes nothing', async () => {
  const to = 'look@example.test';
  const out = { id: newId('out'), inbox: to, prospect: 'p@example.test', subject: 'Hi' };
  const mail = humanReply(out);
  await deliver(dovecot.lmtp, { to, raw: mail.raw });
  await dovecot.save(to, dovecot.junk, bounce(out).raw);
  const c = await Imap.open({ port: dovecot.imaps, ca: ca.pem, user: to, password });
  const [only] = (await c.mails('INBOX')).values();
  assert.equal(only.messageId, mail.id);
  assert.equal(only.flags, '');
  const first = await c.snapshot();
  assert.equal(first.split('\n').length, 2);
  assert.equal(await c.snapshot(), first);
  c.close();
});

test('Dovecot comes back on the same ports with its mail', async () => {
  const to = 'again@example.test';
  await deliver(dovecot.lmtp, { to, raw: 'Subject: kept\n\n.hi\n' });
  await dovecot.restart();
  const c = await Imap.open({ port: dovecot.imaps, ca: ca.pem, user: to, password });
  assert.equal((await c.mails('INBOX')).size, 1);
  c.close();
});

test('the engine verifies with the official library and answers as told', async () => {
  const engine = await Engine.start();
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  engine.expectSecret(secret);
  const body = JSON.stringify({ id: 'e1', type: 'reply.received' });
  const now = new Date();
  const post = (signature) => fetch(engine.url, { method: 'POST', body, headers: { 'webhook-id': 'e1',
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)), 'webhook-signature': signature } });
  const good = new Webhook(secret).sign('e1', now, body);
  assert.equal((await post(good)).status, 204);
  assert.equal((await post('v1,AAAA')).status, 401);
  engine.answerNext({ status: 500 });
  assert.equal((await post(good)).status, 500);
  assert.deepEqual(engine.records.map((r) => r.verified), [true, false, true]);
  assert.equal(engine.accepted.length, 1);
  assert.equal(await engine.allCheckedAgain(), 2);
  await engine.stop();
});

test('the second check of signatures takes what is good, and nothing else', async () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`, other = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
  const signed = ({ by = secret, id = 'e1', body = '{"text":"zw\u00f6lf \u{1F44D}"}', ageS = 0, header = (s) => s } = {}) => {
    const at = new Date(Date.now() - ageS * 1000);
    return { secret, body, headers: { 'webhook-id': id, 'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': header(new Webhook(by).sign(id, at, body)) } };
  };
  const rows = [
    ['as it is', signed(), 'good 1'],
    ['the second of two', signed({ header: (s) => `v1,AAAA ${s}` }), 'good 2'],
    ['an empty body', signed({ body: '' }), 'good 1'],
    ['another body', { ...signed(), body: '{}' }, 'bad: none of 1'],
    ['another secret', signed({ by: other }), 'bad: none of 1'],
    ['another version', signed({ header: (s) => s.replace('v1,', 'v1a,') }), 'bad: none of 1'],
    ['no version', signed({ header: (s) => s.slice(3) }), 'bad: a signature without'],
    ['of yesterday', signed({ ageS: 86400 }), 'bad: the timestamp'],
    ['of tomorrow', signed({ ageS: -86400 }), 'bad: the timestamp'],
    ['a dot in the id', signed({ id: 'e.1' }), 'bad: webhook-id'],
    ['a key that is too short', { ...signed(), secret: `whsec_${Buffer.alloc(8).toString('base64')}` }, 'bad: the key has 8'],
    ['no secret of ours', { ...signed(), secret: 'hunter2' }, 'bad: the secret'],
  ];
  const said = await checkedAgain(rows.map(([, delivery]) => delivery));
  assert.equal(said.length, rows.length);
  rows.forEach(([name, , want], i) => assert.ok(said[i].startsWith(want), `${name}: ${said[i]}`));
});

test('the proxy cuts, keeps silent and heals', async () => {
  const proxy = await startFaultProxy(dovecot.imaps);
  const open = () => Imap.open({ port: proxy.port, ca: ca.pem, user: 'prox@example.test', password });
  const c = await open();
  proxy.kill('rst');
  await assert.rejects(c.cmd('NOOP'));
  proxy.faults = { refuse: true };
  await assert.rejects(open());
  proxy.heal();
  (await open()).close();
  await proxy.stop();
});

test('the browser reads a form as a browser does', () => {
  const form = theForm('<form method="post" action="/x/start"><input type=hidden name="a" value="1&amp;2">'
    + '<button>Go</button></form>', 'http://h/x');
  assert.equal(form.url, 'http://h/x/start');
  assert.equal(form.method, 'POST');
  assert.equal(form.fields.get('a'), '1&2');
});
