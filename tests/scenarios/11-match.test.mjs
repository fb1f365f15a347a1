// Answers that name no Message-ID of ours: by whom they come from, their subject, the address they were sent to.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { humanReply, isOf, newId } from '../sandbox/mails.mjs';
import { endAll } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';

let box, ada, outs;
const subject = 'Pallets for the new hall';

before(async () => {
  box = await startSandbox({ settings: { 'ingest.proof': '2s' } });
  ada = await box.connect('ada@example.test');
  const one = (prospect, more) => ({ inboxId: ada.id, inbox: ada.address, prospect, subject, ...more });
  outs = await box.register([
    one('pat@north.test', { subject }),
    one('kim@south.test', { replyToken: 'Zx81-Token' }),
    one('lee@east.test'),
    one('sam@west.test'),
    one('uma@hill.test', { finalId: '<given.by.provider@mx.test>' }),
    one('ben@vale.test', { links: ['https://go.example.test/c/ben-1a2b3c', 'https://go.example.test/u/for-everybody'] }),
    one('zoe@dale.test', { links: ['https://go.example.test/u/for-everybody'] }),
  ]);
});
after(endAll);

const threadless = (out, more = {}) => humanReply(out, { references: [], inReplyTo: null, ...more });

async function told(mail) {
  await box.deliver(ada.address, mail);
  const { event } = await box.engine.waitFor('its event', (e) => isOf(e, mail), { timeoutMs: 60000 });
  const [best] = event.data.matches;
  return [event.data.prospect.address, best.method, best.relation, event.data.gate.level];
}

test('a reply without thread headers is found by whom it is from, and its subject', async () => {
  assert.deepEqual(await told(threadless(outs[0])), ['pat@north.test', 'from_subject', 'same', 3]);
});

test('a reply from elsewhere is found by the token in the address it was sent to', async () => {
  const out = { ...outs[1], inbox: 'ada+zx81-token@example.test' };
  assert.deepEqual(await told(threadless(out, { from: 'kim.home@gmail.com' })), ['kim@south.test', 'reply_token', 'unknown', 3]);
});

test('somebody else of the company is found by the subject, and said to be a colleague', async () => {
  assert.deepEqual(await told(threadless(outs[2], { from: 'office@east.test' })), ['lee@east.test', 'company_subject', 'colleague', 3]);
});

test('an opt-out that only its sender speaks for closes the gate as an answer does', async () => {
  const mail = threadless({ ...outs[3], subject: 'No more mails' }, { text: 'Please unsubscribe me from your list.' });
  assert.deepEqual(await told(mail), ['sam@west.test', 'from', 'same', 3]);
});

test('a reply to the Message-ID that the provider gave is found by it', async () => {
  const out = outs[4];
  assert.deepEqual((await told(humanReply(out, { inReplyTo: out.finalId, references: [out.finalId] }))).slice(0, 2),
    ['uma@hill.test', 'in_reply_to']);
});

test('a mail that was passed on to somebody else is found by the Message-ID that its text quotes', async () => {
  const mail = threadless({ ...outs[5], subject: 'what came in' }, { from: 'desk@elsewhere.test', id: newId('passed'),
    text: `Ours, I think.\n\n> From: ${ada.address}\n> Message-ID: ${outs[5].id}\n` });
  assert.deepEqual(await told(mail), ['ben@vale.test', 'body_id', 'unknown', 3]);
});

test('an answer under another name and subject is found by the link it quotes, in a page that shows it under other words', async () => {
  const mail = threadless({ ...outs[5], subject: 'Again' }, { from: 'ben.at.home@gmail.com' });
  mail.raw = mail.raw.replace('text/plain', 'text/html').replace('> Hello,',
    '<a href="https://gate.test/?url=https%3A%2F%2Fgo.example.test%2Fc%2Fben-1a2b3c&amp;data=5">Our halls</a>');
  assert.deepEqual(await told(mail), ['ben@vale.test', 'body_link', 'unknown', 3]);
});

test('what only its sender speaks for is known better by what its text quotes', async () => {
  const mail = threadless({ ...outs[5], subject: 'No more mails' }, { text: 'Please unsubscribe me from your list. https://go.example.test/c/ben-1a2b3c' });
  assert.deepEqual(await told(mail), ['ben@vale.test', 'body_link', 'same', 5]);
  const { data } = (await box.api.events()).find((e) => isOf(e, mail));
  assert.deepEqual(data.matches.map((m) => m.method), ['body_link', 'from']);
  assert.equal(data.matches[0].evidence, 'Its text has the link of the sent mail, go.example.test/c/ben-1a2b3c');
});

test('a link that two prospects were sent says nothing; one that is registered late says it then', async () => {
  const many = threadless({ ...outs[6], subject: 'Who is this' }, { from: 'any@elsewhere.test', text: 'https://go.example.test/u/for-everybody' });
  const early = threadless({ ...outs[6], subject: 'Who is that' }, { from: 'any@elsewhere.test', text: 'https://go.example.test/c/late-4d5e6f' });
  await box.deliver(ada.address, many);
  await box.deliver(ada.address, early);
  await told(humanReply(outs[6])); // comes after both
  await box.register([{ inboxId: ada.id, inbox: ada.address, prospect: 'max@lawn.test', subject, links: ['http://GO.example.test/c/late-4d5e6f'] }]);
  const { event } = await box.engine.waitFor('its event', (e) => isOf(e, early), { timeoutMs: 60000 });
  assert.deepEqual([event.data.prospect.address, event.data.matches[0].method, event.data.recovered], ['max@lawn.test', 'body_link', true]);
  assert.equal((await box.api.events()).some((e) => isOf(e, many)), false);
});

test('our own mail that comes back from a list, and a newsletter of the prospect, concern nobody', async () => {
  const echo = humanReply(outs[0], { id: outs[0].id, from: 'list@lists.test' });
  const letter = threadless(outs[0], { id: newId('letter') });
  letter.raw = `List-Id: <news.north.test>\r\n${letter.raw}`;
  await box.deliver(ada.address, echo);
  await box.deliver(ada.address, letter);
  await told(humanReply(outs[2])); // comes after both
  const feed = await box.api.events();
  for (const mail of [echo, letter]) assert.equal(feed.some((e) => isOf(e, mail)), false);
});

test('a colleague with nothing else to say whom he means speaks for the prospect where the workspace wants it, from then on', async () => {
  const of = (prospect) => ({ inboxId: ada.id, inbox: ada.address, prospect, subject });
  const set = (word) => box.replyd.cli('workspace', 'match-company', 'sandbox', word, '--data', box.replyd.data);
  const [before] = await box.register([of('ida@lake.test')]);
  assert.equal((await set('on')).code, 0);
  const [wanted] = await box.register([of('eva@moor.test')]);
  assert.equal((await set('maybe')).code, 64);
  const by = (out) => threadless({ ...out, subject: 'Our new address' }, { from: out.prospect.replace(/^.../, 'office') });
  const unheard = by(before);
  await box.deliver(ada.address, unheard);
  assert.deepEqual(await told(by(wanted)), ['eva@moor.test', 'company', 'colleague', 3]);
  assert.equal((await box.api.events()).some((e) => isOf(e, unheard)), false);
});

test('every event is as its schema describes it', () => allAsDescribed(box));
