// An inbox is let go: nobody watches it any more, its consent is revoked at the provider, nothing of its secrets is
// left, and no follow-up goes out to the people it wrote to.  Who comes back finds all of it again.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Imap } from '../sandbox/imap.mjs';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';

let box;
before(async () => { box = await startSandbox(); });
after(endAll);

const introspect = async (token) => (await fetch(`${box.oidc.issuer}/token/introspection`, { method: 'POST',
  headers: { authorization: `Basic ${Buffer.from('dovecot:dovecot-secret').toString('base64')}`,
    'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams({ token }) })).json();
// does the mail server take this access token?
const opens = async (user, token) => {
  const c = await Imap.open({ port: box.dovecot.imaps, ca: box.ca.pem });
  try {
    await c.bearer(user, token);
    return true;
  } catch {
    return false;
  } finally { c.close(); }
};
const gone = (id) => until('the removal to be over', async () => {
  const { removal } = await box.api.get(`/v1/inboxes/${id}`);
  return removal?.ended_at ? removal : null;
});
const left = (id) => insideOf(box.replyd).psql(`select (select count(*) from replyd.inbox_grant where inbox_id = '${id}')
  + (select count(*) from replyd.access_token where inbox_id = '${id}')
  + (select count(*) from replyd.token_request where inbox_id = '${id}')`);

test('consent is taken back at the provider, and nothing is left', async () => {
  const ada = await box.connect('ada@example.test');
  const bea = await box.connect('bea@example.test');
  const [hers, other] = await box.register([ada, bea].map((inbox, i) =>
    ({ inboxId: inbox.id, inbox: inbox.address, prospect: `p${i}@example.test` })));
  await box.api.waitForGate(hers.prospect, 'open');
  const tokens = [...box.oidc.issued('AccessToken'), ...box.oidc.issued('RefreshToken')];
  const active = await Promise.all(tokens.map(introspect));
  const ofAda = tokens.filter((_, i) => active[i].active && active[i].sub === ada.address);
  assert.ok(ofAda.length >= 2, JSON.stringify(active));
  const access = box.oidc.issued('AccessToken').filter((token) => ofAda.includes(token));
  assert.ok(await opens(ada.address, access.at(-1)));

  const r = await box.api.call('DELETE', `/v1/inboxes/${ada.id}`);
  assert.deepEqual([r.status, r.body.id], [202, ada.id]);
  const gate = await box.api.gate(hers.prospect);
  assert.deepEqual([gate.state, gate.reason], ['unknown', 'inbox_unwatched']);
  assert.deepEqual([(await gone(ada.id)).state, await left(ada.id)], ['revoked', '0']);
  for (const token of ofAda) assert.equal((await introspect(token)).active, false);
  for (const token of access) assert.equal(await opens(ada.address, token), false);

  // told once; the worker has let go; a mail that comes now is nobody's
  const { event } = await box.engine.waitFor('the event', (e) => e.type === 'inbox.removed');
  assert.deepEqual([event.data.inbox_id, event.data.removal.state], [ada.id, 'revoked']);
  await box.api.waitForInbox(ada.id, (i) => i.state === 'unwatched', { timeoutMs: 30000 });
  await box.api.waitForGate(other.prospect, 'open'); // the others do not notice
  const [reply, next] = [humanReply(hers), humanReply(other)];
  await box.deliver(ada.address, reply);
  await box.deliver(bea.address, next);
  await box.engine.waitFor('the reply to the other', (e) => isOf(e, next), { timeoutMs: 30000 });
  const replies = (await box.api.events()).filter((e) => e.type === 'reply.received');
  assert.deepEqual(replies.map((e) => isOf(e, next)), [true]);
  assert.equal((await box.api.gate(hers.prospect)).reason, 'inbox_unwatched');
  // its history is kept, the list does without it, and once more is no mistake
  assert.ok((await box.api.get(`/v1/inboxes/${ada.id}/timeline`)).lines.some((l) => l.code === 'removed'));
  assert.ok(!(await box.api.get('/v1/inboxes')).some((i) => i.id === ada.id));
  assert.equal((await box.api.call('DELETE', `/v1/inboxes/${ada.id}`)).status, 200);
  assert.equal((await box.api.get(`/v1/inboxes/${bea.id}`)).state, 'live');
  // and who comes back has all of it again: what came meanwhile is made up before anything may be sent
  const again = await box.connect('ada@example.test');
  assert.deepEqual([again.id, again.admin_state, again.removal], [ada.id, 'enabled', null]);
  await box.engine.waitFor('the reply', (e) => isOf(e, reply), { timeoutMs: 30000 });
  assert.deepEqual([(await box.api.gate(hers.prospect)).state, (await box.api.gate(hers.prospect)).reason], ['closed', 'replied']);
  // as often as they like
  assert.equal((await box.api.call('DELETE', `/v1/inboxes/${ada.id}`)).status, 202);
  assert.equal((await gone(ada.id)).state, 'revoked');
  await until('the second event', async () =>
    (await box.api.events()).filter((e) => e.type === 'inbox.removed').length === 2);
});

test('a provider that refuses keeps no secret alive with us', async () => {
  const cal = await box.connect('cal@example.test');
  box.oidc.failNext({ path: '/token/revocation', status: 400, body: { error: 'unsupported_token_type' }, times: 1 });
  const out = await box.replyd.cli('inbox', 'disconnect', cal.address, '--data', box.replyd.data, '--json');
  assert.equal(out.code, 0, out.stderr);
  assert.deepEqual(JSON.parse(out.stdout).removal, { state: 'failed', reason: 'refused' });
  assert.equal(await left(cal.id), '0');
  box.oidc.failNoMore();
});

test('nor does one where nobody answers', async () => {
  const fay = await box.connect('fay@example.test');
  box.oidc.failNext({ path: '/token/revocation', status: 0, times: 1000 });
  assert.equal((await box.api.call('DELETE', `/v1/inboxes/${fay.id}`)).status, 202);
  const waits = await until('it to be asked again later', async () => {
    const { removal } = await box.api.get(`/v1/inboxes/${fay.id}`);
    return removal.reason && removal;
  });
  assert.deepEqual([waits.state, waits.reason, waits.ended_at], ['asked', 'provider_down', null]);
  // a quarter of an hour has passed
  const over = await until('the last time', async () => {
    await insideOf(box.replyd).psql(`update replyd.removal set tries = 8, due_at = now()
      where inbox_id = '${fay.id}' and state = 'asked' and claim_id is null; notify replyd_removal`);
    const { removal } = await box.api.get(`/v1/inboxes/${fay.id}`);
    return removal.ended_at && removal;
  });
  assert.deepEqual([over.state, over.reason, await left(fay.id)], ['failed', 'provider_down', '0']);
  box.oidc.failNoMore();
});

test('an app password has nothing to revoke, and is gone too', async () => {
  const dan = await box.connectByPassword('dan@example.test');
  const out = await box.replyd.cli('inbox', 'disconnect', dan.id, '--data', box.replyd.data);
  assert.equal(out.code, 0, out.stderr);
  assert.match(out.stdout, /disconnected; at the provider: nothing/);
  assert.equal(await left(dan.id), '0');
});

test('it takes the right of connecting, and its own workspace', async () => {
  const eve = await box.connect('eve@example.test');
  const reader = await box.replyd.key(box.workspace, '--scopes', 'read');
  assert.equal((await box.api.call('DELETE', `/v1/inboxes/${eve.id}`, undefined, { authorization: `Bearer ${reader}` })).status, 403);
  const { api } = await box.replyd.workspace('elsewhere');
  assert.equal((await api.call('DELETE', `/v1/inboxes/${eve.id}`)).status, 404);
  assert.equal((await box.api.call('DELETE', '/v1/inboxes/nonsense')).status, 404);
  assert.equal((await box.api.get(`/v1/inboxes/${eve.id}`)).admin_state, 'enabled');
});

test('every event is as its schema describes it', () => allAsDescribed(box));
