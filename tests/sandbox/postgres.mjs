// PostgreSQL for tests: a throw-away cluster of its own, and a look into the one of `replyd up`.
import fs from 'node:fs';
import path from 'node:path';
import { atEnd, freePort, Hopeless, must, run, start, unprivileged, until } from './proc.mjs';

const bin = '/usr/lib/postgresql/15/bin';
const at = (program) => path.join(bin, program);

// startPostgres: a cluster below dir, with the superuser `owner`
//   { url, socketUrl, port, start(), stop(), psql(sql) }; start and stop as often as wanted
export async function startPostgres({ dir, password = 'owner-password', settings = {} }) {
  const nobody = unprivileged();
  const port = await freePort();
  const data = path.join(dir, 'data');
  fs.mkdirSync(dir, { recursive: true, mode: 0o755 });
  const pw = path.join(dir, 'pw');
  fs.writeFileSync(pw, `${password}\n`);
  if (nobody) fs.chownSync(dir, nobody.uid, nobody.gid);
  await must([at('initdb'), '-D', data, '-U', 'owner', '--auth=scram-sha-256', `--pwfile=${pw}`, '-E', 'UTF8',
    '--locale=C.UTF-8', '--no-sync', '--no-instructions'], { user: nobody, cwd: dir });
  const conf = { listen_addresses: '127.0.0.1', port, unix_socket_directories: dir, fsync: 'off',
    full_page_writes: 'off', ...settings };
  fs.appendFileSync(path.join(data, 'postgresql.conf'),
    Object.entries(conf).map(([k, v]) => `${k} = '${v}'\n`).join(''));
  let running = null;
  const pg = {
    port,
    get pid() { return running?.pid; },
    url: `postgresql://owner:${password}@127.0.0.1:${port}/postgres`,
    async start() {
      running = start([at('postgres'), '-D', data], { log: path.join(dir, 'postgres.log'), user: nobody, cwd: dir });
      await until('PostgreSQL to answer', async () => {
        if (running.over) throw new Hopeless(`PostgreSQL ended: ${fs.readFileSync(running.log, 'utf8')}`);
        return (await run([at('pg_isready'), '-q', '-h', '127.0.0.1', '-p', String(port)])).code === 0;
      });
    },
    async stop({ signal = 'SIGINT' } = {}) { // fast shutdown; SIGQUIT is a crash
      if (running) await running.stop({ signal });
      running = null;
    },
    psql: (sql) => must([at('psql'), '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', pg.url, '-c', sql]),
  };
  atEnd(() => pg.stop({ signal: 'SIGQUIT' }));
  await pg.start();
  return pg;
}

// insideOf: the private cluster of a `replyd up` as its superuser, whom no policy hides anything from
export function insideOf(replyd) {
  const conninfo = `${replyd.conninfo} user=replyd_root`;
  const env = { ...process.env,
    PGPASSWORD: Buffer.from(fs.readFileSync(path.join(replyd.data, 'secrets/db-root'), 'latin1'), 'base64').toString() };
  return {
    psql: async (sql) => (await must([at('psql'), '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', conninfo, '-c', sql],
      { env })).trim(),
    dump: () => must([at('pg_dump'), '-d', conninfo], { env }),
    // `sql` in a transaction that stays open, until release()
    hold: async (sql) => {
      const name = `hold ${crypto.randomUUID()}`;
      const holder = start([at('psql'), '-XAtq', '-d', `${conninfo} application_name='${name}'`, '-c', `begin; ${sql}; select pg_sleep(600)`],
        { log: '/dev/null', env });
      const look = (what, want) => until('a transaction that holds', async () => {
        const said = await must([at('psql'), '-XAtq', '-d', conninfo, '-c', `select ${what} from pg_stat_activity where application_name = '${name}'`], { env });
        return said.trim() === want;
      });
      await look('wait_event', 'PgSleep');
      return {
        release: async () => {
          await look('count(pg_terminate_backend(pid))', '0');
          await holder.ended;
        },
      };
    },
    // the same question every `everyMs`, its answers in the file `log`, until stop()
    watch: (sql, { dir, log, everyMs = 50 }) => {
      const file = path.join(dir, 'watch.sql');
      fs.writeFileSync(file, `${sql}\n\\watch ${everyMs / 1000}\n`);
      return start([at('psql'), '-XAtq', '-d', conninfo, '-f', file], { log, env, cwd: dir });
    },
  };
}
