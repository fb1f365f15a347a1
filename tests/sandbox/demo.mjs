// make demo: the main job of replyd on real servers, told step by step.
//
// Ends with status 0 only if exactly the expected events came, once each, every signature verified,
// and the two private mails left no trace.  STAY=1 leaves everything running.
import fs from 'node:fs';
import path from 'node:path';
import { password } from './dovecot.mjs';
import { Imap } from './imap.mjs';
import { bareId, bounce, humanReply, outboundCopy, outOfOffice, privateMail } from './mails.mjs';
import { insideOf } from './postgres.mjs';
import { atEnd, endAll, unprivileged, run, until } from './proc.mjs';
import { root } from './replyd.mjs';
import { startSandbox } from './sandbox.mjs';
import { tracesOf } from './traces.mjs';

const began = Date.now();
const faults = [];
const tty = process.stdout.isTTY;
const bold = (s) => (tty ? `\x1b[1m${s}\x1b[0m` : s);
const clock = () => `${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s`;
const say = (text) => console.log(`${clock()}  ${text}`);
const step = (what, ms, more = '') => say(`    ${what.padEnd(22)}${ms === null ? '' : `+${Math.max(0, ms)} ms`.padStart(9)}   ${more}`);
const check = (ok, what) => { if (!ok) { faults.push(what); say(`    ${bold('WRONG')}: ${what}`); } return ok; };

// However it ends, nothing is left running.
process.on('uncaughtException', async (e) => {
  console.error(`${clock()}  ${bold('FAILED')}: ${e.message}`);
  await endAll();
  process.exit(1);
});

// The data folder must be reachable by the user who runs PostgreSQL, and nobody's leftovers.
async function dataFolder() {
  const wanted = path.join(root, 'var/demo');
  const state = path.join(wanted, 'replyd.state');
  const inUse = () => {
    try { process.kill(JSON.parse(fs.readFileSync(state, 'utf8')).up, 0); return true; } catch { return false; }
  };
  const elsewhere = (why) => {
    const dir = fs.mkdtempSync('/var/tmp/replyd-demo-');
    fs.chmodSync(dir, 0o755);
    atEnd(() => fs.rmSync(dir, { recursive: true, force: true }));
    say(`${wanted} ${why}; the data goes to ${dir}`);
    return path.join(dir, 'data');
  };
  if (inUse()) return elsewhere('belongs to a demo that is running');
  fs.rmSync(wanted, { recursive: true, force: true }); // the demo starts from nothing each time
  fs.mkdirSync(path.dirname(wanted), { recursive: true });
  const nobody = unprivileged();
  if (nobody && (await run(['test', '-x', path.dirname(wanted)], { user: nobody })).code !== 0)
    return elsewhere('cannot be reached by the unprivileged user that runs PostgreSQL');
  return wanted;
}

const data = await dataFolder();
say('starting the sandbox: Dovecot (IMAP, LMTP), an OAuth server, a sequence engine');
// inboxes prove their watermark, and look into Junk, every 4 s instead of every minute: nobody wants to wait
const box = await startSandbox({ data, mode: process.env.SANDBOX_MODE || 'release', workspace: 'demo', withReplyd: false,
  settings: { 'ingest.proof': '4s' } });
say(`starting ${bold('replyd up')}: private PostgreSQL, migrations, every role`);
await box.begin();
const { api, engine, dovecot } = box;
say(`replyd is ready: ${box.replyd.base}, roles ${[...new Set(box.replyd.state.roles.map((r) => r.role))].join(', ')}`);

// ---- three inboxes through the real OAuth flow

const inboxes = [];
for (const name of ['ada', 'ben', 'cora']) {
  const t = Date.now();
  const inbox = await box.connect(`${name}@example.test`);
  inboxes.push(inbox);
  say(`connected ${inbox.address}: page, consent, code with PKCE, first token, watched (${Date.now() - t} ms)`);
}

// ---- a sequence of a hundred mails

const t = Date.now();
const outbound = await box.register(Array.from({ length: 100 }, (_, i) => {
  const inbox = inboxes[i % inboxes.length];
  return { inboxId: inbox.id, inbox: inbox.address, prospect: `prospect${i + 1}@example.test` };
}));
say(`registered a sequence with ${outbound.length} outbound mails (${Date.now() - t} ms)`);

const look = async () => {
  const seen = [];
  for (const inbox of inboxes) {
    const c = await Imap.open({ port: dovecot.imaps, ca: box.ca.pem, user: inbox.address, password });
    seen.push(...(await c.snapshot()).split('\n').map((line) => `${inbox.address} ${line}`));
    c.close();
  }
  return seen;
};

for (const out of outbound.slice(0, 12)) // copies in Sent, as a mail program keeps them
  await dovecot.save(out.inbox, 'Sent', outboundCopy(out));
const before = await look();

// A Dovecot connection that was used within the last second tells of new mail after half a second, a
// quiet one at once.  The latencies below are those of quiet connections, between two proofs.
const quiet = () => until('the connections to be quiet', async () => {
  const ages = await Promise.all(inboxes.map(async ({ id }) => Date.now()
    - Date.parse((await api.get(`/v1/inboxes/${id}`)).watermarks.ingested_through)));
  return ages.every((ms) => ms > 1300 && ms < 3300);
}, { timeoutMs: 20000, everyMs: 50 });
await quiet();

// ---- what comes back

const story = [];
async function mailComes({ title, out, mail, expect, junk = false }) {
  say(bold(title));
  let sentAt = Date.now();
  if (junk) await dovecot.save(out.inbox, dovecot.junk, mail.raw);
  else ({ sentAt } = await box.deliver(out.inbox, mail));
  step('arrived', null, `${junk ? `by doveadm, in ${dovecot.junk} (\\Junk, looked at with each proof)` : 'by LMTP'} at ${out.inbox}`);
  const row = { title, expect: expect.type, stops: expect.gate !== 'out_of_office' };
  story.push(row);
  try {
    const record = await engine.waitFor(title, (e) => e.data.message && bareId(e.data.message.message_id) === bareId(mail.id), { timeoutMs: 15000 });
    const { event } = record;
    const gated = Date.parse(event.data.gated_at) - sentAt;
    const committed = Date.parse(event.data.detected_at) + event.data.latency_ms.detected_to_ingested - sentAt;
    const gate = await api.gate(out.key);
    Object.assign(row, { id: event.id, gated, committed, posted: record.at - sentAt, verified: record.verifiedAt - sentAt });
    step('gate closed', row.gated, `${gate.state}: ${gate.reason}`);
    step('event committed', row.committed, `${event.type} (${event.data.kind}), ${event.data.evidence?.[0]?.rule ?? ''}`);
    step('posted', row.posted, `webhook-id ${record.id}`);
    step('verified', row.verified, 'by the official Standard Webhooks library');
    check(event.type === expect.type, `${title}: ${event.type}, expected ${expect.type}`);
    check(event.data.prospect.key === out.key, `${title}: about ${event.data.prospect.key}, expected ${out.key}`);
    check(bareId(event.data.outbound.message_id) === bareId(out.id), `${title}: matched another outbound`);
    check(gate.state === 'closed' && gate.reason === expect.gate, `${title}: the gate is ${gate.state} (${gate.reason})`);
    check(!expect.role || event.data.inbox.folder_role === expect.role, `${title}: folder ${event.data.inbox.folder_role}`);
  } catch (e) { check(false, e.message); }
}

const [a, b, c, d] = outbound;
await mailComes({ title: 'A person answers', out: a, mail: humanReply(a),
  expect: { type: 'reply.received', gate: 'replied', role: 'inbox' } });
await mailComes({ title: 'Somebody is out of the office', out: b, mail: outOfOffice(b),
  expect: { type: 'reply.auto', gate: 'out_of_office' } });
await mailComes({ title: 'A mail cannot be delivered (DSN)', out: c, mail: bounce(c),
  expect: { type: 'bounce.hard', gate: 'bounced_hard' } });
await mailComes({ title: 'An answer is taken for spam', out: d, mail: humanReply(d, { text: 'Gladly. Send me two dates, please.' }),
  junk: true, expect: { type: 'reply.received', gate: 'replied', role: 'junk' } });

const privates = [
  privateMail(inboxes[0].address, { from: 'neighbour.quixotic@example.test', subject: 'The cellar key is with Wilhelmina',
    words: ['forty-one marmalade jars', 'a velocipede pump'] }),
  privateMail(inboxes[1].address, { from: 'choir.zephyrine@example.test', subject: 'Rehearsal moved to the boathouse',
    words: ['the second altos', 'an umbrella stand'] }),
];
say(bold('Two private mails arrive that concern nobody'));
for (const [i, mail] of privates.entries()) await box.deliver(inboxes[i].address, mail);
const lastDelivery = Date.now();
await Promise.all(inboxes.map((inbox) => api.waitForInbox(inbox.id,
  (now) => Date.parse(now.watermarks.ingested_through) > lastDelivery, { timeoutMs: 60000 })));
step('seen and passed over', Date.now() - lastDelivery, 'every inbox has proven that all mail up to then is dealt with');

// ---- exactly that, once each, verified, and nothing else

say(bold('Checking'));
const expected = [...inboxes.map(() => 'inbox.connected'), ...story.map((row) => row.expect),
  ...story.filter((row) => row.stops).map(() => 'prospect.stopped')].sort();
const feed = await until('the feed to be complete', async () => {
  const events = await api.events();
  return events.length >= expected.length ? events : null;
}, { timeoutMs: 10000 }).catch(() => api.events());
await until('every event to be posted', () => engine.accepted.length >= feed.length, { timeoutMs: 10000 }).catch(() => null);
check(feed.map((e) => e.type).sort().join() === expected.join(), `the feed has ${feed.map((e) => e.type).join(', ')}`);
check(feed.every((e, i) => e.position === feed[0].position + i), 'the feed has a hole or a repeat');
check(engine.records.length === feed.length, `${engine.records.length} posts for ${feed.length} events`);
check(engine.records.every((r) => r.verified), 'a signature was not verified');
for (const e of feed)
  check(engine.records.filter((r) => r.id === e.id).length === 1, `${e.type} ${e.id} was not posted exactly once`);
const silent = await api.gate(outbound[50].key);
check(silent.state === 'open' && silent.observed_through, `nobody answered there, but the gate is ${silent.state} (${silent.reason})`);

const now = await look();
check(before.every((line) => now.includes(line)), 'a mail was changed, moved or deleted');
check(now.filter((line) => !before.includes(line)).every((line) => line.includes(' [] ')), 'a new mail was marked');

const dump = await insideOf(box.replyd).dump();
const logs = fs.readFileSync(box.replyd.log, 'utf8');
check(tracesOf([bareId(d.id)], dump).length > 0, 'the search finds nothing at all in the database: it proves nothing');
const traces = tracesOf(privates.flatMap((m) => m.traces), dump);
check(traces.length === 0, `private mail in the database: ${traces.join(', ')}`);
const said = tracesOf([...privates.flatMap((m) => m.traces), ...outbound.map((o) => o.prospect),
  ...inboxes.map((i) => i.address)], logs);
check(said.length === 0, `addresses or subjects in the log: ${said.join(', ')}`);

// ---- summary

const col = (v, n) => String(v ?? '-').padStart(n);
console.log(`\n  ${'what came back'.padEnd(34)}${'event'.padEnd(17)}${'gate closed'.padStart(12)}${'committed'.padStart(11)}${'posted'.padStart(9)}${'verified'.padStart(10)}`);
for (const row of story)
  console.log(`  ${row.title.padEnd(34)}${row.expect.padEnd(17)}${col(row.gated, 9)} ms${col(row.committed, 8)} ms${col(row.posted, 6)} ms${col(row.verified, 7)} ms`);
console.log(`  ${'Two private mails'.padEnd(34)}no event, no trace in ${(dump.length / 1024).toFixed(0)} KiB of database\n`);
console.log(`  ${feed.length} events in the feed, ${engine.records.length} posts, ${engine.records.filter((r) => r.verified).length} verified; `
  + `${now.length} mails as unread as before; ${((Date.now() - began) / 1000).toFixed(1)} s`);

if (faults.length) {
  console.log(`\n${bold('FAILED')}\n${faults.map((f) => `  ${f}`).join('\n')}\n\nthe last words of replyd:\n${box.replyd.tail(30)}`);
  fs.mkdirSync(path.join(root, 'build'), { recursive: true });
  fs.copyFileSync(box.replyd.log, path.join(root, 'build/demo.log'));
  console.log('the whole log: build/demo.log');
}

if (process.env.STAY && process.env.STAY !== '0') {
  const next = path.join(box.dir, 'reply.eml');
  fs.writeFileSync(next, humanReply(outbound[10], { text: 'Yes, please do call.' }).raw);
  console.log(`
still running, Ctrl-C ends it:
  replyd      ${box.replyd.base}   (/readyz, /metrics, /v1/events)
  API key     ${api.key}
  OAuth       ${box.oidc.issuer}
  IMAP        127.0.0.1:${dovecot.imaps} (TLS, CA ${box.ca.pem})
  log         ${box.replyd.log}
another reply, from ${outbound[10].prospect}:
  ${process.execPath} ${path.join(root, 'tests/sandbox/reply.mjs')} ${dovecot.lmtp} ${outbound[10].inbox} ${next}
and what became of it:
  curl -s -H 'Authorization: Bearer ${api.key}' '${box.replyd.base}/v1/events?after=${feed.at(-1)?.position ?? 0}'`);
  await new Promise(() => setInterval(() => {}, 1 << 30));
}
await endAll();
process.exit(faults.length ? 1 : 0);
