// Processes, ports, folders and waiting: what every part of the sandbox needs.
//
// Whatever is started here ends with us: an orderly end runs the clean-ups in reverse order, and a
// program whose tester was killed gets a signal from the kernel (setpriv --pdeathsig).
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

const cleanups = [];

// atEnd: run fn when the sandbox ends; returns a function that runs it now, once
export function atEnd(fn) {
  const entry = { fn };
  cleanups.push(entry);
  return async () => {
    const i = cleanups.indexOf(entry);
    if (i < 0) return;
    cleanups.splice(i, 1);
    await fn();
  };
}

export async function endAll() {
  while (cleanups.length) {
    const { fn } = cleanups.pop();
    try { await fn(); } catch (e) { console.error('clean-up:', e.message); }
  }
}

for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143]])
  process.once(signal, async () => { await endAll(); process.exit(status); });

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Hopeless: what until() need not go on waiting for
export class Hopeless extends Error {}

// until: the first truthy answer of ask(), or an error that says what was waited for
export async function until(what, ask, { timeoutMs = 15000, everyMs = 20 } = {}) {
  const end = performance.now() + timeoutMs;
  let last;
  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer;
      last = undefined;
    } catch (e) {
      if (e instanceof Hopeless) throw e;
      last = e;
    }
    if (performance.now() > end)
      throw new Error(`waited ${timeoutMs} ms for ${what}${last ? ` (${last.message})` : ''}`);
    await sleep(everyMs);
  }
}

// workdir: a new folder with a short name (a Unix socket's path ends at 107 bytes) that the
// unprivileged user can reach, wherever the tree itself lies
export function workdir(prefix = 'rs-') {
  const dir = fs.mkdtempSync(path.join(os.tmpdir().length < 20 ? os.tmpdir() : '/tmp', prefix));
  fs.chmodSync(dir, 0o755);
  atEnd(() => {
    if (process.env.KEEP) console.error(`kept: ${dir}`);
    else fs.rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  });
  return dir;
}

// freePort: below the range the kernel gives to outgoing connections, so that nobody takes it while a server
// is stopped and started again.  A file says whose a port is: tests run beside each other.
const given = new Set();
process.on('exit', () => given.forEach((port) => fs.rmSync(portFile(port), { force: true })));
const portFile = (port) => path.join(os.tmpdir(), `replyd-port-${port}`);
function reserve(port) {
  const file = portFile(port);
  for (let again = 0; again < 2; again++) {
    try {
      fs.writeFileSync(file, String(process.pid), { flag: 'wx' });
      return true;
    } catch { /* somebody's; a dead one's is taken over */ }
    try { process.kill(Number(fs.readFileSync(file, 'utf8')), 0); return false; } catch (e) {
      if (e.code === 'EPERM') return false;
      fs.rmSync(file, { force: true });
    }
  }
  return false;
}

export async function freePort() {
  for (;;) {
    const port = 20000 + Math.floor(Math.random() * 12000);
    if (given.has(port) || !reserve(port)) continue;
    const free = await new Promise((done) => {
      const s = net.createServer();
      s.once('error', () => done(false));
      s.listen(port, '127.0.0.1', () => s.close(() => done(true)));
    });
    given.add(port); // kept even if it is not free: its file is ours to remove
    if (!free) continue;
    return port;
  }
}

export const portAnswers = (port) => new Promise((done) => {
  const s = net.connect({ host: '127.0.0.1', port });
  s.once('connect', () => { s.destroy(); done(true); });
  s.once('error', () => done(false));
});

// unprivileged: whom root becomes to run a server that refuses root; null when we are nobody special
export function unprivileged() {
  if (process.getuid() !== 0) return null;
  const [, , uid, gid] = fs.readFileSync('/etc/passwd', 'utf8').split('\n')
    .find((line) => line.startsWith('nobody:')).split(':');
  return { name: 'nobody', uid: Number(uid), gid: Number(gid) };
}

const dropTo = (user) => (user
  ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : []);

// groupIsGone: no living member; one that nobody has buried yet (state Z) holds nothing any more
function groupIsGone(group) {
  return !fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).some((pid) => {
    try {
      const [state, , pgrp] = fs.readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').pop().split(' ');
      return Number(pgrp) === group && !'ZX'.includes(state);
    } catch { return false; }
  });
}

// start: a long-running program in a process group of its own, its output in a file
export function start(argv, { log, user = null, env = process.env, cwd = '/', deathSignal = 'KILL' } = {}) {
  const out = fs.openSync(log, 'a');
  const child = spawn('setpriv', [...dropTo(user), '--pdeathsig', deathSignal, '--', ...argv],
    { detached: true, stdio: ['ignore', out, out], env, cwd });
  fs.closeSync(out);
  // whoever starts it need not end it: it ends with the sandbox at the latest
  atEnd(() => (running.over ? null : running.stop({ graceMs: 20000 })));
  const running = {
    pid: child.pid,
    log,
    ended: new Promise((done) => {
      child.once('error', (error) => { running.over = { error }; done(running.over); });
      child.once('exit', (code, signal) => { running.over = { code, signal }; done(running.over); });
    }),
    over: null,
    signal(name) { try { process.kill(child.pid, name); } catch { /* it is gone */ } },
    signalGroup(name) { try { process.kill(-child.pid, name); } catch { /* it is gone */ } },
    // stop: ask, wait, insist; with the whole group gone at the end
    async stop({ signal = 'SIGTERM', graceMs = 10000 } = {}) {
      if (!running.over && signal !== 'SIGKILL') running.signal(signal);
      if (signal === 'SIGKILL') graceMs = 0;
      let patience; // must not keep us here once the program has ended
      await Promise.race([running.ended, new Promise((done) => { patience = setTimeout(done, graceMs); })]);
      clearTimeout(patience);
      running.signalGroup('SIGKILL');
      await running.ended;
      await until(`${argv[0]} and its children to be gone`, () => groupIsGone(child.pid), { everyMs: 5 });
      return running.over;
    },
  };
  return running;
}

// run: a program to its end; never throws for an exit status, the caller judges it
export function run(argv, { input, user = null, env = process.env, cwd = '/', timeoutMs = 60000 } = {}) {
  const full = user ? ['setpriv', ...dropTo(user), '--', ...argv] : argv;
  return new Promise((done) => {
    const child = execFile(full[0], full.slice(1),
      { env, cwd, timeout: timeoutMs, maxBuffer: 256 << 20, encoding: 'utf8' },
      (error, stdout, stderr) => done({
        code: error ? (typeof error.code === 'number' ? error.code : -1) : 0,
        signal: error?.signal ?? null, stdout, stderr,
      }));
    child.stdin.on('error', () => { /* it did not want to read */ });
    child.stdin.end(input ?? '');
  });
}

export async function must(argv, options) {
  const r = await run(argv, options);
  if (r.code !== 0) throw new Error(`${argv.slice(0, 3).join(' ')}: status ${r.code}\n${r.stderr}`);
  return r.stdout;
}
