// What can go wrong around replyd, one after another or all at once.
//
// faultsOf(box, proxy): draw(chance) gives a fault { name, run() }; run() ends
// when the fault is over, and leaves everything running again.  heal() repairs whatever is left.
import fs from 'node:fs';
import path from 'node:path';
import { run, sleep, until } from './proc.mjs';

const children = async (pid) => (pid ? (await run(['pgrep', '-P', String(pid)])).stdout : '').split('\n').filter(Boolean).map(Number);

// A pid from a file may be somebody else's by now: only a child of its parent is meant.
const parentOf = (pid) => {
  try { return Number(fs.readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1).split(' ')[1]); } catch { return 0; }
};

function signal(pid, name) {
  if (!(pid > 1)) return false;
  try { process.kill(pid, name); return true; } catch { return false; }
}

export function faultsOf(box, proxy) {
  const isOurs = (pid) => pid > 1 && parentOf(pid) === box.replyd.running?.pid;
  const pids = (role) => { try { return box.replyd.pids(role).filter(isOurs); } catch { return []; } };
  const postmaster = () => { try { return [box.replyd.state.postgres].find(isOurs) ?? 0; } catch { return 0; } };
  const stopped = new Set();
  let mailServer = Promise.resolve(); // one thing at a time is done to Dovecot

  async function pause(pid, ms) {
    if (!signal(pid, 'SIGSTOP')) return;
    stopped.add(pid);
    await sleep(ms);
    signal(pid, 'SIGCONT');
    stopped.delete(pid);
  }

  function whileStopped(ms, meanwhile = () => {}) {
    mailServer = mailServer.then(async () => {
      box.mailIsDown = true;
      await box.dovecot.stop();
      await meanwhile();
      await sleep(ms);
      await box.dovecot.start();
      box.mailIsDown = false;
    });
    return mailServer;
  }

  async function onWire(faults, ms) {
    Object.assign(proxy.faults, faults);
    await sleep(ms);
    for (const name of Object.keys(faults)) delete proxy.faults[name];
  }

  // Another UIDVALIDITY for an inbox, as after a restored backup.
  function forgetUids(address) {
    const box_ = path.join(box.dir, 'dc/mail', address, 'Maildir');
    for (const name of fs.existsSync(box_) ? fs.readdirSync(box_) : [])
      if (/^dovecot(-uidlist|\.index.*|\.list\.index.*)$/.test(name)) fs.rmSync(path.join(box_, name), { force: true });
  }

  const roles = ['ingest', 'ingest', 'ingest', 'dispatch', 'broker', 'api', 'rotation'];
  const table = [
    [14, (c) => { const role = c.one(roles); const at = c.below(8);
      return { name: `kill -9 of one ${role}`, run: async () => { const p = pids(role); signal(p[at % p.length], 'SIGKILL'); } }; }],
    [4, (c) => { const role = c.one(roles);
      return { name: `kill -9 of every ${role}`, run: async () => { for (const p of pids(role)) signal(p, 'SIGKILL'); } }; }],
    [10, (c) => { const ms = c.between(200, 7000); const at = c.below(8);
      return { name: `one ingest stopped for ${ms} ms`, run: () => { const p = pids('ingest'); return pause(p[at % p.length], ms); } }; }],
    [4, (c) => { const ms = c.between(200, 7000);
      return { name: `every ingest stopped for ${ms} ms`, run: () => Promise.all(pids('ingest').map((p) => pause(p, ms))) }; }],
    [3, (c) => { const role = c.one(['dispatch', 'broker', 'api']); const ms = c.between(200, 4000);
      return { name: `${role} stopped for ${ms} ms`, run: () => Promise.all(pids(role).map((p) => pause(p, ms))) }; }],
    [5, () => ({ name: 'kill -9 of PostgreSQL', run: async () => { signal(postmaster(), 'SIGKILL'); } })],
    [5, (c) => { const at = c.below(100);
      return { name: 'kill -9 of a backend', run: async () => { const all = await children(postmaster()); signal(all[at % all.length], 'SIGKILL'); } }; }],
    [6, (c) => { const at = c.below(100);
      return { name: 'a backend ended', run: async () => { const all = await children(postmaster()); signal(all[at % all.length], 'SIGTERM'); } }; }],
    [5, (c) => { const ms = c.between(100, 3000); const at = c.below(100);
      return { name: `a backend stopped for ${ms} ms`, run: async () => { const all = await children(postmaster()); await pause(all[at % all.length], ms); } }; }],
    [8, (c) => { const ms = c.between(0, 3000);
      return { name: `Dovecot away for ${ms} ms`, run: () => whileStopped(ms) }; }],
    [4, (c) => { const address = c.one(box.addresses);
      return { name: `another UIDVALIDITY for ${address}`, run: () => whileStopped(0, () => forgetUids(address)) }; }],
    [6, (c) => { const how = c.one(['fin', 'rst']);
      return { name: `every IMAP connection cut (${how})`, run: async () => proxy.kill(how) }; }],
    [8, (c) => { const bytes = c.between(1, 9000); const ms = c.between(1000, 5000); const how = c.one(['fin', 'rst']);
      return { name: `IMAP cut after ${bytes} bytes for ${ms} ms`, run: () => { proxy.kill(how); return onWire({ cutAfter: bytes, cutBy: how }, ms); } }; }],
    [4, (c) => { const ms = c.between(1000, 4000);
      return { name: `IMAP in single bytes for ${ms} ms`, run: () => onWire({ piece: 1 }, ms) }; }],
    [6, (c) => { const way = c.one(['up', 'down', 'both']); const ms = c.between(500, 5000); const ends = c.happens(0.7);
      return { name: `IMAP silent (${way}) for ${ms} ms`, run: async () => { await onWire({ silent: way }, ms); if (ends) proxy.kill('rst'); } }; }],
    [5, (c) => { const delayMs = c.between(50, 1500); const ms = c.between(1000, 5000);
      return { name: `IMAP late by ${delayMs} ms for ${ms} ms`, run: () => onWire({ delayMs, jitterMs: delayMs }, ms) }; }],
    [3, (c) => { const ms = c.between(500, 4000);
      return { name: `IMAP refused for ${ms} ms`, run: () => { proxy.kill('rst'); return onWire({ refuse: true }, ms); } }; }],
    [4, (c) => { const status = c.one([500, 503, 429, 0]); const times = c.between(1, 4);
      return { name: `OAuth answers ${status}, ${times} times`, run: async () => { box.oidc.failNext({ status, times }); proxy.kill('fin'); } }; }],
    [3, (c) => { const delayMs = c.between(1000, 6000);
      return { name: `OAuth hangs for ${delayMs} ms`, run: async () => { box.oidc.failNext({ status: 500, delayMs, times: 2 }); proxy.kill('fin'); } }; }],
    [5, (c) => { const status = c.one([500, 503, 400, 0]); const times = c.between(1, 6);
      return { name: `the engine answers ${status}, ${times} times`, run: async () => box.engine.answerNext({ status, times }) }; }],
    [3, (c) => { const delayMs = c.between(500, 4000);
      return { name: `the engine takes ${delayMs} ms`, run: async () => box.engine.answerNext({ status: 204, times: 3, delayMs }) }; }],
    [1, () => ({ name: 'kill -9 of replyd up', run: async () => {
      if (!box.replyd.running) return;
      box.replyd.running.signal('SIGKILL');
      await until('it to be gone', () => box.replyd.running.over);
      await box.replyd.start();
    } })],
  ];

  return {
    draw: (c) => c.weighted(table)(c),
    async heal() {
      proxy.heal();
      box.oidc.failNoMore();
      for (const pid of stopped) signal(pid, 'SIGCONT');
      stopped.clear();
      await mailServer;
      if (box.replyd.running.over) await box.replyd.start();
      await box.replyd.ready();
    },
  };
}
