// Replies while everybody else idles: how long from the push to the commit that closes the gate, and how many
// a second are borne.  Run by storm.mjs, or alone: make bench-push.
//   RATE (1000) replies a second for SECONDS (20); then SUSTAINED (4000) a second for as long
import { treeCpuMs, Report, cpuMs, setting, sum } from './measure.mjs';
import { say, Stage } from './stage.mjs';
import { endAll } from '../sandbox/proc.mjs';
import { fileURLToPath } from 'node:url';

const rate = setting('RATE', 1000);
const seconds = setting('SECONDS', 20);
const sustained = setting('SUSTAINED', 4000);

// one wave of replies, and what each process spent on one of them
async function wave(stage, perSecond) {
  const pg = stage.pg.pid, ours = await stage.sql.value('select pg_backend_pid()'); // we look; that is no part of a reply
  const spent = () => ({ worker: sum(stage.pids.map(cpuMs)), sim: sum(stage.sim.pids.map(cpuMs)), pg: treeCpuMs(pg) - cpuMs(ours) });
  await stage.sim.reset();
  await stage.profile({ quietly: true });
  const before = spent(), events = await stage.events();
  const wal = () => stage.sql.value("select pg_current_wal_insert_lsn() - '0/0'");
  const walBefore = Number(await wal());
  const since = Math.floor(Number(await stage.sql.value('select extract(epoch from clock_timestamp()) * 1000000')));
  const sent = await stage.sim.deliver(perSecond, seconds);
  await stage.settled(events, sent, { timeoutS: 60 + seconds * 5 });
  const after = spent(), walBytes = (Number(await wal()) - walBefore) / sent;
  await stage.profile();
  const d = await stage.delays(since);
  say(`${perSecond}/s: ${sent} pushed, ${d.n} gates, ${d.settled} settled, worst ${d.most} ms; CPU us per reply: ${
    ['worker', 'pg', 'sim'].map((k) => `${k} ${((after[k] - before[k]) * 1000 / sent).toFixed(0)}`).join(', ')}; ${(walBytes / 1024).toFixed(1)} KB of log each`);
  return { ...d, sent, cpuUs: Object.fromEntries(['worker', 'pg', 'sim'].map((k) => [k, (after[k] - before[k]) * 1000 / sent])) };
}

export async function push(stage, report) {
  say(`warming up, then ${rate} replies a second for ${seconds} s`);
  const few = await stage.sim.deliver(Math.min(rate, 200), 3);
  await stage.quiet(few);
  const d = await wave(stage, rate);
  report.add(`push to gate closed at ${rate}/s, p50`, d.p50, 'ms', { goal: 3, digits: 2 });
  report.add(`push to gate closed at ${rate}/s, p99`, d.p99, 'ms', { goal: 20, digits: 2 });
  report.add(`push to event committed at ${rate}/s, p50`, d.event50, 'ms', { digits: 2 });
  report.add(`push to event committed at ${rate}/s, p99`, d.event99, 'ms', { digits: 2 });
  report.add('CPU of the worker per reply', d.cpuUs.worker, 'us', { digits: 0 });
  report.add('CPU of PostgreSQL per reply', d.cpuUs.pg, 'us', { digits: 0 });
  report.add('CPU of the simulator per reply', d.cpuUs.sim, 'us', { digits: 0 });
  report.add('replies lost', d.sent - d.n, '', { goal: 0, digits: 0 });
  if (!sustained) return;
  say(`${sustained} replies a second for ${seconds} s`);
  const most = await wave(stage, sustained);
  report.add(`replies/s to the event, ${sustained}/s offered`, most.settledPerS, '/s', { goal: 4000, atLeast: true, digits: 0 });
  report.add(`push to gate closed at ${sustained}/s offered, p99`, most.p99, 'ms', { digits: 1 });
  report.add('replies lost', most.sent - most.n, '', { goal: 0, digits: 0 });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const report = new Report('push');
  try {
    const stage = await Stage.open({ inboxes: setting('INBOXES', 10000), outbounds: setting('OUTBOUNDS', 12) });
    await stage.fill();
    stage.startWorkers();
    const { provenS } = await stage.watched();
    say(`all watched after ${provenS.toFixed(1)} s`);
    await push(stage, report);
    report.end();
  } catch (e) {
    console.error(e);
    process.exitCode = 1;
  } finally {
    await endAll();
    process.exit();
  }
}
