// A hundred thousand grants with tokens of an hour, refreshed ahead of need by real brokers against a fast token
// server (tokensim) and a PostgreSQL that keeps its promises.  Run by: make bench-tokens.
//   INBOXES (100000)   grants
//   COMPRESS (1)       an hour in so many: tokens live 3600 / COMPRESS seconds, so that so many times as many are
//                      refreshed a second, and everything else stands in the same proportion
//   ROUNDS (0.2)       lives that are watched; the fleet begins in the middle of its life, tokens of all ages
//   BROKERS (2)        processes
//   LATENCY (50)       ms that the provider takes
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { endAll, start, until, workdir } from '../sandbox/proc.mjs';
import { binary, root } from '../sandbox/replyd.mjs';
import { cpuMs, Report, rssBytes, setting, settle, sum, treeCpuMs } from './measure.mjs';
import { say, startDatabase } from './stage.mjs';

const inboxes = setting('INBOXES', 100000);
const compress = setting('COMPRESS', 1);
const rounds = setting('ROUNDS', 0.2);
const brokers = setting('BROKERS', 2);
const latency = setting('LATENCY', 50);
const life = Math.round(3600 / compress);
const ahead = Math.round(300 / compress);
const seconds = Math.round(life * rounds);

const program = (name) => path.join(root, 'build/release/tests/load', name);
const percentile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? 0;

function startTokensim() {
  const child = spawn(program('tokensim'), [`inboxes=${inboxes}`, `life=${life}`, `latency=${latency}`],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = [];
  const waiting = [];
  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    if (waiting.length) waiting.shift()(line); else lines.push(line);
  });
  const line = () => new Promise((done) => { if (lines.length) done(lines.shift()); else waiting.push(done); });
  return { child, line, async tally() { child.kill('SIGTERM'); return JSON.parse(await line()); } };
}

async function fill(url, keys) {
  const rows = spawn(program('grants'), [`inboxes=${inboxes}`, `life=${life}`, `ahead=${ahead}`,
    `grant=${keys.grant.toString('hex')}`, `token=${keys.token.toString('hex')}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const psql = spawn('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', url], { stdio: [rows.stdout, 'ignore', 'inherit'] });
  await Promise.all([rows, psql].map((p) => new Promise((done, failed) => {
    p.on('exit', (code) => (code ? failed(new Error(`filling the database: status ${code}`)) : done()));
  })));
}

function startBroker(dir, n, { pg, port, credentials }) {
  const conf = path.join(dir, `broker-${n}.conf`);
  fs.writeFileSync(conf, Object.entries({
    'database.url': `postgresql://127.0.0.1:${pg.port}/replyd`,
    'net.allow': '127.0.0.0/8',
    'broker.refresh_ahead': `${ahead}s`,
    'provider.load.imap_host': '127.0.0.1',
    'provider.load.auth': 'oauth',
    'provider.load.authorize_url': 'https://login.example/authorize',
    'provider.load.token_url': `http://127.0.0.1:${port}/token`,
    'provider.load.client_id': 'load',
    'log.level': 'info', 'log.format': 'kv',
  }).map(([k, v]) => `${k} = ${v}\n`).join(''));
  const log = path.join(dir, `broker-${n}.log`);
  const running = start([binary('release'), 'broker', '--credentials', credentials, '--config', conf], { log, deathSignal: 'TERM' });
  return { running, log, pid: running.pid };
}

// from due to saved, of every refresh that the log tells
function delays(logs, fromMs) {
  const all = { waited: [], whole: [], sum: [] };
  for (const log of logs)
    for (const line of fs.readFileSync(log, 'latin1').split('\n')) {
      const m = /^ts=(\S+) .*event=broker\.refreshed .*waited_ms=(\d+) whole_ms=(\d+)/.exec(line);
      if (!m || Date.parse(m[1]) < fromMs) continue;
      all.waited.push(Number(m[2]));
      all.whole.push(Number(m[3]));
      all.sum.push(Number(m[2]) + Number(m[3]));
    }
  for (const list of Object.values(all)) list.sort((a, b) => a - b);
  return all;
}

const report = new Report('tokens');
try {
  const dir = workdir('rt-');
  const keys = { grant: crypto.randomBytes(32), token: crypto.randomBytes(32), broker: crypto.randomBytes(32) };
  const credentials = path.join(dir, 'credentials');
  fs.writeFileSync(credentials, `db.password=load\n${[['grant', keys.grant], ['token', keys.token], ['broker_private', keys.broker]]
    .map(([name, k]) => `key.${name}=base64:${k.toString('base64')}\n`).join('')}`, { mode: 0o600 });
  say('PostgreSQL, token server');
  const { pg, url, sql } = await startDatabase(dir, {});
  await pg.psql("alter role replyd_broker login password 'load'");
  const sim = startTokensim();
  const port = Number(await sim.line());
  const simBegan = performance.now();
  say(`${inboxes} grants with tokens of ${life} s (an hour in ${compress}), refreshed ${ahead} s before their end or earlier`);
  await fill(url, keys);
  const procs = Array.from({ length: brokers }, (_, n) => startBroker(dir, n, { pg, port, credentials }));
  // what fell due while the database was filled is done first
  await until('nothing to be overdue', async () => !Number(await sql.value(
    "select count(*) from inbox_grant where refresh_due_at < now() - interval '5 s'")), { timeoutMs: 300000, everyMs: 1000 });
  const spent = () => ({ broker: sum(procs.map((p) => cpuMs(p.pid))), pg: treeCpuMs(pg.pid) });
  const before = spent();
  const fromMs = Date.now();
  const began = performance.now();
  let late = 0, told = began;
  while (performance.now() - began < seconds * 1000) {
    await settle(5000);
    late = Math.max(late, Number(await sql.value('select count(*) from access_token where expires_at < now()')));
    for (const p of procs) if (p.running.over) throw new Error(`a broker ended:\n${fs.readFileSync(p.log, 'utf8').slice(-2000)}`);
    if (performance.now() - told > 30000) {
      told = performance.now();
      say(`  ${((told - began) / 1000).toFixed(0)} of ${seconds} s, ${late} late, ${await sql.value(
        "select count(*) from inbox_grant where refresh_due_at < now()")} due`);
    }
  }
  const after = spent();
  const rss = Math.max(...procs.map((p) => rssBytes(p.pid)));
  const d = delays(procs.map((p) => p.log), fromMs);
  const dead = Number(await sql.value("select count(*) from inbox_grant where state <> 'ok'"));
  await Promise.all(procs.map((p) => p.running.stop({ graceMs: 30000 })));
  const tally = await sim.tally();
  const first = Math.ceil((began - simBegan) / 1000);
  const perSecond = tally.per_s.slice(first, first + seconds);
  const perTen = perSecond.slice(0, -9).map((_, i) => sum(perSecond.slice(i, i + 10)) / 10);
  const mean = sum(perSecond) / perSecond.length;
  const n = d.sum.length;
  report.add('grants', inboxes, '', { digits: 0 });
  report.add('life of an access token', life, 's', { digits: 0 });
  report.add('refreshes/s, mean', n / seconds, '/s');
  report.add('what that is for tokens of an hour', n / seconds / compress, '/s');
  report.add('busiest ten seconds over the mean', Math.max(...perTen) / mean, 'times', { goal: 1.3, digits: 2 });
  report.add('busiest second over the mean', Math.max(...perSecond) / mean, 'times', { digits: 2 });
  report.add('tokens late', late + tally.late, '', { goal: 0, digits: 0 });
  report.add('refresh tokens used twice', tally.reused, '', { goal: 0, digits: 0 });
  report.add('grants lost', dead, '', { goal: 0, digits: 0 });
  if (tally.again) report.add('left of the old token, least', tally.margin_least_s, 's'); // else no grant came by twice
  report.add('due to saved, p50', percentile(d.sum, 0.5), 'ms', { digits: 0 });
  report.add('due to saved, p99', percentile(d.sum, 0.99), 'ms', { digits: 0 });
  report.add(`claimed to saved (the provider takes ${latency} ms), p50`, percentile(d.whole, 0.5), 'ms', { digits: 0 });
  report.add(`claimed to saved (the provider takes ${latency} ms), p99`, percentile(d.whole, 0.99), 'ms', { digits: 0 });
  report.add('CPU of the brokers per refresh', (after.broker - before.broker) * 1000 / n, 'us', { digits: 0 });
  report.add('CPU of PostgreSQL per refresh', (after.pg - before.pg) * 1000 / n, 'us', { digits: 0 });
  report.add('memory of a broker', rss / 1048576, 'MB');
  report.end();
} catch (e) {
  console.error(e);
  process.exitCode = 1;
} finally {
  await endAll();
  process.exit();
}
