// What a mailbox is sent: commands that read, and no others, ever.  The inbox shows all of them, and the
// dialogues with a real server have none beside.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { endAll, unprivileged, until, workdir } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

// nothing of RFC 9051 that changes a mailbox, a message or a flag
const reading = new Set(['CAPABILITY', 'STARTTLS', 'AUTHENTICATE', 'LOGIN', 'ID', 'NAMESPACE', 'LIST', 'EXAMINE', 'STATUS',
  'UID SEARCH', 'UID FETCH', 'NOOP', 'IDLE', 'LOGOUT', 'ENABLE', 'NOTIFY']);

const nobody = unprivileged();
let box, ada, raw;
before(async () => {
  raw = workdir();
  if (nobody) fs.chownSync(raw, nobody.uid, nobody.gid);
  box = await startSandbox({ settings: { 'ingest.rawlog_dir': raw, 'ingest.rawlog_all': 'on', 'ingest.proof': '2s' } });
  ada = await box.connect('ada@example.test');
});
after(endAll);

// every line that was said to the server, but for the DONE of IDLE and what belongs to a command before
function said() {
  const files = fs.readdirSync(raw, { recursive: true }).map((f) => path.join(raw, f)).filter((f) => fs.statSync(f).isFile());
  return files.flatMap((f) => [...fs.readFileSync(f, 'latin1').matchAll(/^C: (r\d+) (UID \S+|\S+)(.*?)\r?$/gm)])
    .map(([, , verb, rest]) => ({ verb, rest }));
}
const answered = async (prospect) => {
  const [out] = await box.register([{ inboxId: ada.id, inbox: ada.address, prospect }]);
  const reply = humanReply(out);
  await box.deliver(ada.address, reply);
  await box.engine.waitFor('the reply', (e) => isOf(e, reply), { timeoutMs: 30000 });
};

test('an inbox tells every command that it was ever sent, and each of them only reads', async () => {
  await answered('pat@example.test');
  await box.dovecot.restart(); // another session, another look
  await answered('sam@example.test');
  const commands = await until('the audit to have what was said', async () => {
    const inbox = await box.api.get(`/v1/inboxes/${ada.id}`);
    const told = new Set(inbox.commands.map((c) => c.command));
    return [...new Set(said().map((s) => s.verb))].every((verb) => told.has(verb)) && inbox.commands;
  });
  const names = commands.map((c) => c.command);
  for (const verb of ['LIST', 'EXAMINE', 'UID FETCH', 'IDLE']) assert.ok(names.includes(verb), `${verb} of ${names}`);
  for (const c of commands) {
    assert.ok(reading.has(c.command), c.command);
    assert.ok(Date.parse(c.first_at) <= Date.parse(c.last_at) && Date.parse(c.last_at) <= Date.now() + 1000, JSON.stringify(c));
  }
  // on the wire there was nothing else, and a text is only looked at
  const lines = said();
  assert.ok(lines.length > 10, `${lines.length} commands`);
  for (const { verb, rest } of lines) {
    assert.ok(reading.has(verb), `${verb}${rest}`);
    if (verb === 'UID FETCH') assert.doesNotMatch(rest, /BODY\[|RFC822(?!\.SIZE)|BINARY\[/);
  }
  // nor has the server seen a mail read
  const flags = await box.dovecot.doveadm(['fetch', '-u', ada.address, 'flags', 'mailbox', 'INBOX']);
  assert.equal(flags.stdout.match(/^flags:/gm)?.length, 2, flags.stderr);
  assert.doesNotMatch(flags.stdout, /Seen|Flagged|Answered|Deleted/);
});

test('the command line shows them in one line', async () => {
  const out = await box.replyd.cli('inbox', 'show', ada.address, '--data', box.replyd.data);
  assert.equal(out.code, 0, out.stderr);
  assert.match(out.stdout, /^commands +.*EXAMINE, .*UID FETCH/m);
});
