// An inbox loses its consent, and gets it back: it is the same inbox, what came meanwhile is made up, and at no
// moment in between may a follow-up go out.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect } from '../sandbox/consent.mjs';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';

let box, ada;
before(async () => {
  // proofs stay fresh for the whole test: it is not their age that closes the gate
  box = await startSandbox({ settings: { 'gate.freshness': '300s' } });
  ada = await box.connect('ada@example.test');
});
after(endAll);

// the answers of a prospect's gate, from now until stop(), the one that is true then included:
// what was said, without repeats
function watchGate(prospect) {
  const said = [];
  let over = false;
  const look = async () => {
    const gate = await box.api.gate(prospect);
    const word = `${gate.state} ${gate.reason}`.trim();
    if (said.at(-1) !== word) said.push(word);
  };
  const done = (async () => {
    do await look(); while (!over); // one question after the other
  })();
  return { begun: look, stop: async () => { over = true; await done; await look(); return said; } };
}

test('a reconnect keeps the inbox, and the gate stays shut until all is made up', async () => {
  const [answered, silent] = await box.register(['pat@example.test', 'sam@example.test'].map((prospect) =>
    ({ inboxId: ada.id, inbox: ada.address, prospect })));
  await box.api.waitForGate(answered.prospect, 'open');
  const before = await box.api.get(`/v1/inboxes/${ada.id}`);

  await box.oidc.revoke(ada.address);
  await box.dovecot.restart(); // a new login needs a new token
  await box.api.waitForInbox(ada.id, (i) => i.state === 'reauth_required', { timeoutMs: 60000 });
  await until('the gate to say so', async () => (await box.api.gate(answered.prospect)).reason === 'inbox_unwatched');
  const gates = [watchGate(answered.prospect), watchGate(silent.prospect)];
  await Promise.all(gates.map((g) => g.begun()));
  const reply = humanReply(answered);
  await box.deliver(ada.address, reply); // nobody looks

  // another account is not this inbox: refused, and nothing has changed
  const invited = await box.api.post('/v1/connect-links', { provider: 'sandbox', address: ada.address });
  box.oidc.loginAs('eve@example.test');
  const page = await connect(invited.url);
  box.oidc.loginAs(null);
  assert.equal(page.status, 200);
  const refused = await box.api.waitForLink(invited.id);
  assert.deepEqual([refused.state, refused.problem], ['failed', 'wrong_account']);
  assert.ok(refused.remedy);
  assert.equal((await box.api.get(`/v1/inboxes/${ada.id}`)).state, 'reauth_required');

  const back = await box.connect(ada.address);
  assert.equal(back.id, ada.id, 'the inbox keeps its id');
  assert.ok(back.folders.length >= before.folders.length);
  const { event } = await box.engine.waitFor('the reply', (e) => isOf(e, reply), { timeoutMs: 30000 });
  assert.equal(event.data.inbox.id, ada.id);
  await box.api.waitForGate(silent.prospect, 'open', { timeoutMs: 30000 });
  const [first, second] = await Promise.all(gates.map((g) => g.stop()));
  // shut from the beginning to the answer; "provisional" and "inbox_behind" may be too short to be seen
  assert.equal(first[0], 'unknown inbox_unwatched');
  assert.equal(first.at(-1), 'closed replied');
  assert.ok(!first.some((word) => word.startsWith('open')), first.join(', '));
  // and the other one opens once, at the end
  assert.deepEqual(second.filter((word) => word === 'open'), ['open'], second.join(', '));
  assert.equal(second.at(-1), 'open');
  assert.equal(second[0], 'unknown inbox_unwatched');
  // the history goes on where it was
  await until('the timeline to tell of both times', async () =>
    (await box.api.get(`/v1/inboxes/${ada.id}/timeline?limit=1000`)).lines.filter((l) => l.code === 'live').length >= 2);
});

test('every event is as its schema describes it', () => allAsDescribed(box));
