// A pooler in transaction mode is detected and refused with the reason: LISTEN and prepared statements need a session.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startPostgres } from '../sandbox/postgres.mjs';
import { endAll, freePort, portAnswers, run, start, unprivileged, until, workdir } from '../sandbox/proc.mjs';
import { binary } from '../sandbox/replyd.mjs';

let pg, dir;
before(async () => {
  dir = workdir();
  pg = await startPostgres({ dir: path.join(dir, 'pg'), settings: { password_encryption: 'scram-sha-256' } });
});
after(endAll);

async function bouncer(mode) {
  const nobody = unprivileged();
  const port = await freePort();
  const home = path.join(dir, mode);
  fs.mkdirSync(home, { mode: 0o755 });
  fs.writeFileSync(path.join(home, 'users.txt'), '"owner" "owner-password"\n', { mode: 0o644 });
  fs.writeFileSync(path.join(home, 'pgbouncer.ini'), `[databases]
postgres = host=127.0.0.1 port=${pg.port} dbname=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${home}/users.txt
pool_mode = ${mode}
ignore_startup_parameters = extra_float_digits,options
`, { mode: 0o644 });
  if (nobody) for (const f of ['', 'users.txt', 'pgbouncer.ini']) fs.chownSync(path.join(home, f), nobody.uid, nobody.gid);
  start(['/usr/sbin/pgbouncer', path.join(home, 'pgbouncer.ini')], { log: path.join(home, 'log'), user: nobody, cwd: home });
  await until('pgbouncer to answer', () => portAnswers(port));
  return `postgresql://owner:owner-password@127.0.0.1:${port}/postgres`;
}

test('transaction mode', async () => {
  const DATABASE_URL = await bouncer('transaction');
  const r = await run([binary(), 'up', '--data', path.join(dir, 'data')], { env: { PATH: process.env.PATH, DATABASE_URL } });
  assert.equal(r.code, 78, r.stderr);
  assert.match(r.stderr, /pooler|pool_mode/);
  assert.match(r.stderr, /session/);
  assert.equal(await pg.psql("select count(*) from pg_namespace where nspname = 'replyd'").then((s) => s.trim()), '0',
    'nothing was written');
});
