// Domains in letters of their own: one mailbox and one person, whichever way they are written, from
// connecting to the match.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { endAll } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

const spelt = 'Eva@Bücher.test', plain = 'eva@xn--bcher-kva.test';
let box, id;
before(async () => { box = await startSandbox({ settings: { 'ingest.proof': '2s', 'gate.freshness': '10s' } }); });
after(endAll);

test('an inbox is connected by its address as people write it', async () => {
  const link = await box.api.post('/v1/inboxes', { address: spelt, password: 'sandbox-password',
    imap: { host: 'localhost', port: box.dovecot.imap, security: 'starttls' } });
  id = await box.api.waitForLinkInbox(link.connect_link_id);
  const inbox = await box.api.waitForInbox(id, (i) => i.state === 'live', { timeoutMs: 60000 });
  assert.equal(inbox.address, plain);
});

test('a prospect is known by either spelling, in the mail and in the question', async () => {
  const outs = await box.register([
    { inboxId: id, inbox: plain, prospect: 'anna@Müller.test', key: undefined },
    { inboxId: id, inbox: plain, prospect: 'otto@xn--mller-kva.test', key: undefined },
  ]);
  await box.api.waitForGate('Anna@müller.test', 'open');
  const mails = [humanReply(outs[0], { from: 'anna@xn--mller-kva.test' }),
    humanReply(outs[1], { from: 'Otto@MÜLLER.test' })];
  for (const mail of mails) await box.deliver(plain, mail);
  for (const [i, mail] of mails.entries()) {
    const { event } = await box.engine.waitFor('the answer', (e) => isOf(e, mail), { timeoutMs: 30000 });
    assert.equal(event.data.prospect.address, ['anna', 'otto'][i] + '@xn--mller-kva.test');
  }
  for (const asked of ['anna@müller.test', 'ANNA@xn--mller-kva.test', 'otto@müller.test'])
    assert.deepEqual([asked, (await box.api.gate(asked)).reason], [asked, 'replied']);
});

test('what the inbox itself wrote is no answer, however it writes its own address', async () => {
  const [out] = await box.register([{ inboxId: id, inbox: plain, prospect: 'kim@example.test' }]);
  const own = humanReply(out, { from: spelt });
  await box.deliver(plain, own);
  const behind = await box.register([{ inboxId: id, inbox: plain, prospect: 'lee@example.test' }]);
  const reply = humanReply(behind[0]);
  await box.deliver(plain, reply);
  await box.engine.waitFor('the answer behind it', (e) => isOf(e, reply), { timeoutMs: 30000 });
  assert.equal((await box.api.gate(out.prospect)).state, 'open');
  assert.equal((await box.api.events()).some((e) => e.type === 'reply.received' && isOf(e, own)), false);
});
