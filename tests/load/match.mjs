// Look-ups of Message-IDs and names against ten million outbounds, on one connection, as a worker makes them.
// Run by: make bench-match.
//   OUTBOUNDS (10000000), WORKSPACES (40), SECONDS (10) of each measurement, KEEP=1 keeps the database
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

try {
  // what is looked up stands in memory, as on a machine that serves so many; nothing of it needs to reach the disk
  const { pg, url, sql } = await startDatabase(workdir('rl-'), { shared_buffers: '4GB', fsync: 'off', full_page_writes: 'off',
    wal_level: 'minimal', max_wal_senders: '0', track_commit_timestamp: 'off', autovacuum: 'off' });
  say(`filling the database: ${outbounds} outbounds`);
  let from = performance.now();
  await fill(url);
  const filled = (performance.now() - from) / 1000;
  say('looking up');
  from = performance.now();
  const asWorker = `postgresql://replyd_ingest:load@127.0.0.1:${pg.port}/replyd`;
  const said = JSON.parse(await must([program, 'ask', ...sizes, `seconds=${seconds}`, `url=${asWorker}`]));
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
