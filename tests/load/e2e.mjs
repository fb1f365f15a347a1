// make bench-e2e: the whole way, from the push of a reply at the IMAP simulator to the consumer's 204: replyd ingest, PostgreSQL and
// replyd dispatch while everybody else idles, and beside it, in the same run, the chain that is otherwise built: imapflow,
// mailparser, pg and undici in one Node process.
//   INBOXES (10000)  RATE (1000) replies a second for SECONDS (20)  PEER_INBOXES (1000; 0: without the peer)
// Run with "chain", it is the peer itself, in a process of its own.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPeers, openAll, peerRequire } from './imapflow.mjs';
import { conduct, cpuMs, Report, setting, settle, sum, treeCpuMs } from './measure.mjs';
import { startReceiver } from './receiver.mjs';
import { say, Stage } from './stage.mjs';

const here = fileURLToPath(import.meta.url);
const rate = setting('RATE', 1000);
const seconds = setting('SECONDS', 20);

// ---- the peer ----

// one statement: which outbound is answered, and the event, committed before anybody is told
const keep = `with found as (select outbound_id, prospect_key from peer.outbound where message_id = any($1))
  insert into peer.event (message_id, outbound_id, data) select $2, outbound_id, $3 from found limit 1
  on conflict (message_id) do nothing returning event_id`;

async function chain(told) {
  const { simpleParser } = peerRequire('mailparser'), { Pool } = peerRequire('pg'), undici = peerRequire('undici');
  const db = new Pool({ connectionString: told.db, max: 8 });
  const hook = new URL(told.hook), posts = new undici.Pool(hook.origin, { connections: 16 });
  const skip = { skipHtmlToText: true, skipTextToHtml: true, skipTextLinks: true, skipImageLinks: true };
  async function onMail(source) {
    const mail = await simpleParser(source, skip);
    const ids = [mail.inReplyTo, ...[mail.references ?? []].flat()].filter(Boolean).map((id) => id.replace(/[<>]/g, ''));
    const data = { message_id: mail.messageId.replace(/[<>]/g, ''), from: mail.from?.value[0]?.address, subject: mail.subject,
      snippet: mail.text?.slice(0, 500) };
    const { rows } = await db.query({ name: 'keep', text: keep, values: [ids, data.message_id, data] });
    if (!rows.length) return;
    const answer = await posts.request({ method: 'POST', path: hook.pathname, headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: rows[0].event_id, type: 'reply.received', data }) });
    await answer.body.dump();
  }
  process.send({ open: await openAll({ ...told, onMail }) });
}

const peerTables = `create schema peer;
  create table peer.outbound as select message_id, outbound_id, prospect_key from outbound;
  create unique index on peer.outbound (message_id);
  create table peer.event (event_id uuid primary key default gen_random_uuid(), message_id text not null unique,
    outbound_id uuid not null, data jsonb not null, created_at timestamptz not null default now());
  analyze peer.outbound`;

// ---- the bench ----

// until every reply was answered for, or nothing moves any more
async function answered(receiver, sent) {
  let last = -1, movedAt = performance.now();
  for (;;) {
    const s = await receiver.stat();
    if (s.n !== last) movedAt = performance.now();
    if (s.n >= sent || performance.now() - movedAt > 10000) return s;
    last = s.n;
    await settle(200);
  }
}

// one wave; what each process spent on a reply, in us
async function wave(stage, receiver, pids) {
  await stage.sim.deliver(Math.min(rate, 200), 3); // warm
  await answered(receiver, Math.min(rate, 200) * 3);
  await receiver.reset();
  await stage.sim.reset();
  const all = { ...pids, sim: stage.sim.pids, receiver: [receiver.pid] };
  const spent = () => ({ ...Object.fromEntries(Object.entries(all).map(([k, v]) => [k, sum(v.map(cpuMs))])), pg: treeCpuMs(stage.pg.pid) });
  const before = spent();
  const sent = await stage.sim.deliver(rate, seconds);
  const s = await answered(receiver, sent);
  const after = spent();
  const cpuUs = Object.fromEntries(Object.keys(after).map((k) => [k, Math.round((after[k] - before[k]) * 1000 / sent)]));
  say(`${sent} pushed, ${s.n} answered in ${s.posts} posts; p50 ${s.p50.toFixed(2)}, p99 ${s.p99.toFixed(2)}, worst ${
    s.most.toFixed(0)} ms; CPU us per reply: ${JSON.stringify(cpuUs)}`);
  return { ...s, sent, cpuUs };
}

async function ofPeer(stage, receiver, inboxes) {
  say(`imapflow, mailparser, pg and undici on ${inboxes} inboxes`);
  await stage.sql.rows(peerTables);
  const child = fork(here, ['chain'], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await once(child, 'message'); // it is there
  child.once('exit', (code) => { if (code) throw new Error('the peer ended'); });
  child.send({ inboxes, port: stage.port, processes: stage.processes, ca: fs.readFileSync(path.join(stage.dir, 'ca.pem'), 'utf8'),
    db: stage.url, hook: receiver.url });
  await once(child, 'message');
  await settle(17000); // it begins to idle when it was quiet for a while
  const m = await wave(stage, receiver, { chain: [child.pid] });
  child.kill('SIGKILL');
  await once(child, 'exit');
  return m;
}

async function ofOurs(stage, receiver) {
  stage.startWorkers();
  const dispatcher = stage.startDispatcher();
  const { provenS } = await stage.watched();
  say(`replyd: all watched after ${provenS.toFixed(1)} s`);
  await settle(3000);
  return wave(stage, receiver, { ingest: stage.pids, dispatch: [dispatcher.pid] });
}

async function bench() {
  const inboxes = setting('INBOXES', 10000), peers = Math.min(Number(process.env.PEER_INBOXES ?? 1000), inboxes);
  const report = new Report('e2e');
  if (peers) installPeers();
  const receiver = await startReceiver();
  const stage = await Stage.open({ inboxes, outbounds: setting('OUTBOUNDS', 12) });
  await stage.fill({ hook: receiver.url });
  const peer = peers ? await ofPeer(stage, receiver, peers) : null;
  if (peer) await stage.sim.cut({ cold: true });
  await receiver.reset();
  const ours = await ofOurs(stage, receiver);
  const where = `at ${rate}/s`;
  report.add(`push to the consumer's 204 ${where}, p50: replyd, ${inboxes} inboxes`, ours.p50, 'ms', { goal: 4, digits: 2 });
  report.add(`push to the consumer's 204 ${where}, p99: replyd, ${inboxes} inboxes`, ours.p99, 'ms', { goal: 25, digits: 2 });
  report.add('replies without an event: replyd', ours.sent - ours.n, '', { goal: 0, digits: 0 });
  report.add('posts a reply: replyd', ours.posts / ours.sent, '', { digits: 2 });
  for (const [k, us] of Object.entries(ours.cpuUs)) report.add(`CPU a reply, ${k}`, us, 'us', { digits: 0 });
  if (peer) {
    report.add(`push to the consumer's 204 ${where}, p50: Node chain, ${peers} inboxes`, peer.p50, 'ms', { digits: 2 });
    report.add(`push to the consumer's 204 ${where}, p99: Node chain, ${peers} inboxes`, peer.p99, 'ms', { digits: 2 });
    report.add('replies without an event: Node chain', peer.sent - peer.n, '', { digits: 0 });
    for (const [k, us] of Object.entries(peer.cpuUs)) report.add(`CPU a reply, ${k}, Node chain`, us, 'us', { digits: 0 });
    report.add('p50: Node chain / replyd', peer.p50 / ours.p50, 'times', { digits: 1 });
    report.add('p99: Node chain / replyd', peer.p99 / ours.p99, 'times', { digits: 1 });
  }
  await stage.profile();
  report.end();
}

if (process.argv[2] === 'chain') {
  process.on('unhandledRejection', (e) => { console.error('the peer:', e); process.exit(1); });
  process.send({ ready: true });
  process.once('message', chain);
} else {
  await conduct(bench);
}
