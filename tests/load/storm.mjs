// make bench-storm: every connection is cut at once, RUNS (3) times with tickets that still hold and as often
// with tickets that do not; then replies, as in push.mjs.
//   INBOXES (10000)  RATE, SECONDS, SUSTAINED: of push.mjs
import { endAll } from '../sandbox/proc.mjs';
import { cpuMs, median, peakBytes, Report, resetPeak, rssBytes, setting, settle, sum, treeCpuMs } from './measure.mjs';
import { push } from './push.mjs';
import { say, Stage } from './stage.mjs';

const inboxes = setting('INBOXES', 10000);
const runs = setting('RUNS', 3);
const report = new Report('storm');

async function storm(stage, cold) {
  // Back-off is earned back by a minute of life (and who is cut within 10 s was turned away: the provider is down)
  await settle(62000);
  const steady = sum(stage.pids.map(rssBytes));
  stage.pids.forEach(resetPeak);
  await stage.sim.reset();
  const spent = () => ({ worker: sum(stage.pids.map(cpuMs)), pg: treeCpuMs(stage.pg.pid), sim: sum(stage.sim.pids.map(cpuMs)) });
  const before = spent();
  const since = await stage.now();
  await stage.sim.cut({ cold });
  const took = await stage.watched({ since, timeoutS: 300 });
  const tls = await stage.sim.stat();
  const after = spent();
  const cpuUs = Object.fromEntries(Object.keys(after).map((k) => [k, (after[k] - before[k]) * 1000 / inboxes]));
  const peak = sum(stage.pids.map(peakBytes)) / steady;
  say(`${cold ? 'cold' : 'resumed'}: idle ${took.idleS.toFixed(2)} s, proven ${took.provenS.toFixed(2)} s, peak ${
    peak.toFixed(2)} x ${(steady / 1048576).toFixed(0)} MB, ${tls.full} full and ${tls.resumed} resumed handshakes, ${
    Object.entries(cpuUs).map(([k, us]) => `${k} ${us.toFixed(0)} us`).join(', ')} each`);
  return { ...took, peak, cpuUs };
}

async function several(stage, cold, goal) {
  const all = [];
  for (let i = 0; i < runs; i++) all.push(await storm(stage, cold));
  const name = `${inboxes} cut, ${cold ? 'cold' : 'resumed'}`;
  const proven = all.map((r) => r.provenS);
  report.add(`${name}: all in IDLE`, median(all.map((r) => r.idleS)), 's', { digits: 2 });
  report.add(`${name}: all in IDLE and proven`, median(proven), 's', { goal, digits: 2 });
  report.add(`${name}: the fastest and`, Math.min(...proven), 's', { digits: 2 });
  report.add(`${name}: the slowest of ${runs}`, Math.max(...proven), 's', { digits: 2 });
  for (const [k, who] of [['worker', 'the worker'], ['pg', 'PostgreSQL'], ['sim', 'the simulator']])
    report.add(`${name}: CPU of ${who} for each`, median(all.map((r) => r.cpuUs[k])), 'us', { digits: 0 });
  report.add(`${name}: memory peak over steady`, Math.max(...all.map((r) => r.peak)), 'times', { goal: 1.5, digits: 2 });
}

try {
  const stage = await Stage.open({ inboxes, outbounds: setting('OUTBOUNDS', 12) });
  await stage.fill();
  stage.startWorkers();
  const { provenS } = await stage.watched();
  report.add('start of a worker to all watched and proven', provenS, 's', { digits: 2 });
  await several(stage, false, 5);
  await several(stage, true, 12);
  if (setting('RATE', 1)) await push(stage, report);
  await stage.profile();
  report.end();
} catch (e) {
  console.error(e);
  process.exitCode = 1;
} finally {
  await endAll();
  process.exit();
}
