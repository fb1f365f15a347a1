// The stage of every bench: the IMAP simulator in as many processes as the limit of open files asks for, a
// private PostgreSQL that keeps its promises (fsync on), a database full of inboxes, and real workers.
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import { startPostgres } from '../sandbox/postgres.mjs';
import { atEnd, freePort, Hopeless, must, start, until, workdir } from '../sandbox/proc.mjs';
import { binary, root } from '../sandbox/replyd.mjs';

const ADDRESSES = 4; // of each simulator process: ephemeral ports are 28,000 per address
export const PER_PROCESS = 17000; // sockets of one process, under the usual hard limit of 20,000

// hostOf: where inbox n is, as rows.c puts it
export const hostOf = (n, processes) => `127.0.${n % processes + 1}.${Math.floor(n / processes) % ADDRESSES + 1}`;

const program = (name) => path.join(root, 'build/release/tests/load', name);
export const say = (words) => console.log(`${new Date().toISOString().slice(11, 19)} ${words}`);

// ---- the simulator ----

// Control: lines to one simulator process, answered in their order
class Control {
  constructor(socket) {
    this.waiting = [];
    this.socket = net.connect(socket);
    this.socket.on('error', (e) => this.waiting.splice(0).forEach((w) => w.reject(e)));
    readline.createInterface({ input: this.socket }).on('line', (line) => this.waiting.shift()?.resolve(line));
  }

  ask(line) {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.socket.write(`${line}\n`);
    });
  }
}

// Sim: all processes of the simulator as one
class Sim {
  constructor(all) { this.all = all; }

  ask(line) { return Promise.all(this.all.map((p) => p.control.ask(line))); }

  // counts are summed; of delays the worst process counts
  async stat() {
    const total = {};
    for (const one of (await this.ask('stat')).map((line) => JSON.parse(line)))
      for (const [k, v] of Object.entries(one)) {
        if (typeof v === 'number') total[k] = (total[k] ?? 0) + v;
        else {
          const d = total[k] ??= { n: 0, p50_us: 0, p99_us: 0, max_us: 0 };
          d.n += v.n;
          for (const q of ['p50_us', 'p99_us', 'max_us']) d[q] = Math.max(d[q], v[q]);
        }
      }
    return total;
  }

  reset() { return this.ask('reset'); }
  cut({ cold = false } = {}) { return this.ask(cold ? 'cut cold' : 'cut'); }
  tickets(on) { return this.ask(`tickets ${on ? 'on' : 'off'}`); }

  // deliver: so many mails a second in all, for so long; returns when the last was pushed
  async deliver(perSecond, seconds) {
    const each = this.all.map((_, i) => Math.floor((perSecond + i) / this.all.length));
    await Promise.all(this.all.map((p, i) => p.control.ask(`deliver ${each[i]} ${seconds}`)));
    const wanted = each.reduce((a, b) => a + b, 0) * seconds;
    await until('all mails to be pushed', async () => {
      const s = await this.stat();
      return s.delivered + s.skipped >= wanted;
    }, { timeoutMs: seconds * 3000 + 60000, everyMs: 100 });
    return wanted;
  }

  get pids() { return this.all.map((p) => p.pid); }
}

async function startSim({ dir, inboxes, outbounds, folders, chain }) {
  const processes = Math.ceil(inboxes / PER_PROCESS);
  const port = await freePort();
  const at = (k) => Array.from({ length: ADDRESSES }, (_, a) => `127.0.${k + 1}.${a + 1}`);
  const all = Array.from({ length: processes }, (_, k) => k);
  await must([program('certchain'), dir, chain, ...all.flatMap(at)]);
  const running = await Promise.all(all.map(async (k) => {
    const control = path.join(dir, `sim-${k}`);
    const log = path.join(dir, `sim-${k}.log`);
    const p = start([program('imapsim'), `dir=${dir}`, `control=${control}`, `port=${port}`, `inboxes=${inboxes}`,
      `process=${k}`, `processes=${processes}`, `outbounds=${outbounds}`, `folders=${folders}`,
      ...at(k).map((a) => `address=${a}`)], { log });
    await until('the simulator to listen', () => {
      if (p.over) throw new Hopeless(fs.readFileSync(log, 'utf8'));
      return fs.readFileSync(log, 'utf8').includes('ready');
    });
    return { pid: p.pid, control: new Control(control) };
  }));
  return { sim: new Sim(running), port, processes };
}

// ---- the database ----

// Psql: one psql that stays, so that looking costs little
class Psql {
  constructor(url) {
    this.child = spawn('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', url], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = [];
    this.waiting = [];
    this.child.on('exit', () => this.waiting.splice(0).forEach((w) => w.reject(new Error('psql ended'))));
    readline.createInterface({ input: this.child.stdout }).on('line', (line) => {
      if (line !== '--end--') this.lines.push(line);
      else this.waiting.shift().resolve(this.lines.splice(0));
    });
    atEnd(() => this.child.stdin.end());
  }

  rows(sql) {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.child.stdin.write(`${sql};\n\\echo --end--\n`);
    });
  }

  async value(sql) { return (await this.rows(sql))[0]; }
}

// PROFILE=1: what PostgreSQL's time goes into, statements inside functions too (told at the end)
const profiled = process.env.PROFILE ? { shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'all', 'pg_stat_statements.track_planning': 'on' } : {};

export async function startDatabase(dir, settings) {
  const pg = await startPostgres({ dir: path.join(dir, 'pg'), settings: {
    fsync: process.env.FSYNC || 'on', full_page_writes: 'on', synchronous_commit: 'on', shared_buffers: '512MB', max_wal_size: '8GB',
    checkpoint_timeout: '15min', track_commit_timestamp: 'on', max_connections: 100, jit: 'off', ...profiled, ...settings } });
  const url = pg.url.replace(/\/postgres$/, '/replyd');
  await pg.psql('create database replyd');
  fs.mkdirSync(path.join(dir, 'data'), { mode: 0o700 });
  await must([binary('release'), 'migrate', 'up', '--data', path.join(dir, 'data')],
    { env: { ...process.env, DATABASE_URL: url } });
  if (process.env.PROFILE)
    await must(['psql', '-Xq', '-d', url, '-c', 'create extension pg_stat_statements with schema public']);
  await pg.psql('alter role owner set search_path = replyd, public');
  for (const role of ['ingest', 'dispatch']) await pg.psql(`alter role replyd_${role} login password 'load'`);
  return { pg, url, sql: new Psql(url) };
}

// hook: where the endpoint of every workspace is; none without
async function fill({ url, port, inboxes, processes, outbounds, keys, hook }) {
  const rows = spawn(program('rows'), [`inboxes=${inboxes}`, `processes=${processes}`, `addresses=${ADDRESSES}`,
    `outbounds=${outbounds}`, `port=${port}`, `digest=${keys.digest.toString('hex')}`,
    `token=${keys.token.toString('hex')}`,
    ...(hook ? [`webhook=${keys.webhook.toString('hex')}`, `url=${hook}`] : [])], { stdio: ['ignore', 'pipe', 'inherit'] });
  const psql = spawn('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', url], { stdio: [rows.stdout, 'ignore', 'inherit'] });
  await Promise.all([rows, psql].map((p) => new Promise((done, failed) => {
    p.on('exit', (code) => (code ? failed(new Error(`filling the database: status ${code}`)) : done()));
  })));
}

// ---- the workers ----

// a role of replyd, by itself; what it is told beside what all are
class Role {
  constructor(stage, role, n, credentials, settings) {
    const conf = path.join(stage.dir, `${role}-${n}.conf`);
    fs.writeFileSync(conf, Object.entries({
      'database.url': `postgresql://127.0.0.1:${stage.pg.port}/replyd`,
      'tls.ca_file': path.join(stage.dir, 'ca.pem'),
      'net.allow': '127.0.0.0/8',
      'log.level': 'warn', 'log.format': 'kv',
      ...settings,
    }).map(([k, v]) => `${k} = ${v}\n`).join(''));
    this.log = path.join(stage.dir, `${role}-${n}.log`);
    this.running = start([binary('release'), role, '--credentials', credentials, '--config', conf],
      { log: this.log, deathSignal: 'TERM' });
    this.pid = this.running.pid;
  }

  stop() { return this.running.stop({ graceMs: 30000 }); }
}

const ofWorkers = {
  'ingest.capacity': PER_PROCESS,
  'provider.generic.connects_per_s': 100000, // one address is all these providers
  'provider.generic.logins_per_s': 100000,
  'gate.freshness': '3h', // so that any ingest.proof is accepted
};

const dearest = `select format('%8s ms exec %6s ms plan %7s calls  %s', round(total_exec_time), round(total_plan_time),
  calls, left(regexp_replace(query, '\\s+', ' ', 'g'), 140)) from public.pg_stat_statements
  order by total_exec_time + total_plan_time desc limit 40`;

// Stage: everything.
//   inboxes, outbounds (of each), folders (more ones of each), chain ('gmail' or 'short')
export class Stage {
  static async open({ inboxes, outbounds = 8, folders = 6, chain = 'gmail' }) {
    const stage = new Stage();
    const dir = workdir('rl-');
    const keys = Object.fromEntries(['digest', 'token', 'webhook'].map((name) => [name, crypto.randomBytes(32)]));
    Object.assign(stage, { dir, inboxes, workers: [], started: 0 });
    const credentials = (name, ...groups) => {
      const file = path.join(dir, name);
      fs.writeFileSync(file, ['db.password=load', ...groups.map((g) => `key.${g}=base64:${keys[g].toString('base64')}`), ''].join('\n'),
        { mode: 0o600 });
      return file;
    };
    stage.credentials = { ingest: credentials('ingest', 'token', 'digest'), dispatch: credentials('dispatch', 'webhook') };
    say(`certificates (${chain}) and simulator for ${inboxes} inboxes`);
    Object.assign(stage, await startSim({ dir, inboxes, outbounds, folders, chain }));
    say('PostgreSQL');
    Object.assign(stage, await startDatabase(dir, {}));
    stage.fill = async ({ hook } = {}) => {
      say(`filling the database: ${inboxes} inboxes, ${inboxes * outbounds} outbounds`);
      await fill({ url: stage.url, port: stage.port, inboxes, processes: stage.processes, outbounds, keys, hook });
      stage.hasProofs = await stage.sql.value("select to_regclass('inbox_proof') is not null") === 't';
    };
    return stage;
  }

  // profile: the dearest statements since the last call, when PROFILE=1 asked for it
  async profile({ quietly = false } = {}) {
    if (!process.env.PROFILE) return;
    if (!quietly) console.log((await this.sql.rows(dearest)).join('\n'));
    await this.sql.rows('select public.pg_stat_statements_reset()');
  }

  // startWorkers: as many as the inboxes ask for
  startWorkers(settings = {}, n = Math.ceil(this.inboxes / PER_PROCESS)) {
    for (let i = 0; i < n; i++)
      this.workers.push(new Role(this, 'ingest', this.started++, this.credentials.ingest, { ...ofWorkers, ...settings }));
    return this.workers;
  }

  // startDispatcher: it posts to this machine, in clear
  startDispatcher(settings = {}) {
    return new Role(this, 'dispatch', this.started++, this.credentials.dispatch, { 'dispatch.allow_http': 'on', ...settings });
  }

  async stopWorkers() {
    await Promise.all(this.workers.splice(0).map((w) => w.stop()));
  }

  get pids() { return this.workers.map((w) => w.pid); }

  // proven: how many inboxes are proven seen up to this instant (SQL) or later
  async proven(since) {
    const folders = `select inbox_id, min(coalesce(gated_through, '-infinity')) g from folder
      where role in ('inbox', 'junk', 'all') group by inbox_id`;
    return Number(await this.sql.value(this.hasProofs
      ? `select count(*) from (${folders}) f left join inbox_proof p using (inbox_id)
         where greatest(f.g, p.gated_through) > '${since}'`
      : `select count(*) from (${folders}) f where f.g > '${since}'`));
  }

  now() { return this.sql.value('select clock_timestamp()'); }

  // watched: wait until every inbox idles and is proven after `since`; seconds it took from the call
  async watched({ since, timeoutS = 600, progress = true } = {}) {
    const from = performance.now();
    let last = from, idling = 0, proven = 0, idleS = null;
    since ??= await this.now();
    for (;;) {
      const s = (performance.now() - from) / 1000;
      ({ idling } = await this.sim.stat());
      if (idling >= this.inboxes) idleS ??= s;
      if (idling >= this.inboxes * 0.99) proven = await this.proven(since);
      if (idling >= this.inboxes && proven >= this.inboxes) return { idleS, provenS: s };
      for (const w of this.workers)
        if (w.running.over) throw new Error(`a worker ended:\n${fs.readFileSync(w.log, 'utf8').slice(-2000)}`);
      if (s > timeoutS) throw new Error(`after ${timeoutS} s ${idling} idle and ${proven} are proven`);
      if (progress && performance.now() - last > 10000) {
        say(`  ${idling} idle, ${proven} proven after ${s.toFixed(0)} s`);
        last = performance.now();
      }
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  // quiet: wait until so many mails are settled, and every inbox idles again
  async quiet(mails, { timeoutS = 120 } = {}) {
    await until('all mails to be settled', async () => {
      return await this.events() >= mails && (await this.sim.stat()).idling >= this.inboxes;
    }, { timeoutMs: timeoutS * 1000, everyMs: 200 });
    await new Promise((done) => setTimeout(done, 2000));
  }

  // events: how many were ever written, told without reading a table
  async events() {
    return Number(await this.sql.value("select last_value from event_queue_queue_id_seq where is_called"));
  }

  // settled: wait until so many events were written since there were `before`, or nothing moves any more
  async settled(before, mails, { timeoutS }) {
    let last = 0, movedAt = performance.now();
    await until('all mails to be settled', async () => {
      const n = await this.events() - before;
      if (n !== last) movedAt = performance.now();
      last = n;
      return n >= mails || performance.now() - movedAt > 10000;
    }, { timeoutMs: timeoutS * 1000, everyMs: 200 });
  }

  // delays: of the mails pushed since `since` (Unix us), from the push to the commit that closed the gate, and
  // to the commit of the event, in ms; both by PostgreSQL's own commit timestamps
  async delays(since) {
    const us = (xid) => `(extract(epoch from pg_xact_commit_timestamp(${xid}))*1000000)::bigint`;
    const percentile = (p, of) => `round((percentile_disc(${p}) within group (order by ${of}) / 1000.0)::numeric, 3)`;
    const [line] = await this.sql.rows(`with mail as (
        select split_part(split_part(m.header_message_id, '@', 1), '.', 3)::bigint pushed,
          ${us('s.xmin')} gated, case when m.state <> 'pending' then ${us('m.xmin')} end settled
        from message m join sighting s on s.workspace_id = m.workspace_id and s.message_id = m.message_id
        where m.header_message_id like 'r%')
      select count(*), count(settled), ${percentile(0.5, 'gated - pushed')}, ${percentile(0.99, 'gated - pushed')},
        ${percentile(1, 'gated - pushed')}, ${percentile(0.5, 'settled - pushed')},
        ${percentile(0.99, 'settled - pushed')}, min(pushed), max(gated), max(settled)
      from mail where pushed >= ${since}`);
    const [n, settled, p50, p99, most, event50, event99, first, lastGated, lastSettled] = line.split('|').map(Number);
    return { n, settled, p50, p99, most, event50, event99,
      gatedPerS: n / ((lastGated - first) / 1e6), settledPerS: settled / ((lastSettled - first) / 1e6) };
  }
}
