// Support asks what a mail is: the program says it offline, as it would behind an inbox.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { bareId, bounce, humanReply, newId, outOfOffice } from '../sandbox/mails.mjs';
import { run } from '../sandbox/proc.mjs';
import { binary } from '../sandbox/replyd.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'replyd-classify-'));
after(() => fs.rmSync(folder, { recursive: true }));

const out = { id: newId('out'), inbox: 'rep@example.test', prospect: 'ann@example.test', subject: 'An idea' };
const classify = (args, input) => run([binary(), 'classify', ...args], { input });
const file = (name, mail) => {
  const at = path.join(folder, name);
  fs.writeFileSync(at, mail.raw);
  return at;
};

test('a line of JSON for each file, in order', async () => {
  const files = [file('human.eml', humanReply(out)), file('away.eml', outOfOffice(out)), file('gone.eml', bounce(out))];
  const r = await classify(['--json', ...files]);
  assert.equal(r.code, 0, r.stderr);
  const said = r.stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(said.map((s) => s.file), files);
  assert.deepEqual(said.map((s) => s.kind), ['reply', 'auto_reply.out_of_office', 'bounce.hard']);
  assert.equal(said[0].new_text, 'Thursday at ten would be fine. Shall I call you?');
  assert.equal(said[0].outbound_message_id, bareId(out.id));
  assert.equal(said[1].new_text, null, 'what a machine wrote is nobody\'s words');
  assert.equal(said[2].bounce.recipients[0].address, out.prospect);
  assert.equal(said[2].bounce.recipients[0].status, '5.1.1');
  assert.equal(said[2].bounce.original_message_id, bareId(out.id));
  assert.ok(said.every((s) => s.evidence.length > 0), 'each says why');
});

test('the span of the new text is where it stands in the whole', async () => {
  const { stdout } = await classify(['--json'], humanReply(out, { text: 'Oui, à jeudi.' }).raw);
  const said = JSON.parse(stdout);
  assert.match(stdout, /"confidence":0\.\d{1,4},/);
  const whole = Buffer.from(said.text.full);
  assert.equal(said.file, undefined);
  assert.deepEqual(said.text.spans.filter((s) => s.kind === 'new').map((s) => whole.subarray(s.start, s.end).toString()), ['Oui, à jeudi.']);
});

test('days are relative to when it came', async () => {
  const away = ['From: ann@example.test', 'Subject: Automatic reply: An idea', 'Auto-Submitted: auto-replied', '',
    'I am out of the office and back on 14 September.'].join('\r\n');
  const day = async (at) => JSON.parse((await classify(['--json', '--received-at', at], away)).stdout).return_at;
  assert.equal(await day('2026-09-01T08:00:00Z'), '2026-09-14');
  assert.equal(await day('2027-09-01T08:00:00Z'), '2027-09-14');
});

test('what a person wants, when, and whom to ask instead', async () => {
  const at = ['--json', '--received-at', '2026-09-14T08:00:00Z'];
  const said = async (text) => JSON.parse((await classify(at, humanReply(out, { text }).raw)).stdout);
  const later = await said('Not the right moment, please try again in November.');
  assert.deepEqual([later.intent, later.followup_at, later.lang], ['not_now', '2026-11-01', 'en']);
  const other = await said('Dafür ist Frau Kurz zuständig (kurz@example.test), bitte wenden Sie sich an sie.');
  assert.deepEqual([other.intent, other.contact, other.lang], ['referral', { name: 'Frau Kurz', email: 'kurz@example.test' }, 'de']);
  const stop = await said('Merci de me retirer de votre liste.');
  assert.equal(stop.intent, 'unsubscribe');
  assert.ok(stop.evidence.some((e) => e.rule === 'unsubscribe.fr' && e.source === 'text'), 'the rule is named');
  assert.equal((await said('Please remove me from CC.')).intent, 'neutral', 'a person who says that is no opt-out');
});

test('a text by itself is the body of an answer', async () => {
  const said = JSON.parse((await classify(['--text', '--json'], 'Yes please.\n\nOn Mon, 3 Mar 2025 at 10:12, Ann <ann@example.test> wrote:\n> hello\n')).stdout);
  assert.equal(said.new_text, 'Yes please.');
});

test('people read it, and are told why', async () => {
  const r = await classify(['--explain'], bounce(out).raw);
  assert.match(r.stdout, /^KIND +bounce\.hard, \d+ % sure$/m);
  assert.match(r.stdout, /^BECAUSE +\S+ \((header|dsn|text|subject)\): /m);
});

test('what cannot be read is named', async () => {
  const gone = await classify([path.join(folder, 'none.eml')]);
  assert.equal(gone.code, 66);
  assert.match(gone.stderr, /none\.eml: No such file/);
  const when = await classify(['--received-at', 'yesterday'], 'x');
  assert.equal(when.code, 64);
  assert.match(when.stderr, /--received-at: .*2026/);
  const inside = await classify([folder]);
  assert.equal(inside.code, 74, 'a folder is no mail');
});

test('bytes that are no mail are still answered', async () => {
  for (const input of ['', '\0\xff\xfe', 'x'.repeat(3 << 20), `Content-Type: multipart/mixed; boundary=a\r\n\r\n${'--a\r\n\r\n'.repeat(5000)}`]) {
    const r = await classify(['--json'], input);
    assert.equal(r.code, 0, r.stderr);
    assert.ok(JSON.parse(r.stdout).kind);
  }
});

test('rules of a folder take the place of the built-in ones, without a rebuild', async () => {
  const rules = fs.mkdtempSync(path.join(folder, 'rules-'));
  const mail = humanReply(out, { text: 'jIHvaD yIQoy.' }).raw.replace(/^Subject: .*$/m, 'Subject: Klingon away: An idea');
  const asked = () => classify(['--json', '--set', `classify.rules=${rules}`], mail);
  const none = await asked();
  assert.equal(none.code, 78);
  assert.match(none.stderr, /no table of rules is there/);

  fs.writeFileSync(path.join(rules, 'words.tsv'), 'subject\tabsence\tstrong\tsubject.away.tlh\tklingon away:\n');
  const said = JSON.parse((await asked()).stdout);
  assert.equal(said.kind, 'auto_reply.out_of_office');
  assert.ok(said.evidence.some((e) => e.rule === 'subject.away.tlh'));

  fs.writeFileSync(path.join(rules, 'words.tsv'), 'subject\tabsence\tmaybe\tsubject.away.tlh\tklingon away:\n');
  const wrong = await asked();
  assert.equal(wrong.code, 78);
  assert.match(wrong.stderr, /words\.tsv.*1.*maybe/);
});
