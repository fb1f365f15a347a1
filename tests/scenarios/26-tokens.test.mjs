// Access tokens where they are used: a worker's that a real server refuses is refreshed once by force before anybody
// is asked, and a sender gets one for itself, whatever the broker is doing.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Api } from '../sandbox/api.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll, sleep, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';

let box, db, ada, sender;
before(async () => {
  box = await startSandbox();
  db = insideOf(box.replyd);
  ada = await box.connect('ada@example.test');
  sender = new Api(box.replyd.base, await box.replyd.key(box.workspace, '--scopes', 'read,token'));
});
after(endAll);

const ask = (inbox, api = sender) => api.call('POST', `/v1/inboxes/${inbox.id}/access-token`);
const refreshes = (since) => box.oidc.seen.slice(since).filter((s) => s.grantType === 'refresh_token');
const handouts = (what) => db.psql(`select ${what} from replyd.handout`);
const runsOut = (inbox) => db.psql(`update replyd.access_token set expires_at = now() + interval '30 s',
  obtained_at = now() - interval '59 min' where inbox_id = '${inbox.id}'`);

// what the provider says of a token
async function isGood(token) {
  const r = await fetch(`${box.oidc.issuer}/token/introspection`, { method: 'POST', body: new URLSearchParams({ token }),
    headers: { authorization: `Basic ${btoa('dovecot:dovecot-secret')}` } });
  return (await r.json()).active;
}

test('a sender gets a token that works, and only with the scope for it', async () => {
  const no = await ask(ada, box.api);
  assert.deepEqual([no.status, no.body.code], [403, 'forbidden'], no.text);
  const { status, body, headers } = await ask(ada);
  assert.equal(status, 200);
  assert.match(headers.get('cache-control'), /no-store/);
  assert.equal(await isGood(body.access_token), true);
  assert.equal(body.login_name, ada.address);
  assert.ok(Date.parse(body.expires_at) > Date.now() + 120000);
  // what stays is a receipt: who, when, which; not the token
  assert.equal(await handouts("count(*) || ' ' || min(state) || ' ' || bool_and(sealed is null)"), '1 taken true');
  const line = await until('the timeline to tell of it', async () => (await box.api.get(`/v1/inboxes/${ada.id}/timeline`)).lines
    .find((l) => l.code === 'token_handed_out'));
  assert.equal(JSON.stringify(line).includes(body.access_token), false);
});

test('many at once cost one refresh, and get the same', async () => {
  const seen = box.oidc.seen.length;
  await runsOut(ada);
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask(ada)));
  assert.deepEqual(answers.map((a) => a.status), Array(8).fill(200));
  assert.equal(new Set(answers.map((a) => a.body.access_token)).size, 1);
  assert.equal(refreshes(seen).length, 1);
});

test('an app password is not handed out', async () => {
  const bob = await box.connectByPassword('bob@example.test');
  const { status, body } = await ask(bob);
  assert.deepEqual([status, body.code], [409, 'is_password']);
});

test('a broker that is away for a moment is waited for; longer, and the sender is told', async () => {
  const [broker] = box.replyd.pids('broker');
  process.kill(broker, 'SIGSTOP');
  const soon = ask(ada);
  await until('it to be asked for', async () => await handouts("count(*) filter (where state = 'asked')") === '1');
  process.kill(broker, 'SIGCONT');
  assert.equal((await soon).status, 200);

  process.kill(broker, 'SIGSTOP');
  const began = performance.now();
  const never = await ask(ada);
  assert.deepEqual([never.status, never.body.code], [504, 'token_not_in_time']);
  assert.ok(performance.now() - began > 14000);
  process.kill(broker, 'SIGCONT');
  // it looks, and seals nothing for somebody who has gone
  await until('it to look', async () => await handouts("count(*) filter (where state = 'late')") === '1');
  assert.equal(await handouts('count(sealed)'), '0');
  assert.equal((await ask(ada)).status, 200);
});

test('a kill -9 of the broker costs a sender a moment', async () => {
  await runsOut(ada);
  box.oidc.failNext({ delayMs: 500, status: 0 });
  const seen = box.oidc.seen.length;
  const one = ask(ada);
  await until('the provider to be asked', () => refreshes(seen).length === 1);
  await box.replyd.crash('broker');
  await db.psql("update replyd.inbox_grant set claimed_at = claimed_at - interval '1 hour' where claim_id is not null");
  const { status, body } = await one;
  assert.equal(status, 200);
  assert.equal(await isGood(body.access_token), true);
});

test('a token that the server refuses is refreshed once by force, and nobody is asked', async () => {
  await box.api.waitForInbox(ada.id, (i) => i.state === 'live');
  const seen = box.oidc.seen.length;
  const version = Number(await db.psql(`select version from replyd.access_token where inbox_id = '${ada.id}'`));
  box.oidc.expire(ada.address);
  await box.dovecot.restart(); // a new login, with a token that is good by our books
  await until('a token by force', () => refreshes(seen).length === 1, { timeoutMs: 60000 });
  await until('ada to be let in', async () => (await box.api.get(`/v1/inboxes/${ada.id}`)).state === 'live'
    && await db.psql("select count(*) from replyd.token_request") === '0', { timeoutMs: 60000 });
  assert.deepEqual(refreshes(seen).map((s) => s.status), [200]);
  assert.equal(await db.psql(`select version || ' ' || reason from replyd.inbox_grant where inbox_id = '${ada.id}'`),
    `${version + 1} refused_by_server`);
  assert.deepEqual((await box.api.events({ limit: 1000 })).filter((e) => e.type === 'inbox.reauth_required'), []);
});

test('refused, and the provider refuses to refresh: one try, then the verdict, for workers and senders', async () => {
  const eve = await box.connect('eve@example.test');
  const seen = box.oidc.seen.length;
  await box.oidc.revoke(eve.address);
  await box.dovecot.restart();
  const { event } = await box.engine.waitFor('the event', (e) => e.type === 'inbox.reauth_required', { timeoutMs: 60000 });
  assert.deepEqual([event.data.inbox_id, event.data.reason], [eve.id, 'invalid_grant']);
  const { body, status } = await ask(eve);
  assert.deepEqual([status, body.code], [409, 'reauth_required']);
  await sleep(2500);
  assert.deepEqual(refreshes(seen).map((s) => s.status), [400]);
});

test('every event is as its schema describes it', () => allAsDescribed(box));
