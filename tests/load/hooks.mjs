// Receivers of bench-delivery, in a process of their own: /good/N is answered 204 at once, /slow/N after 30 s.  Of each post to
// /good/N how old its event was is noted; the instant of its commit stands in it.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { atEnd } from '../sandbox/proc.mjs';

const SLOW_MS = 30000;
const committed = /"committed_us": (\d+)/;
const nowUs = () => (performance.timeOrigin + performance.now()) * 1000;

function serve() {
  let ages = [], posts = 0;
  const server = createServer((req, res) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
      if (req.url.startsWith('/slow')) {
        setTimeout(() => res.writeHead(204).end(), SLOW_MS).unref();
        return;
      }
      res.writeHead(204).end();
      posts++;
      const at = committed.exec(parts.length === 1 ? parts[0].toString('latin1') : Buffer.concat(parts).toString('latin1'));
      if (at && req.url.startsWith('/good')) ages.push((nowUs() - Number(at[1])) / 1000);
    });
  });
  server.keepAliveTimeout = 600000;
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
  process.on('message', (word) => {
    ages.sort((a, b) => a - b);
    const at = (q) => ages[Math.min(ages.length - 1, Math.floor(ages.length * q))] ?? 0;
    process.send({ posts, n: ages.length, p50: at(0.5), p99: at(0.99), most: at(1) });
    if (word === 'reset') { ages = []; posts = 0; }
  });
  process.on('disconnect', () => process.exit());
}

export async function startHooks() {
  const child = fork(fileURLToPath(import.meta.url), ['serve'], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  atEnd(() => { child.kill('SIGKILL'); });
  const [{ port }] = await once(child, 'message');
  const ask = async (word) => {
    child.send(word);
    return (await once(child, 'message'))[0];
  };
  return { base: `http://127.0.0.1:${port}`, stat: () => ask('stat'), reset: () => ask('reset') };
}

if (process.argv[2] === 'serve') serve();
