// make bench-peer: imapflow (npm) and replyd on the same simulator in the same run: memory of an idle inbox,
// connects, and from the push of a mail to its first FETCH and to its text.
//   INBOXES (1000)  RATE (100) mails a second for SECONDS (10)
// Run with "imapflow PORT ADDRESS...", it is the peer itself, in a process of its own.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPeers, openAll } from './imapflow.mjs';
import { conduct, cpuMs, Report, rssBytes, setting, settle, sum } from './measure.mjs';
import { say, Stage } from './stage.mjs';

const here = fileURLToPath(import.meta.url);
const rate = setting('RATE', 100);
const seconds = setting('SECONDS', 10);

// ---- the peer ----

async function imapflow(told) { process.send({ open: await openAll(told) }); }

// ---- the bench ----

async function measure(stage, pids, inboxes, base, started) {
  const idle = sum(pids.map(rssBytes));
  await stage.sim.reset();
  const cpu = sum(pids.map(cpuMs));
  const sent = await stage.sim.deliver(rate, seconds);
  await settle(3000);
  const s = await stage.sim.stat();
  return { idleKb: (idle - base) / inboxes / 1024, afterKb: (sum(pids.map(rssBytes)) - base) / inboxes / 1024,
    ...started, header: s.header, text: s.text, sent, cpuUs: (sum(pids.map(cpuMs)) - cpu) * 1000 / sent };
}

async function ofPeer(stage, inboxes) {
  say('imapflow');
  const child = fork(here, ['imapflow'], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await once(child, 'message'); // it is there
  const base = rssBytes(child.pid), from = performance.now(), cpu = cpuMs(child.pid);
  child.once('exit', (code) => { if (code) throw new Error('imapflow ended'); });
  child.send({ inboxes, port: stage.port, processes: stage.processes, ca: fs.readFileSync(path.join(stage.dir, 'ca.pem'), 'utf8') });
  await once(child, 'message');
  const started = { startS: (performance.now() - from) / 1000, connectCpuMs: (cpuMs(child.pid) - cpu) / inboxes };
  await settle(17000); // it begins to idle when it was quiet for a while
  const m = await measure(stage, [child.pid], inboxes, base, started);
  child.kill('SIGKILL');
  await once(child, 'exit');
  return m;
}

async function ofOurs(stage, inboxes, base) {
  say('replyd');
  const from = performance.now();
  stage.startWorkers({}, 1);
  await stage.watched();
  const started = { startS: (performance.now() - from) / 1000, connectCpuMs: sum(stage.pids.map(cpuMs)) / inboxes };
  await settle(3000);
  return measure(stage, stage.pids, inboxes, base, started);
}

async function bench() {
  const inboxes = setting('INBOXES', 1000);
  const report = new Report('peer');
  installPeers();
  const stage = await Stage.open({ inboxes, outbounds: 12 });
  stage.startWorkers({}, 1);
  await settle(3000);
  const base = sum(stage.pids.map(rssBytes));
  await stage.stopWorkers();
  const peer = await ofPeer(stage, inboxes);
  await stage.fill();
  await stage.sim.cut({ cold: true });
  const ours = await ofOurs(stage, inboxes, base);
  for (const [figure, unit, pick, digits] of [
    ['memory per idle inbox', 'KB', (m) => m.idleKb, 1],
    ['memory per inbox after traffic', 'KB', (m) => m.afterKb, 1],
    ['start to all idle', 's', (m) => m.startS, 1],
    ['CPU per connect and login', 'ms', (m) => m.connectCpuMs, 2],
    ['push to first FETCH, p50', 'ms', (m) => m.header.p50_us / 1000, 2],
    ['push to first FETCH, p99', 'ms', (m) => m.header.p99_us / 1000, 2],
    ['push to text fetched, p50', 'ms', (m) => m.text.p50_us / 1000, 2],
    ['push to text fetched, p99', 'ms', (m) => m.text.p99_us / 1000, 2],
    ['CPU per mail (imapflow: fetched; replyd: two transactions and classified)', 'us', (m) => m.cpuUs, 0],
  ]) {
    report.add(`${figure}: imapflow`, pick(peer), unit, { digits });
    report.add(`${figure}: replyd`, pick(ours), unit, { digits });
    report.add(`${figure}: imapflow / replyd`, pick(peer) / pick(ours), 'times', { digits: 1 });
  }
  report.add('mails that imapflow fetched', peer.text.n / peer.sent * 100, '%', { digits: 1 });
  report.add('mails that replyd fetched', ours.text.n / ours.sent * 100, '%', { digits: 1 });
  report.end();
}

if (process.argv[2] === 'imapflow') {
  process.on('unhandledRejection', (e) => { console.error('imapflow:', e); process.exit(1); });
  process.send({ ready: true });
  process.once('message', imapflow);
} else {
  await conduct(bench);
}
