// The main job on a second IMAP server, of other people's code: Cyrus, with an app password.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startCyrus } from '../sandbox/cyrus.mjs';
import { Imap } from '../sandbox/imap.mjs';
import { bounce, humanReply, isOf, outOfOffice, privateMail } from '../sandbox/mails.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box, ada, outs, client;
const prospects = ['pat@example.test', 'kim@example.test', 'lee@example.test', 'sam@example.test', 'uma@example.test'];
const seen = (mail) => box.engine.waitFor('its event', (e) => isOf(e, mail), { timeoutMs: 60000 });
const append = (folder, raw) => client.cmd(`APPEND "${folder}" {${Buffer.byteLength(raw)}+}\r\n${raw}`);

before(async () => {
  box = await startSandbox({ server: startCyrus, settings: { 'ingest.proof': '2s' } });
  // the first login makes the mailbox
  client = await Imap.open({ port: box.dovecot.imaps, ca: box.ca.pem, user: 'ada@example.test', password: 'any' });
  ada = await box.connectByPassword('ada@example.test');
  outs = await box.register(prospects.map((prospect) => ({ inboxId: ada.id, inbox: ada.address, prospect })));
});
after(async () => {
  client?.close();
  await endAll();
});

test('each mail becomes its event, in INBOX and in Junk, and the mailbox stays as it was', async () => {
  const private1 = privateMail(ada.address, { from: 'neighbour@example.test', subject: 'Keys', words: ['the keys'] });
  const mails = [humanReply(outs[0]), outOfOffice(outs[1]), bounce(outs[2]), private1];
  for (const mail of mails) await box.deliver(ada.address, mail);
  const junked = humanReply(outs[3]);
  await append(box.dovecot.junk, junked.raw);
  const before_ = await client.snapshot();

  const types = ['reply.received', 'reply.auto', 'bounce.hard'];
  for (const [i, type] of types.entries()) assert.equal((await seen(mails[i])).event.type, type);
  const junk = await seen(junked);
  assert.equal(junk.event.data.inbox.folder_role, 'junk');
  assert.equal((await box.api.waitForGate('pat@example.test', 'closed')).reason, 'replied');
  assert.equal((await box.api.waitForGate('sam@example.test', 'closed')).reason, 'replied');
  assert.equal((await box.api.events()).filter((e) => e.data.message).length, 4);
  assert.equal(await client.snapshot(), before_, 'no flag, no folder, no mail has changed');
});

test('how far the server counts changes is kept, so that a mailbox from a backup is noticed', async () => {
  await until('HIGHESTMODSEQ of the watched folders', async () => await insideOf(box.replyd).psql(
    "select bool_and(highestmodseq > 0) from replyd.folder where role in ('inbox', 'junk')") === 't');
});

test('the server goes away and returns: what came meanwhile is caught up, nothing is told twice', async () => {
  const before_ = (await box.api.events()).filter((e) => e.data.message).length;
  await box.replyd.crash('ingest');
  const mail = humanReply(outs[4]);
  await box.deliver(ada.address, mail);
  client.close();
  await box.dovecot.restart();
  client = await Imap.open({ port: box.dovecot.imaps, ca: box.ca.pem, user: ada.address, password: 'any' });
  assert.equal((await seen(mail)).event.type, 'reply.received');
  const answered = humanReply(outs[0], { text: 'One more thing: please bring the figures.' });
  await box.deliver(ada.address, answered);
  await seen(answered);
  assert.equal((await box.api.events()).filter((e) => e.data.message).length, before_ + 2);
});
