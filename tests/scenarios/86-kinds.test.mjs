// What machines, lists and calendars send to a real mailbox: each kind tells its event or none, and closes its gate or none.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, test } from 'node:test';
import { bareId, humanReply, isOf, newId } from '../sandbox/mails.mjs';
import { endAll } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';

let box, ada, outs;
const names = ['arf', 'jmrp', 'optout', 'calendar', 'counter', 'receipt', 'delayed', 'list', 'forged', 'notspam'];
before(async () => {
  box = await startSandbox({ settings: { 'ingest.proof': '2s' } });
  ada = await box.connect('ada@example.test');
  const all = await box.register(names.map((name) => ({ inboxId: ada.id, inbox: ada.address, prospect: `${name}@client.test`,
    subject: `About the ${name} hall`, replyToken: `${name}-token` })));
  outs = Object.fromEntries(names.map((name, i) => [name, all[i]]));
});
after(endAll);

const date = new Date().toUTCString().replace('GMT', '+0000');
const mail = (head, body, stem = 'kind') => {
  const id = newId(stem);
  return { id, envelopeFrom: '', raw: `${[...head, `Date: ${date}`, `Message-ID: ${id}`, 'MIME-Version: 1.0', ...body].join('\r\n')}\r\n` };
};
const parts = (type, list) => {
  const mark = `kinds-${crypto.randomBytes(6).toString('hex')}`;
  return [`Content-Type: ${type}; boundary="${mark}"`, '', ...list.flatMap(([part, ...lines]) => [`--${mark}`, `Content-Type: ${part}`, '', ...lines, '']),
    `--${mark}--`];
};
// what was sent, as reports return it
const returned = (out, more = []) => [...more, `From: ${out.inbox}`, `To: ${out.prospect}`, `Subject: ${out.subject}`, `Message-ID: ${out.id}`, '',
  'Hello, would a quarter of an hour suit you?'];

const feedback = (out, type, original = returned(out)) => mail(
  ['From: Feedback <fbl@provider.test>', `To: ${out.inbox}`, `Subject: FW: ${out.subject}`],
  parts('multipart/report; report-type=feedback-report', [
    ['text/plain', 'This is an e-mail abuse report.'],
    ['message/feedback-report', `Feedback-Type: ${type}`, 'User-Agent: Loop/1.0', 'Version: 1', `Original-Rcpt-To: ${out.prospect}`],
    ['message/rfc822', ...original],
  ]));
// Hotmail forwards the mail as it was, and says to whom in a field of its own
const jmrp = (out) => mail(
  ['From: staff@hotmail.com', `To: ${out.inbox}`, 'Subject: complaint about message from 192.0.2.1'],
  parts('multipart/mixed', [['message/rfc822', ...returned(out, [`X-HmXmrOriginalRecipient: ${out.prospect}`])]]));
const invitation = (out, method, partstat, start) => mail(
  [`From: Pat <${out.prospect}>`, `To: ${out.inbox}`, `Subject: Accepted: ${out.subject}`, `In-Reply-To: ${out.id}`],
  parts('multipart/alternative', [
    ['text/plain', 'Pat has answered your invitation.'],
    [`text/calendar; method=${method}; charset=utf-8`, 'BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//kinds//', `METHOD:${method}`, 'BEGIN:VEVENT',
      'UID:kinds-1', `ORGANIZER:mailto:${out.inbox}`, `ATTENDEE;PARTSTAT=${partstat}:mailto:${out.prospect}`, 'DTSTAMP:20261123T080000Z',
      `DTSTART:${start}`, 'SUMMARY:A talk', 'END:VEVENT', 'END:VCALENDAR'],
  ]));
const receipt = (out) => mail(
  [`From: <${out.prospect}>`, `To: ${out.inbox}`, `Subject: Read: ${out.subject}`],
  parts('multipart/report; report-type=disposition-notification', [
    ['text/plain', 'Your message was read.'],
    ['message/disposition-notification', 'Reporting-UA: mail.client.test', `Final-Recipient: rfc822;${out.prospect}`,
      `Original-Message-ID: ${out.id}`, 'Disposition: manual-action/MDN-sent-manually; displayed'],
  ]));
const delayed = (out) => mail(
  ['From: Mail Delivery System <mailer-daemon@mx.test>', `To: ${out.inbox}`, 'Subject: Delivery delayed', 'Auto-Submitted: auto-replied'],
  parts('multipart/report; report-type=delivery-status', [
    ['text/plain', 'Your mail is late. We are still trying.'],
    ['message/delivery-status', 'Reporting-MTA: dns; mx.test', '', `Final-Recipient: rfc822; ${out.prospect}`, 'Action: delayed', 'Status: 4.4.1',
      'Diagnostic-Code: smtp; 451 4.4.1 connection timed out'],
    ['text/rfc822-headers', ...returned(out).slice(0, 4)],
  ]));
// the prospect has put the address that we wrote from on a list
const newsletter = (out) => ({ ...mail(
  [`From: News <${out.prospect}>`, `To: ${out.inbox.replace('@', `+${out.replyToken}@`)}`, 'Subject: What is new in November',
    'List-Id: <news.client.test>', 'List-Unsubscribe: <https://client.test/u/1>', 'Precedence: bulk'],
  ['Content-Type: text/plain; charset=utf-8', '', 'Three new halls, and a discount until Friday.']), envelopeFrom: 'news@client.test' });

const told = async (m) => (await box.engine.waitFor('its event', (e) => isOf(e, m), { timeoutMs: 60000 })).event;

const rows = [
  ['a complaint in the standard form', 'arf', (o) => feedback(o, 'abuse'), 'complaint.received', 'complaint', 'closed complained', 'dsn_original'],
  ['a complaint as Hotmail forwards it', 'jmrp', jmrp, 'complaint.received', 'complaint', 'closed complained', 'dsn_original'],
  ['an opt-out by the button of a provider', 'optout', (o) => feedback(o, 'opt-out'), 'reply.unsubscribe', 'complaint', 'closed unsubscribed', 'dsn_original'],
  ['an accepted invitation', 'calendar', (o) => invitation(o, 'REPLY', 'ACCEPTED', '20261201T090000Z'), 'reply.received', 'calendar_reply',
    'closed replied', 'in_reply_to'],
  ['another time is proposed', 'counter', (o) => invitation(o, 'COUNTER', 'TENTATIVE', '20261202T100000Z'), 'reply.received', 'calendar_reply',
    'closed replied', 'in_reply_to'],
  ['a read receipt', 'receipt', receipt, 'reply.auto', 'read_receipt', 'open ', 'dsn_original'],
  ['a mail server that is still trying', 'delayed', delayed, 'bounce.delayed', 'bounce.delayed', 'open ', 'dsn_original'],
  ['a newsletter to the address that was written from', 'list', newsletter, 'reply.auto', 'list_mail', 'open ', 'reply_token'],
  ['a report that says it is no spam', 'notspam', (o) => feedback(o, 'not-spam'), 'reply.auto', 'auto_reply.other', 'open ', 'dsn_original'],
];
for (const [name, who, make, type, kind, gate, method] of rows)
  test(name, async () => {
    const m = make(outs[who]);
    await box.deliver(ada.address, m);
    const event = await told(m);
    assert.deepEqual([event.type, event.data.kind, event.data.matches[0].method], [type, kind, method]);
    assert.equal(event.data.outbound.message_id, bareId(outs[who].id));
    const [state, reason] = gate.split(' ');
    assert.equal((await box.api.waitForGate(`${who}@client.test`, state)).reason, reason);
  });

test('what those events say beside their kind', async () => {
  const of = (who) => box.engine.accepted.find((e) => e.data.prospect?.key === `${who}@client.test`)?.data;
  assert.deepEqual([of('arf').complaint.type, of('arf').complaint.recipient], ['abuse', 'arf@client.test']);
  assert.equal(of('jmrp').complaint.recipient, 'jmrp@client.test');
  assert.deepEqual(of('calendar').calendar, { answer: 'accepted', starts_at: '2026-12-01T09:00:00Z' });
  assert.equal(of('counter').calendar.answer, 'counter');
  assert.equal(of('delayed').bounce.reason === null, false);
});

test('a complaint that returns no mail of ours, and a newsletter that names none, concern nobody', async () => {
  const foreign = { ...outs.forged, id: newId('foreign'), replyToken: 'nobody-token' };
  const strangers = [feedback(foreign, 'abuse'), newsletter(foreign), delayed(foreign)];
  for (const m of strangers) await box.deliver(ada.address, m);
  const last = humanReply(outs.forged); // comes after them
  await box.deliver(ada.address, last);
  await told(last);
  const feed = await box.api.events();
  for (const m of strangers) assert.equal(feed.some((e) => isOf(e, m)), false);
  assert.equal((await box.api.gate('forged@client.test')).reason, 'replied');
});

test('every event is as its schema describes it', () => allAsDescribed(box));
