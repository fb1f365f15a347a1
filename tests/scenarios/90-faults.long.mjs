// Streams of answers while everything around them fails at random, round after round: no answer is missed, each is once in
// the log, the feed has no holes, the order holds per prospect, and neither a gate nor a watermark ever said what was not so.
//
// SEED repeats a run's plan (not its timing); FAULT_SECONDS (240) is how long new rounds begin.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chance } from '../sandbox/chance.mjs';
import { password } from '../sandbox/dovecot.mjs';
import { startFaultProxy } from '../sandbox/faultproxy.mjs';
import { faultsOf } from '../sandbox/faults.mjs';
import { Imap } from '../sandbox/imap.mjs';
import { bareId, bounce, humanReply, isOf, newId, outOfOffice, privateMail } from '../sandbox/mails.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll, sleep, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { tracesOf } from '../sandbox/traces.mjs';
import { Witness } from '../sandbox/witness.mjs';

const seed = Number(process.env.SEED || Date.now() % 1000000);
const seconds = Number(process.env.FAULT_SECONDS || 240);
const rand = chance(seed);
const addresses = ['ada', 'bob', 'cyd', 'dan'].map((name) => `${name}@example.test`);
// what each kind of mail must come to
const kinds = {
  human: { make: humanReply, type: 'reply.received', level: 3, closes: true },
  away: { make: outOfOffice, type: 'reply.auto', level: 1, closes: true },
  hard: { make: bounce, type: 'bounce.hard', level: 4, closes: true },
  soft: { make: (out) => bounce(out, { status: '4.2.2', action: 'delayed', diagnostic: '452 4.2.2 Mailbox full' }),
    type: 'bounce.soft', level: 0, closes: false },
};
const chaosMs = 12000;
const settleMs = 420000; // an inbox that failed often waits for up to five minutes

let box, proxy, faults, witness, db;
const inboxes = new Map(); // address -> inbox
const concerned = []; // every mail that must be an event
const privates = [];
let current = []; // prospects of the round, whom the witness asks for

const told = (text) => console.log(`# ${new Date().toISOString().slice(11, 23)} ${text}`);

before(async () => {
  told(`SEED=${seed}`);
  box = await startSandbox({
    accessTtl: 60,
    through: async (port) => { proxy = await startFaultProxy(port); return proxy.port; },
    settings: { 'ingest.workers': 3, 'ingest.lease': '2s', 'ingest.heartbeat': '500ms', 'ingest.grace': '1s', 'ingest.proof': '1s',
      'gate.freshness': '20s', 'broker.timeout': '3s', 'dispatch.timeout': '2s',
      'dispatch.retry': '0s 1s 1s 1s 1s 1s 1s 1s 1s 2s 2s 5s 5s 10s 10s 20s' },
  });
  Object.assign(box, { addresses, mailIsDown: false });
  for (const address of addresses) inboxes.set(address, await box.connect(address));
  faults = faultsOf(box, proxy);
  db = insideOf(box.replyd);
  witness = new Witness();
  witness.watchGates(box.api, () => current);
  witness.watchMarks(db);
});
after(async () => {
  await witness?.stop();
  await endAll();
});

// ---- the plan of a round, drawn before it begins ----

function drawProspect(n, i) {
  const prospect = `p${n}-${i}@example.test`;
  const owner = rand.one(addresses);
  const second = rand.happens(0.25) ? rand.one(addresses.filter((a) => a !== owner)) : null;
  const isLate = rand.happens(0.2);
  const outs = [owner, second].filter(Boolean).map((inbox) => ({ id: newId('out'), inbox, prospect, subject: `Question ${n}-${i}`,
    sent_at: new Date(Date.now() - 3600e3).toISOString() }));
  const several = rand.weighted([[15, []], [45, ['human']], [10, ['away']], [10, ['hard']], [8, ['soft']],
    [8, ['away', 'human']], [4, ['soft', 'hard', 'human']]]);
  const mails = several.map((kind) => {
    const out = rand.one(outs);
    return { ...kinds[kind].make(out), kind, out, inbox: out.inbox, prospects: [prospect], role: rand.happens(0.2) ? 'junk' : 'inbox',
      again: rand.happens(0.15) ? rand.one(addresses.filter((a) => a !== out.inbox)) : null,
      closes: kinds[kind].closes, level: kinds[kind].level, isLate, at: null, waitMs: rand.between(0, chaosMs) };
  });
  return { prospect, outs, mails, isLate, lateMs: rand.between(0, 4000) };
}

// One answer to two people's mails closes both gates.
function drawPair(n, people) {
  const [a, b] = [drawPlain(n, 'x'), drawPlain(n, 'y')];
  const { out } = { out: a.outs[0] };
  const mail = { ...humanReply(out, { references: [b.outs[0].id, out.id] }), kind: 'human', out, inbox: out.inbox, role: 'inbox',
    prospects: [a.prospect, b.prospect], again: null, closes: true, level: 3, isLate: false, at: null, waitMs: rand.between(0, chaosMs) };
  a.mails.push(mail);
  people.push(b, a);
}

function drawPlain(n, stem) {
  const prospect = `p${n}-${stem}@example.test`;
  const inbox = addresses[n % addresses.length];
  return { prospect, mails: [], isLate: false, lateMs: 0, outs: [{ id: newId('out'), inbox, prospect, subject: `Pair ${n}`,
    sent_at: new Date(Date.now() - 3600e3).toISOString() }] };
}

function drawRound(n) {
  const people = [];
  drawPair(n, people);
  for (let i = 0; i < 16; i++) people.push(drawProspect(n, i));
  const noise = Array.from({ length: 8 }, (_, i) => {
    const inbox = rand.one(addresses);
    return { inbox, waitMs: rand.between(0, chaosMs), ...privateMail(inbox, { from: `neighbour${n}x${i}@elsewhere.example`,
      subject: `Herbage ${n}x${i}q`, words: [`marjoram${n}x${i}`], id: newId('private') }) };
  });
  const lanes = Array.from({ length: 3 }, () => {
    const lane = [];
    for (let ms = 0; ms < chaosMs;) {
      const waitMs = rand.between(0, 2500);
      ms += waitMs + 1200;
      lane.push({ waitMs, ...faults.draw(rand) });
    }
    return lane;
  });
  return { n, people, noise, lanes, tidyMs: rand.between(0, chaosMs), tidies: rand.one(addresses) };
}

// ---- what happens in it ----

// register: again and again until it is there; the same again is no conflict
async function register(outs) {
  await until('outbounds to be registered', async () => {
    const { items } = await box.api.post('/v1/outbound', { items: outs.map((o) => ({ inbox_id: inboxes.get(o.inbox).id, sequence: 'storm',
      step: '1', prospect: { key: o.prospect, address: o.prospect }, message_id: o.id, sent_at: o.sent_at })) });
    assert.ok(items.every((x) => ['created', 'repeated'].includes(x.result)), JSON.stringify(items));
    return true;
  }, { timeoutMs: settleMs, everyMs: 100 });
}

// drop: into the mailbox, by whatever way is open; a try that failed late may leave the mail there twice
async function drop(address, role, mail) {
  await until(`${mail.id} to be delivered`, async () => {
    const folder = role === 'junk' ? box.dovecot.junk : 'INBOX';
    if (box.mailIsDown) box.dovecot.leave(address, folder, mail.raw);
    else if (role === 'junk') await box.dovecot.save(address, folder, mail.raw);
    else await box.deliver(address, mail);
    return true;
  }, { timeoutMs: settleMs, everyMs: 200 });
}

async function deliverAll(person) {
  if (!person.isLate) await register(person.outs);
  for (const mail of [...person.mails].sort((a, b) => a.waitMs - b.waitMs)) {
    await sleep(Math.max(0, mail.waitMs - (Date.now() - person.began)));
    await drop(mail.inbox, mail.role, mail);
    mail.at = Date.now();
    if (mail.again) await drop(mail.again, 'inbox', mail);
  }
  if (person.isLate) {
    await sleep(person.lateMs);
    await register(person.outs);
  }
}

const look = (address) => Imap.open({ port: box.dovecot.imaps, ca: box.ca.pem, user: address, password });

// Somebody cleans up in a mail program: what concerns nobody, and what was settled long ago.
async function tidy(address, settled) {
  const imap = await look(address);
  const mails = await imap.mails('INBOX');
  const old = [...mails].filter(([, m]) => m.messageId?.startsWith('<private.') || settled.has(m.messageId)).map(([uid]) => uid);
  await imap.cmd('SELECT INBOX');
  if (old.length) {
    await imap.cmd(`UID STORE ${old.join(',')} +FLAGS.SILENT (\\Deleted)`);
    await imap.cmd('EXPUNGE');
  }
  imap.close();
  return old.length;
}

async function play(round) {
  const settled = new Set(concerned.map((m) => m.id));
  const began = Date.now();
  current = round.people.map((p) => p.prospect);
  await Promise.all([
    ...round.people.map((person) => deliverAll(Object.assign(person, { began }))),
    ...round.noise.map(async (m) => { await sleep(m.waitMs); await drop(m.inbox, 'inbox', m); }),
    ...round.lanes.map(async (lane) => {
      for (const fault of lane) {
        await sleep(fault.waitMs);
        told(`round ${round.n}: ${fault.name}`);
        await fault.run();
      }
    }),
    sleep(round.tidyMs).then(() => tidy(round.tidies, settled)).then(() => {}, () => { /* Dovecot is away */ }),
  ]);
  for (const person of round.people) concerned.push(...person.mails);
  privates.push(...round.noise);
}

// ---- what must hold after it ----

// A broker killed between a provider's answer and its commit loses the refresh token: then the user is asked, as promised.
async function consentAgain() {
  for (const [address, inbox] of inboxes) {
    const { state, grant } = await box.api.get(`/v1/inboxes/${inbox.id}`);
    if (state !== 'reauth_required' && grant.state === 'ok') continue;
    told(`${address} needs consent again: ${state} ${grant.state} ${grant.reason}`);
    await box.connect(address, { watched: false });
  }
}

const eventsOf = (feed, mail) => feed.filter((e) => isOf(e, mail));

async function settle() {
  const began = Date.now();
  let feed = [];
  let asked = 0;
  await until('every mail to be an event', async () => {
    if (Date.now() - asked > 5000) { asked = Date.now(); await consentAgain(); }
    feed.push(...await box.api.events({ after: feed.length }));
    const missing = concerned.filter((m) => eventsOf(feed, m).length === 0);
    if (missing.length) throw new Error(`missing: ${missing.map((m) => `${m.kind} ${m.id} ${m.inbox} ${m.role}`).join(', ')}`);
    return true;
  }, { timeoutMs: settleMs, everyMs: 250 });
  await until('the engine to have everything', () => {
    const got = new Set(box.engine.accepted.map((e) => e.id));
    return feed.every((e) => got.has(e.id));
  }, { timeoutMs: settleMs, everyMs: 250 });
  feed = await box.api.events();
  told(`settled after ${Date.now() - began} ms`);
  return feed;
}

function judgeFeed(feed) {
  assert.deepEqual(feed.map((e) => e.position), feed.map((_, i) => i + 1), 'the feed has no holes');
  assert.equal(new Set(feed.map((e) => e.id)).size, feed.length, 'no event stands twice');
  const known = new Map(concerned.map((m) => [bareId(m.id), m]));
  const seqs = new Map();
  const times = new Map();
  for (const event of feed) {
    if (event.type.startsWith('inbox.')) continue;
    const mail = known.get(event.data.message.message_id);
    assert.ok(mail, `an event about a mail that concerns nobody: ${JSON.stringify(event)}`);
    times.set(mail, (times.get(mail) ?? 0) + 1);
    assert.equal(event.type, kinds[mail.kind].type, mail.id);
    assert.equal(event.data.text_unavailable, false, `${mail.id} was there to be read`);
    const { key, seq } = event.data.prospect;
    assert.ok(mail.prospects.includes(key), mail.id);
    assert.equal(seq, (seqs.get(key) ?? 0) + 1, `${key}: numbered in the order of the feed`);
    seqs.set(key, seq);
  }
  for (const mail of concerned) assert.equal(times.get(mail), 1, `${mail.id} once in the log`);
  const heard = new Map();
  for (const { type, data } of box.engine.accepted) {
    if (type.startsWith('inbox.')) continue;
    assert.ok(data.prospect.seq > (heard.get(data.prospect.key) ?? 0), `${data.prospect.key}: posted in order`);
    heard.set(data.prospect.key, data.prospect.seq);
  }
}

async function judgeGates(round) {
  const level = new Map(round.people.map((p) => [p.prospect, 0]));
  for (const person of round.people)
    for (const mail of person.mails)
      for (const p of mail.prospects) level.set(p, Math.max(level.get(p), mail.level));
  for (const [prospect, want] of level) {
    const gate = await box.api.waitForGate(prospect, want ? 'closed' : 'open', { timeoutMs: settleMs });
    assert.equal(gate.level, want, prospect);
  }
}

// Nothing was marked, moved or taken away: every mail lies where it was put, without a flag.
async function judgeMailboxes(round) {
  for (const address of addresses) {
    const imap = await look(address);
    for (const [role, folder] of [['inbox', 'INBOX'], ['junk', box.dovecot.junk]]) {
      const there = [...(await imap.mails(folder)).values()];
      assert.deepEqual(there.filter((m) => m.flags), [], `${address} ${folder}: no flag`);
      for (const mail of round.people.flatMap((p) => p.mails))
        if ((mail.inbox === address && mail.role === role) || (mail.again === address && role === 'inbox'))
          assert.ok(there.some((m) => m.messageId === mail.id), `${mail.id} lies in ${address} ${folder}`);
    }
    imap.close();
  }
}

test(`faults at random for ${seconds} s (SEED=${seed})`, { timeout: (seconds + 900) * 1000 }, async () => {
  const end = Date.now() + seconds * 1000;
  let n = 0;
  let mails = 0;
  for (; n === 0 || Date.now() < end; n++) {
    const round = drawRound(n);
    try {
      await play(round);
      await faults.heal();
      const feed = await settle();
      judgeFeed(feed);
      await judgeGates(round);
      await judgeMailboxes(round);
      assert.deepEqual(witness.judge(round.people.flatMap((p) => p.mails)), [], 'nothing was said that was not so');
    } catch (e) {
      throw new Error(`SEED=${seed}, round ${n}: ${e.message}`, { cause: e });
    }
    mails += round.people.flatMap((p) => p.mails).length;
  }
  told(`${n} rounds, ${mails} mails, ${witness.asked} gates asked for (${witness.open} open), ${witness.looks} looks at the watermarks`);
  assert.deepEqual(tracesOf(privates.flatMap((m) => m.traces), await db.dump()), [], 'private mail left no trace');
});
