// The IMAP server restarted: reconnect with back-off, and the mail that came meanwhile is found.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box, ada;
before(async () => {
  box = await startSandbox({ settings: { 'ingest.proof': '2s', 'gate.freshness': '6s' } });
  ada = await box.connect('ada@example.test');
});
after(endAll);

test('mail delivered while the server was away', async () => {
  const outs = await box.register([0, 1, 2].map((i) => ({ inboxId: ada.id, inbox: ada.address, prospect: `p${i}@example.test` })));
  await box.api.waitForGate(outs[0].prospect, 'open');
  await box.dovecot.stop();
  const [inbox, junked] = [humanReply(outs[0]), humanReply(outs[1])];
  box.dovecot.leave(ada.address, 'INBOX', inbox.raw);
  box.dovecot.leave(ada.address, box.dovecot.junk, junked.raw);
  // Blind, and it says so: nobody may be written to, although no answer is known.
  const gate = await box.api.waitForGate(outs[2].prospect, 'unknown');
  assert.equal(gate.reason, 'inbox_behind');
  assert.ok(gate.observed_through);
  await until('the worker to have tried more than once', () =>
    (fs.readFileSync(box.replyd.log, 'utf8').match(/"event":"imap\.over"/g) ?? []).length >= 2, { timeoutMs: 30000 });
  await box.dovecot.start();
  for (const mail of [inbox, junked])
    await box.engine.waitFor(`the event of ${mail.id}`, (e) => isOf(e, mail), { timeoutMs: 60000 });
  assert.equal((await box.api.waitForGate(outs[2].prospect, 'open')).reason, '');
});
