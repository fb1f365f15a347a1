// Our IMAP engine alone (imap_play.c) with the two real servers: everything it can ask for, and what
// they push while it idles.  What a whole replyd makes of it is for the scenarios.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { makeCa } from './ca.mjs';
import { startCyrus } from './cyrus.mjs';
import { password, startDovecot } from './dovecot.mjs';
import { Imap } from './imap.mjs';
import { endAll, until, workdir } from './proc.mjs';

const tree = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');
const program = path.join(tree, 'build', process.env.SANDBOX_MODE ?? 'debug', 'tests/sandbox/imap_play');
const mail = (n) => `From: pat@example.test\r\nTo: eve@example.test\r\nSubject: number ${n}\r\n`
  + `Message-ID: <n${n}@example.test>\r\n\r\nHello ${n}.\r\n`;

let ca;
const servers = {};
before(async () => {
  const dir = workdir();
  ca = await makeCa(path.join(dir, 'ca'));
  const cert = await ca.issue('mail');
  servers.dovecot = await startDovecot({ dir: path.join(dir, 'dc'), cert });
  servers.cyrus = await startCyrus({ dir: path.join(dir, 'cy'), cert });
});
after(endAll);

// play: { told, over }, lines of events as they come, and the exit of the program
function play(server, user, words) {
  const socket = tls.connect({ host: '127.0.0.1', port: server.imaps, servername: 'localhost',
    ca: fs.readFileSync(ca.pem) });
  const child = spawn(program, [user, password, ...words], { stdio: ['pipe', 'pipe', 'pipe'] });
  const p = { told: [], over: null };
  let rest = '';
  socket.pipe(child.stdin);
  child.stdout.pipe(socket);
  for (const s of [socket, child.stdin, child.stdout]) s.on('error', () => {});
  child.stderr.setEncoding('utf8').on('data', (d) => {
    const lines = (rest + d).split('\n');
    rest = lines.pop();
    p.told.push(...lines);
  });
  const exit = new Promise((done) => child.on('close', done));
  p.end = async () => {
    const late = setTimeout(() => child.kill(), 60000);
    p.over = await exit;
    clearTimeout(late);
    socket.destroy();
    assert.equal(p.over, 0, p.told.join('\n'));
  };
  p.until = (line) => until(line, () => {
    if (child.exitCode !== null && !p.told.some((l) => l.startsWith(line))) throw new Error(p.told.join('\n'));
    return p.told.some((l) => l.startsWith(line));
  });
  return p;
}

async function someone(server, user) {
  return Imap.open({ port: server.imaps, ca: ca.pem, user, password });
}
const append = (c, folder, n) => c.cmd(`APPEND "${folder}" {${Buffer.byteLength(mail(n))}+}\r\n${mail(n)}`);
const after_ = (p, word) => p.told.slice(p.told.indexOf(`# ${word}`) + 1);
const has = (p, what) => assert.ok(p.told.some((l) => what.test(l)), `${what} in\n${p.told.join('\n')}`);

for (const name of ['dovecot', 'cyrus']) {
  test(`${name}: folders with counters, a folder with its mails, proofs in one write`, async () => {
    const user = `eve-${name}@example.test`;
    const c = await someone(servers[name], user);
    await append(c, 'INBOX', 1);
    await append(c, 'INBOX', 2);
    const p = play(servers[name], user, ['list-status', 'examine INBOX', 'since', 'headers', 'status Sent', 'idle',
      'proof Sent|Drafts', 'proof Nowhere|Sent', 'wait EXISTS', 'end-idle', 'headers', 'proof Sent', 'logout']);
    await p.until('# wait EXISTS');
    await append(c, 'INBOX', 3);
    await p.end();
    c.close();
    has(p, /^FOLDER "INBOX" inbox$/);
    has(p, /^FOLDER ".*Sent" sent/);
    has(p, /^STATUS INBOX messages=2 uidnext=3 uidvalidity=\d+ modseq=\d+$/);
    has(p, /^EXAMINED uidvalidity=\d+ uidnext=3 exists=2 modseq=\d+$/);
    has(p, /^LOWEST_UID 1 found=2$/);
    assert.equal(p.told.filter((l) => /^MESSAGE uid=.* header="From: pat/.test(l)).length, 5);
    assert.deepEqual(after_(p, 'proof Sent|Drafts').slice(0, 4).map((l) => l.replace(/ messages.*/, '')),
      ['STATUS Sent', 'STATUS Drafts', 'PROVEN ok', 'IDLING']);
    assert.match(after_(p, 'proof Nowhere|Sent').slice(0, 3).join(), /^STATUS Sent .*,PROVEN refused=0x1 .*,IDLING$/);
    assert.match(after_(p, 'proof Sent').slice(0, 3).join(), /^STATUS Sent .*,PROVEN ok,DONE PROOF ok$/);
    assert.equal(p.told.filter((l) => /^(ODD|FAILED|BYE|REFUSED)/.test(l)).join(), '');
    assert.equal(p.told.at(-1), 'DONE LOGOUT ok');
  });

  test(`${name}: what vanished while we were away, and while we watch`, async () => {
    const user = `kim-${name}@example.test`;
    const c = await someone(servers[name], user);
    for (const n of [1, 2, 3, 4]) await append(c, 'INBOX', n);
    const first = play(servers[name], user, ['examine INBOX', 'logout']);
    await first.end();
    const [, uidvalidity, modseq] = /uidvalidity=(\d+) .* modseq=(\d+)/.exec(first.told.join('\n'));
    const expunge = async (uid) => {
      await c.cmd('SELECT INBOX');
      await c.cmd(`UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`);
      await c.cmd(`UID EXPUNGE ${uid}`);
    };
    await expunge(2);
    await expunge(4);
    const p = play(servers[name], user, [`known ${uidvalidity}/${modseq}/INBOX`, 'idle', 'wait VANISHED',
      'end-idle', 'logout']);
    await p.until('# wait VANISHED');
    await expunge(1);
    await p.end();
    c.close();
    has(p, /^VANISHED (2,4|4,2) count=2 exists=2 earlier$/);
    has(p, /^EXAMINED .* exists=2 /);
    has(p, /^VANISHED 1 count=1 exists=1$/);
    assert.equal(p.told.at(-1), 'DONE LOGOUT ok');
  });
}

test('dovecot: NOTIFY tells of another folder while INBOX idles', async () => {
  const user = 'lee@example.test';
  const c = await someone(servers.dovecot, user);
  const p = play(servers.dovecot, user, ['examine INBOX', 'notify', 'idle', 'wait STATUS Spamverdacht messages=1',
    'proof Sent', 'end-idle', 'logout']);
  await p.until('# wait STATUS');
  await append(c, 'Spamverdacht', 1);
  await p.end();
  c.close();
  has(p, /^DONE NOTIFY ok$/);
  assert.match(after_(p, 'proof Sent').join(), /STATUS Sent .*,PROVEN ok,IDLING,/);
  assert.equal(p.told.at(-1), 'DONE LOGOUT ok');
});
