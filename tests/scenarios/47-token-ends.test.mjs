// An access token ends: before that another session, with a fresh token, has taken over, and nothing that came in between is lost
// or told twice.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

const lifeS = 24;
let box, ada, outs;
before(async () => {
  box = await startSandbox({ accessTtl: lifeS, settings: { 'ingest.proof': '1s', 'gate.freshness': '10s' } });
  ada = await box.connect('ada@example.test');
  outs = await box.register(Array.from({ length: 40 }, (_, i) => ({ inboxId: ada.id, inbox: ada.address, prospect: `p${i}@example.test` })));
});
after(endAll);

test('the session is replaced before its token ends, and every reply is told once', async () => {
  const timeline = async () => (await box.api.get(`/v1/inboxes/${ada.id}/timeline?limit=1000`)).lines;
  const mails = [];
  const lines = await until('the session to be replaced', async () => {
    if (mails.length < outs.length - 1) {
      mails.push(humanReply(outs[mails.length]));
      await box.deliver(ada.address, mails.at(-1));
    }
    const now = await timeline();
    return now.some((l) => l.code === 'renewed') && now;
  }, { timeoutMs: 2000 * lifeS, everyMs: 500 });
  mails.push(humanReply(outs.at(-1)));
  await box.deliver(ada.address, mails.at(-1));

  const [live, renewed] = ['live', 'renewed'].map((code) => Date.parse(lines.findLast((l) => l.code === code).at));
  assert.ok(renewed - live < 1000 * lifeS, `it watched for ${renewed - live} ms`);
  for (const mail of mails)
    await box.engine.waitFor(`the event of ${mail.id}`, (e) => isOf(e, mail), { timeoutMs: 30000 });
  const replies = (await box.api.events({ limit: 1000 })).filter((e) => e.type === 'reply.received');
  assert.equal(replies.length, mails.length);
  assert.ok(replies.every((e) => e.data.recovered === false), 'none had to be made up');
  assert.deepEqual(await box.api.get(`/v1/inboxes/${ada.id}/gaps`), []);
  assert.deepEqual((await timeline()).filter((l) => ['over', 'bye', 'token_refused', 'backing_off', 'not_renewed'].includes(l.code)), []);
});

// what the server saw of somebody's sessions, in its order: 'in' and 'out'
const sessions = (address) => fs.readFileSync(box.dovecot.log, 'utf8').split('\n').flatMap((l) => {
  if (l.includes(`Login: user=<${address}>`)) return ['in'];
  return l.includes(`imap(${address})`) && /Disconnected|Logged out/.test(l) ? ['out'] : [];
});

test('several are replaced one by one, and none is without a session for a moment', async () => {
  const addresses = ['bea', 'cem', 'dan', 'eli', 'fay'].map((n) => `${n}@example.test`);
  const inboxes = await Promise.all(addresses.map((a) => box.connect(a)));
  const watched = await Promise.all(inboxes.map((i) => until(`${i.address} to be replaced`, async () => {
    const { lines } = await box.api.get(`/v1/inboxes/${i.id}/timeline?limit=1000`);
    const [live, renewed] = ['live', 'renewed'].map((code) => lines.findLast((l) => l.code === code));
    assert.ok(!lines.some((l) => ['over', 'bye', 'token_refused', 'backing_off', 'not_renewed'].includes(l.code)), JSON.stringify(lines));
    return renewed && Date.parse(renewed.at) - Date.parse(live.at);
  }, { timeoutMs: 4000 * lifeS, everyMs: 500 })));
  assert.ok(Math.max(...watched) - Math.min(...watched) > 300, `they were replaced together: ${watched}`);
  for (const address of addresses) {
    const seen = sessions(address);
    // the login that tells whether one gets in is over when the first worker begins, and is not counted
    let open = 0;
    for (const [i, what] of seen.entries()) {
      open += what === 'in' ? 1 : -1;
      assert.ok(open > 0 || i + 1 === seen.length, `${address}: ${seen}`);
    }
    assert.ok(seen.filter((x) => x === 'in').length >= 2, `${address}: ${seen}`);
  }
});
