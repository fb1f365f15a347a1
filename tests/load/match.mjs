// Look-ups of Message-IDs and names against ten million outbounds, on one connection, as a worker makes them.
// Run by: make bench-match.
//   OUTBOUNDS (10000000), WORKSPACES (40), SECONDS (10) of each measurement
//   PRIORITY=1  PostgreSQL and the asker go before others (chrt -r 1), where a machine is busy with other things
import { spawn } from 'node:child_process';
import path from 'node:path';
import { endAll, must, workdir } from '../sandbox/proc.mjs';
import { root } from '../sandbox/replyd.mjs';
import { Report, setting } from './measure.mjs';
import { say, startDatabase } from './stage.mjs';

const outbounds = setting('OUTBOUNDS', 10000000);
const workspaces = setting('WORKSPACES', 40);
const seconds = setting('SECONDS', 10);
const program = path.join(root, 'build/release/tests/load/matchload');
const sizes = [`outbounds=${outbounds}`, `workspaces=${workspaces}`];

async function fill(url) {
  const rows = spawn(program, ['fill', ...sizes], { stdio: ['ignore', 'pipe', 'inherit'] });
  const psql = spawn('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', url], { stdio: [rows.stdout, 'ignore', 'inherit'] });
  await Promise.all([rows, psql].map((p) => new Promise((done, failed) => {
    p.on('exit', (code) => (code ? failed(new Error(`filling the database: status ${code}`)) : done()));
  })));
}

// all of it stands in memory, as on a machine that has served for a while
const prewarm = `create extension pg_prewarm with schema public; select sum(public.pg_prewarm(oid)) from pg_class
  where relname like 'outbound%' and relkind in ('r', 'i') and relnamespace = 'replyd'::regnamespace`;
const first = process.env.PRIORITY ? ['chrt', '-r', '1'] : [];

try {
  // nothing of it needs to reach the disk
  const { pg, url, sql } = await startDatabase(workdir('rl-'), { shared_buffers: '9GB', fsync: 'off', full_page_writes: 'off',
    wal_level: 'minimal', max_wal_senders: '0', track_commit_timestamp: 'off', autovacuum: 'off' });
  say(`filling the database: ${outbounds} outbounds`);
  const from = performance.now();
  await fill(url);
  const filled = (performance.now() - from) / 1000;
  await must(['psql', '-Xq', '-d', url, '-c', prewarm]);
  if (process.env.PRIORITY) await must(['chrt', '-r', '-p', '1', String(pg.pid)]);
  say('looking up');
  const asWorker = `postgresql://replyd_ingest:load@127.0.0.1:${pg.port}/replyd`;
  const said = JSON.parse(await must([...first, program, 'ask', ...sizes, `seconds=${seconds}`, `url=${asWorker}`]));
  const report = new Report('match');
  report.add('outbounds', outbounds, 'rows', { digits: 0 });
  report.add('tables and indexes', Number(await sql.value('select pg_database_size(current_database())')) / 2 ** 30, 'GiB');
  report.add('filled and indexed in', filled, 's', { digits: 0 });
  report.add('ids looked up, one connection', said.many.ids_per_s, 'ids/s', { goal: 100000, atLeast: true, digits: 0 });
  report.add('a batch of 20 ids, alone, p50', said.ids.p50_us / 1000, 'ms', { digits: 2 });
  report.add('the same, p99', said.ids.p99_us / 1000, 'ms', { goal: 2, digits: 2 });
  report.add('a batch of 20 mails (60 ids, 40 names), p50', said.mails.p50_us / 1000, 'ms', { digits: 2 });
  report.add('the same, p99', said.mails.p99_us / 1000, 'ms', { digits: 2 });
  report.end();
} finally {
  await endAll();
}
