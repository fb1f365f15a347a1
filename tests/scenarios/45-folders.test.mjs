// Wherever a reply lands: Junk, a folder that a rule files into, the trash, a folder with another name by now, or one
// whose mails were numbered anew while we were away.  Each is told once.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { humanReply, isOf, newId, outboundCopy } from '../sandbox/mails.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';

let box, ada, outs;
before(async () => {
  box = await startSandbox({ settings: { 'ingest.proof': '2s', 'gate.freshness': '10s', 'provider.sandbox.sweep': '3s',
    'ingest.manual_grace': '5s' } });
  ada = await box.connect('ada@example.test');
  outs = await box.register(Array.from({ length: 8 }, (_, i) =>
    ({ inboxId: ada.id, inbox: ada.address, prospect: `p${i}@example.test` })));
});
after(endAll);

const eventOf = (mail) => box.engine.waitFor(`the event of ${mail.id}`, (e) => isOf(e, mail), { timeoutMs: 60000 })
  .then((r) => r.event);
const toldOnce = async (mails) => {
  const feed = await box.api.events();
  for (const mail of mails) assert.equal(feed.filter((e) => isOf(e, mail)).length, 1, mail.id);
};
const doveadm = async (...args) => {
  const r = await box.dovecot.doveadm(args);
  assert.equal(r.code, 0, r.stderr);
};
const folders = async () => {
  const rows = await insideOf(box.replyd).psql('select wire_name, role, seen_by, uid_gated from replyd.folder order by 1');
  return new Map(rows.split('\n').map((l) => l.split('|')).map(([name, role, by, uid]) => [name, { role, by, uid: Number(uid) }]));
};

test('a reply in Junk, in a folder of a rule, and in the trash', async () => {
  await doveadm('mailbox', 'create', '-u', ada.address, 'Customers', 'Customers/Answers');
  const where = [[box.dovecot.junk, 'junk'], ['Customers/Answers', 'other'], ['Trash', 'other']];
  const mails = where.map((_, i) => humanReply(outs[i]));
  for (const [i, [folder]] of where.entries()) await box.dovecot.save(ada.address, folder, mails[i].raw);
  for (const [i, [, role]] of where.entries()) {
    const event = await eventOf(mails[i]);
    assert.equal(event.type, 'reply.received');
    assert.equal(event.data.inbox.folder_role, role);
    assert.equal(event.data.recovered, false);
    assert.equal((await box.api.waitForGate(outs[i].prospect, 'closed')).reason, 'replied');
  }
  await toldOnce(mails);
  const all = await folders();
  assert.equal(all.get('Customers/Answers').by, 'sweep');
  assert.equal(all.get('INBOX').by, 'push');
});

test('a mail sent by hand is told, once; the copy of one that was registered is not', async () => {
  await box.dovecot.save(ada.address, 'Sent', outboundCopy(outs[4]));
  await box.dovecot.save(ada.address, 'Sent', outboundCopy({ ...outs[3], id: '<by-hand.1@example.test>', subject: 'What I forgot to say' }));
  const sent = await until('Sent to be read', async () => {
    const row = (await folders()).get('Sent');
    return row?.uid >= 1 ? row : null;
  }, { timeoutMs: 30000 });
  assert.equal(sent.role, 'sent');
  const { event } = await box.engine.waitFor('the mail by hand', (e) => e.type === 'outbound.manual', { timeoutMs: 60000 });
  assert.equal(event.data.prospect.address, outs[3].prospect);
  assert.equal(event.data.message.message_id, 'by-hand.1@example.test');
  assert.notEqual((await box.api.gate(outs[3].prospect)).state, 'closed');
  const manual = (await box.api.events()).filter((e) => e.type === 'outbound.manual');
  assert.deepEqual(manual.map((e) => e.id), [event.id]);
});

test('a folder that is renamed is followed, and its old mails stay told', async () => {
  const before = (await box.api.events()).filter((e) => e.data.message).length;
  await doveadm('mailbox', 'rename', '-u', ada.address, 'Customers/Answers', 'Filed');
  const mail = humanReply(outs[4]);
  await box.dovecot.save(ada.address, 'Filed', mail.raw);
  assert.equal((await eventOf(mail)).data.inbox.folder_role, 'other');
  await until('the new name to be known', async () => (await folders()).has('Filed'));
  assert.equal((await box.api.events()).filter((e) => e.data.message).length, before + 1);
});

test('a mail that is moved is the same mail', async () => {
  const mail = humanReply(outs[5]);
  await box.deliver(ada.address, mail);
  await eventOf(mail);
  const { uid } = (await folders()).get('Filed');
  await doveadm('move', '-u', ada.address, 'Filed', 'mailbox', 'INBOX', 'HEADER', 'Message-ID', mail.id);
  await until('it to be seen there', async () => (await folders()).get('Filed').uid > uid, { timeoutMs: 30000 });
  await toldOnce([mail]);
});

test('an outbound that is registered late finds the reply that a rule filed away', async () => {
  const late = { id: newId('late'), inbox: ada.address, subject: 'Late', prospect: 'late@example.test' };
  const mail = humanReply(late);
  const { uid } = (await folders()).get('Filed');
  await box.dovecot.save(ada.address, 'Filed', mail.raw);
  await until('it to be passed over', async () => (await folders()).get('Filed').uid > uid, { timeoutMs: 30000 });
  await box.register([{ ...late, inboxId: ada.id }]);
  const event = await eventOf(mail);
  assert.equal(event.data.recovered, true);
  assert.equal(event.data.inbox.folder_role, 'other');
});

test('UIDVALIDITY changed while we were away: old mail fires nothing, new mail is recovered', async () => {
  const old = (await box.api.events()).filter((e) => e.data.message);
  const mails = [humanReply(outs[6]), humanReply(outs[7])];
  await box.dovecot.stop();
  box.dovecot.leave(ada.address, 'INBOX', mails[0].raw);
  box.dovecot.leave(ada.address, box.dovecot.junk, mails[1].raw);
  box.dovecot.renumber(ada.address, 'INBOX');
  box.dovecot.renumber(ada.address, box.dovecot.junk);
  await box.dovecot.start();
  for (const mail of mails) assert.equal((await eventOf(mail)).data.recovered, true);
  await box.api.waitForGate(outs[6].prospect, 'closed');
  const now = (await box.api.events()).filter((e) => e.data.message);
  assert.equal(now.length, old.length + mails.length);
  await toldOnce(mails);
});

test('every event is as its schema describes it', () => allAsDescribed(box));
