// make bench-idle: what an idle inbox costs in memory and in CPU.
//   INBOXES (17000)  CHAIN (gmail)  SECONDS (60): of each CPU window  MINUTES (0): hold all of them so long
//   PHASES (full,resumed,cpu): which of these  MAILS (1): into each inbox before memory is looked at
import { endAll } from '../sandbox/proc.mjs';
import { cpuMs, Report, resetPeak, peakBytes, rssBytes, setting, settle, sum, treeCpuMs } from './measure.mjs';
import { PER_PROCESS, say, Stage } from './stage.mjs';

const inboxes = setting('INBOXES', 17000);
const seconds = setting('SECONDS', 60);
const minutes = setting('MINUTES', 0);
const chain = process.env.CHAIN || 'gmail';
const phases = (process.env.PHASES || 'full,resumed,cpu').split(',');
const mails = setting('MAILS', 1);
const report = new Report('idle');
const rss = (stage) => sum(stage.pids.map(rssBytes));
const each = (bytes, base) => (bytes - base) / inboxes / 1024;

// the worker without inboxes
async function baseOf(stage) {
  stage.startWorkers({}, 1);
  await settle(3000);
  const bytes = rss(stage);
  await stage.stopWorkers();
  return bytes;
}

// all inboxes watched, one mail into each, quiet again: RSS of all workers
async function afterTraffic(stage, settings) {
  const workers = stage.startWorkers(settings).length;
  const took = await stage.watched();
  say(`all watched after ${took.provenS.toFixed(1)} s by ${workers} workers`);
  await stage.sim.reset();
  if (mails) {
    const sent = await stage.sim.deliver(Math.max(100, Math.min(300, inboxes / 10)), Math.ceil(mails * inboxes / 300));
    await stage.quiet(sent);
    say(`quiet after ${sent} mails`);
  }
  await settle(35000); // twice a minute a worker gives back what it does not need
  return { bytes: rss(stage), peak: sum(stage.pids.map(peakBytes)), took };
}

// all of them stay for so many minutes: who was dropped, and what it took
async function hold(stage) {
  const spent = () => ({ workers: sum(stage.pids.map(cpuMs)), PostgreSQL: treeCpuMs(stage.pg.pid) });
  const { accepted } = await stage.sim.stat();
  const before = spent();
  let least = Infinity, seeing = Infinity, proven;
  stage.pids.forEach(resetPeak);
  for (let m = 0; m < minutes; m++) {
    for (let i = 0; i < 6; i++) {
      await settle(10000);
      least = Math.min(least, (await stage.sim.stat()).connections);
    }
    say(`held ${m + 1} of ${minutes} minutes, at least ${least} connections, ${(rss(stage) / 1048576).toFixed(0)} MB, ${
      proven = await stage.proven(await stage.sql.value("select clock_timestamp() - interval '125 s'"))} without a gap`);
    seeing = Math.min(seeing, proven);
  }
  const after = spent();
  report.add(`held for ${minutes} minutes`, least, 'inboxes', { goal: inboxes, atLeast: true, digits: 0 });
  report.add('proven in time, the fewest', seeing, 'inboxes', { goal: inboxes, atLeast: true, digits: 0 });
  report.add('connections made meanwhile', (await stage.sim.stat()).accepted - accepted, '', { goal: 0, digits: 0 });
  report.add('most memory of all workers meanwhile', sum(stage.pids.map(peakBytes)) / 1048576, 'MB');
  for (const [who, ms] of Object.entries(after))
    report.add(`CPU of ${who} meanwhile`, (ms - before[who]) / minutes / 600, '% of a core');
}

// CPU of the workers in a window in which every inbox does something just once
async function cpuOf(stage, settings, what) {
  stage.startWorkers(settings);
  await stage.watched();
  await settle(5000);
  await stage.sim.reset();
  const before = sum(stage.pids.map(cpuMs));
  await settle(seconds * 1000);
  const ms = sum(stage.pids.map(cpuMs)) - before;
  const { commands } = await stage.sim.stat();
  say(`${what}: ${ms} ms of CPU in ${seconds} s, ${commands} commands`);
  await stage.stopWorkers();
  return ms;
}

try {
  const stage = await Stage.open({ inboxes, outbounds: 4, chain });
  const base = await baseOf(stage);
  await stage.fill();
  const workers = Math.ceil(inboxes / PER_PROCESS);
  report.add('worker without inboxes', base / 1048576, 'MB');

  if (phases.includes('full')) {
    say('full handshakes: the simulator gives no tickets');
    await stage.sim.tickets(false);
    const full = await afterTraffic(stage, {});
    report.add(`memory per idle inbox, full handshakes (${chain})`, each(full.bytes, base * workers), 'KB', { goal: 28 });
    await stage.stopWorkers();
  }
  if (phases.includes('resumed')) {
    say('resumed handshakes');
    await stage.sim.tickets(true);
    const resumed = await afterTraffic(stage, {});
    report.add(`memory per idle inbox, resumed handshakes (${chain})`, each(resumed.bytes, base * workers), 'KB', { goal: 18 });
    report.add('workers together', resumed.bytes / 1048576, 'MB', { goal: inboxes >= 100000 ? 2200 : null });
    report.add('start to all watched and proven', resumed.took.provenS, 's');
    if (minutes) await hold(stage);
    await stage.stopWorkers();
  }
  if (phases.includes('cpu')) {
    // one re-IDLE each in the window, as if it were nine minutes long; then one proof cycle each, as in a minute
    const renew = await cpuOf(stage, { 'ingest.idle_renew': `${seconds}s`, 'ingest.proof': '1h' }, 're-IDLE only');
    report.add('CPU of 100,000 inboxes, re-IDLE every 9 min', renew / inboxes / 540 * 100000 / 10, '% of a core', { goal: 2, digits: 2 });
    const proof = await cpuOf(stage, { 'ingest.idle_renew': '9m', 'ingest.proof': `${seconds}s` }, 'proof cycles with side folders');
    report.add('CPU of 100,000 inboxes, side folders polled every 60 s', proof / inboxes / 60 * 100000 / 10, '% of a core',
      { goal: 10, digits: 2 });
  }
  report.end();
} catch (e) {
  console.error(e);
  process.exitCode = 1;
} finally {
  await endAll();
  process.exit();
}
