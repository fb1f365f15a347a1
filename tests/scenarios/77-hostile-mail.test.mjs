// Monstrous and forged mails through the real pipeline: nothing crashes, no inbox is blocked, what
// answers an outbound closes its gate, and what is forged does no more than it may.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { bounce, humanReply, isOf, newId } from '../sandbox/mails.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

const KB = 1024, MB = 1024 * KB;
const bytes = (...parts) => Buffer.concat(parts.map((p) => (Buffer.isBuffer(p) ? p : Buffer.from(p, 'latin1'))));
const many = (n, make) => Array.from({ length: n }, (_, i) => make(i)).join('');
const junk = Buffer.from(Array.from({ length: 256 }, (_, i) => (i === 10 || i === 13 ? 1 : i)));
const noNul = junk.subarray(1);

// an answer to `out` with more header lines and any body; from and id as given
const answer = (out, { more = '', body = '\r\nyes\r\n', from = out.prospect, id = newId('odd'), first = '' }) => bytes(first,
  `From: ${from}\r\nTo: ${out.inbox}\r\nMessage-ID: ${id}\r\nIn-Reply-To: ${out.id}\r\n`, more,
  /^subject:/im.test(String(more)) ? '' : 'Subject: Re: hello\r\n', body);
const mime = (type, ...body) => ({ more: 'MIME-Version: 1.0\r\n', body: bytes(`Content-Type: ${type}\r\n\r\n`, ...body) });

const nested = (depth, close) => bytes('MIME-Version: 1.0\r\n', many(depth, (i) => `Content-Type: multipart/mixed; boundary="b${i}"\r\n\r\n--b${i}\r\n`),
  'Content-Type: text/plain\r\n\r\nso deep\r\n', close ? Array.from({ length: depth }, (_, i) => `--b${depth - 1 - i}--\r\n`).join('') : '');

const monsters = {
  'a header of 20 MB': (out) => answer(out, { more: many(20 * 1024, () => `X-Long: ${'x'.repeat(1014)}\r\n`) }),
  'a header of 48 KB before what matters': (out) => answer(out, { first: many(48, () => `X-Long: ${'x'.repeat(1014)}\r\n`) }), // LIMIT_MIME_HEAD
  'a header of 200 KB before what matters': (out) => answer(out, { first: many(200, () => `X-Long: ${'x'.repeat(1014)}\r\n`) }), // LIMIT_IMAP_HEAD
  'a header line of 2 MB': (out) => answer(out, { more: `X-Line: ${'y'.repeat(2 * MB)}\r\n` }),
  'a subject of 1 MB': (out) => answer(out, { more: `Subject: ${many(16 * KB, () => `=?utf-8?Q?${'=F0=9F=98=80'.repeat(4)}?=\r\n `)}x\r\n` }),
  '10 000 references': (out) => answer(out, { more: `References:${many(10000, (i) => `\r\n <r${i}@example.test>`)}\r\n` }),
  '2 000 references and no In-Reply-To': (out) => bytes(`From: ${out.prospect}\r\nSubject: x\r\nMessage-ID: ${newId('odd')}\r\nReferences:`,
    many(2000, (i) => `\r\n <r${i}@example.test>`), `\r\n ${out.id}\r\n\r\nyes\r\n`),
  'a From of 40 KB': (out) => answer(out, { from: `${many(1200, (i) => `"n${i}" <a${i}@example.test>,\r\n `)}${out.prospect}` }),
  '10 000 parts': (out) => answer(out, mime('multipart/mixed; boundary=b', many(10000, (i) => `--b\r\nContent-Type: text/plain\r\n\r\npart ${i}\r\n`), '--b--\r\n')),
  'nested 1000 deep': (out) => answer(out, { body: nested(1000, true) }),
  'nested 1000 deep, never closed': (out) => answer(out, { body: nested(1000, false) }),
  'mails within mails, 500 deep': (out) => answer(out, { more: 'MIME-Version: 1.0\r\n',
    body: `${many(500, (i) => `Content-Type: message/rfc822\r\n\r\nSubject: level ${i}\r\nMIME-Version: 1.0\r\n`)}\r\nend\r\n` }),
  '10 000 parameters': (out) => answer(out, mime(`text/plain${many(10000, (i) => `;\r\n name*${i}*=%41`)}`, 'yes\r\n')),
  'a boundary of 20 KB': (out) => answer(out, mime(`multipart/mixed; boundary="${'b'.repeat(20 * KB)}"`, `--${'b'.repeat(20 * KB)}\r\n\r\nyes\r\n`)),
  'a multipart without a boundary': (out) => answer(out, mime('multipart/alternative', 'yes\r\n')),
  'NULs': (out) => answer(out, { more: bytes('Subject: a\0b\r\nX-\0: \0\r\n'), body: bytes('\r\nyes\0no\r\n') }),
  'every byte, everywhere': (out) => bytes('From: ', noNul, ` <${out.prospect}>\r\nSubject: `, noNul, '\r\nMessage-ID: <', noNul, `@example.test>\r\nIn-Reply-To: ${out.id}\r\n`,
    'Content-Type: text/plain; charset="', noNul, '"\r\n\r\n', junk, '\r\n', junk),
  'invalid UTF-8': (out) => answer(out, { more: bytes('Subject: ', Buffer.from([0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0xf5]), '\r\n'),
    body: bytes('Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n', Buffer.from([0xc3, 0x28, 0xed, 0xb0, 0x80, 0xff, 0xfe, 10])) }),
  'U+0000 hidden in encoded words and base64': (out) => answer(out, { from: `=?utf-8?B?QQBC?= <${out.prospect}>`, more: 'Subject: =?utf-8?B?AAAAAA==?= =?utf-16?B?AABBAA==?=\r\n',
    body: 'Content-Type: text/plain; charset=utf-16le\r\nContent-Transfer-Encoding: base64\r\n\r\nAAB5AGUAcwAAANjYAAA=\r\n' }),
  'broken base64 in an unknown charset': (out) => answer(out, { body: 'Content-Type: text/plain; charset=x-klingon\r\nContent-Transfer-Encoding: base64\r\n\r\n@@@=A=B===\r\n\0\r\n' }),
  'an unknown encoding': (out) => answer(out, { body: 'Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode-squared\r\n\r\nbegin 644\r\n' }),
  'HTML nested 100 000 deep': (out) => answer(out, mime('text/html', '<div><blockquote>'.repeat(100000), 'yes', '<'.repeat(10000))),
  'a text of 20 MB in one line': (out) => answer(out, mime('text/plain', 'z'.repeat(20 * MB))),
  'quotes of quotes': (out) => answer(out, mime('text/plain', '>'.repeat(100000), '\r\n', many(20000, () => '> > >\r\n'))),
  'brackets in a Message-ID': (out) => answer(out, { id: `<${'<'.repeat(3000)}${'>'.repeat(3000)}@${'a.'.repeat(2000)}>` }),
  'comments in comments': (out) => answer(out, { from: `${'('.repeat(20000)} <${out.prospect}>`, more: `Date: ${'('.repeat(20000)}\r\n` }),
  'JSON, SQL and markup': (out) => answer(out, { from: `"'; drop table gate; --" <${out.prospect}>`, more: 'Subject: "}],{"a":"\\u0000\\"<script>alert(1)</script>${x}%s%n\r\n',
    body: '\r\n\\u0000 %s%n \'; select pg_sleep(9); -- </script>\r\n' }),
  'nothing but an answer': (out) => bytes(`In-Reply-To: ${out.id}\r\n\r\n`),
  'a header that never ends': (out) => bytes(`In-Reply-To: ${out.id}\r\nX: y`),
};

let box, ada, starts;
const startsNow = () => JSON.stringify(box.replyd.state.roles.map((r) => [r.role, r.n, r.starts]));
async function goesOn(who) {
  const [out] = await box.register([{ inboxId: ada.id, inbox: ada.address, prospect: who }]);
  const mail = humanReply(out);
  await box.deliver(ada.address, mail);
  await box.engine.waitFor(`the answer of ${who}`, (e) => isOf(e, mail), { timeoutMs: 60000 });
}

before(async () => {
  // Dovecot does not push every mail that comes while IDLE begins; the next proof finds it
  box = await startSandbox({ settings: { 'ingest.proof': '5s' } });
  ada = await box.connect('ada@example.test');
  starts = startsNow();
});
after(endAll);

test('monstrous mails close their gates, and those behind them are seen', async () => {
  const names = Object.keys(monsters);
  const outs = await box.register(names.map((_, i) => ({ inboxId: ada.id, inbox: ada.address, prospect: `m${i}@example.test` })));
  for (const [i, name] of names.entries()) await box.dovecot.save(ada.address, 'INBOX', monsters[name](outs[i]));
  await goesOn('first-behind@example.test');
  await until('every gate', async () => {
    const open = [];
    for (const [i, name] of names.entries()) {
      const gate = await box.api.gate(outs[i].prospect);
      if (gate.state !== 'closed' || gate.level < 2) open.push(name);
    }
    if (open.length) throw new Error(`open: ${open.join('; ')}`);
    return true;
  }, { timeoutMs: 60000, everyMs: 500 });
  const settled = await box.engine.waitFor('every event', () => names.every((_, i) => box.engine.accepted
    .some((e) => e.data.prospect?.address === outs[i].prospect)), { timeoutMs: 60000 }).catch((e) => {
    const missing = names.filter((_, i) => !box.engine.accepted.some((x) => x.data.prospect?.address === outs[i].prospect));
    throw new Error(`${e.message}: ${missing.join('; ')}`);
  });
  assert.ok(settled);
  assert.equal(startsNow(), starts, 'a role was started again');
  for (const e of box.engine.accepted) assert.ok(JSON.stringify(e).length < 256 * KB, `${e.id} is ${JSON.stringify(e).length} bytes long`);
});

// the most memory that a process ever had, in MB
const mostOf = (pid) => Number(/VmHWM:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) / KB;

test('a mail of 200 MB is told like any other, and is not held in memory', async () => {
  const [out] = await box.register([{ inboxId: ada.id, inbox: ada.address, prospect: 'huge@example.test' }]);
  const [pid] = box.replyd.pids('ingest');
  const before = mostOf(pid);
  const line = Buffer.from(`${'QUJD'.repeat(19)}\r\n`), attachment = Buffer.alloc(200 * MB, line);
  const mail = answer(out, mime('multipart/mixed; boundary=b', '--b\r\nContent-Type: text/plain\r\n\r\nyes, see the film\r\n',
    '--b\r\nContent-Type: video/mp4\r\nContent-Transfer-Encoding: base64\r\n\r\n', attachment, '\r\n--b--\r\n'));
  box.dovecot.leave(ada.address, 'INBOX', mail);
  const { event } = await box.engine.waitFor('its event', (e) => e.data.prospect?.address === out.prospect, { timeoutMs: 90000 });
  assert.equal(event.type, 'reply.received');
  await goesOn('behind-huge@example.test');
  assert.ok(mostOf(pid) - before < 64, `${before} MB before, ${mostOf(pid)} MB at the most`);
  assert.equal(startsNow(), starts, 'a role was started again');
});

test('a delivery report of a stranger, that names no mail of ours, marks no address dead', async () => {
  const [out] = await box.register([{ inboxId: ada.id, inbox: ada.address, prospect: 'alive@example.test' }]);
  await box.deliver(ada.address, bounce({ ...out, id: newId('never-sent') }));
  await goesOn('second-behind@example.test');
  const gate = await box.api.gate(out.prospect);
  assert.notEqual(gate.reason, 'bounced_hard');
  assert.equal((await box.api.events()).some((e) => e.type === 'bounce.hard' && e.data.prospect.address === out.prospect), false);
});

test('a spoofed sender opens nothing', async () => {
  const [out] = await box.register([{ inboxId: ada.id, inbox: ada.address, prospect: 'spoofed@example.test' }]);
  const real = humanReply(out);
  await box.deliver(ada.address, real);
  await box.engine.waitFor('the answer', (e) => isOf(e, real));
  const forged = humanReply(out, { from: 'Mallory <mallory@example.test>', text: 'Automatic reply: I am out of the office until 31 December 9999.' });
  await box.deliver(ada.address, { ...forged, raw: forged.raw.replace(/^Date:/m, 'Auto-Submitted: auto-replied\r\nDate:') });
  await goesOn('third-behind@example.test');
  const gate = await box.api.gate(out.prospect);
  assert.deepEqual([gate.state, gate.reason], ['closed', 'replied']);
});

test('an absence is not for ever', async () => {
  const [out] = await box.register([{ inboxId: ada.id, inbox: ada.address, prospect: 'away@example.test' }]);
  const forged = humanReply(out, { text: 'I am out of the office until 31 December 9999.' });
  await box.deliver(ada.address, { ...forged, raw: forged.raw.replace(/^Date:/m, 'Auto-Submitted: auto-replied\r\nDate:') });
  await goesOn('fourth-behind@example.test');
  const gate = await box.api.gate(out.prospect);
  assert.ok(!gate.hold_until || Date.parse(gate.hold_until) < Date.now() + 400 * 86400e3, gate.hold_until);
});

test('another workspace\'s mail is not found by its id', async () => {
  const other = await box.replyd.workspace('neighbour');
  const [out] = await box.register([{ inboxId: ada.id, inbox: ada.address, prospect: 'mine@example.test' }]);
  const mail = humanReply(out);
  await box.deliver(ada.address, mail);
  await box.engine.waitFor('the answer', (e) => isOf(e, mail));
  assert.deepEqual((await other.api.events()), []);
  assert.equal((await other.api.gate('mine@example.test')).reason, 'prospect_unknown');
});

test('nothing crashed, nobody\'s words stand in the log', () => {
  assert.equal(startsNow(), starts);
  const log = fs.readFileSync(box.replyd.log, 'utf8');
  assert.doesNotMatch(log, /AddressSanitizer|runtime error|@example\.test|script>/);
  const pg = fs.readFileSync(path.join(box.replyd.data, 'pg/postgres.log'), 'utf8');
  assert.doesNotMatch(pg, /ERROR|@example\.test/);
});
