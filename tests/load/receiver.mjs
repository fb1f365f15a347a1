// The consumer at the end of bench-e2e, in a process of its own: every post is answered 204, and how old its reply was then is
// noted (the instant of the push stands in the Message-ID, sim_mail.c).
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { atEnd } from '../sandbox/proc.mjs';

const pushed = /r\d{8}\.\d{8}\.(\d{16})@mail\.prospect\.example/;
const nowUs = () => (performance.timeOrigin + performance.now()) * 1000;

function serve() {
  let ages = new Map(), since = 0, posts = 0, others = 0; // of each reply, how old it was when it came first
  const server = createServer((req, res) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
      res.writeHead(204);
      res.end();
      const id = pushed.exec(parts.length === 1 ? parts[0].toString('latin1') : Buffer.concat(parts).toString('latin1'));
      if (id && Number(id[1]) < since) return; // of the wave before
      posts++;
      if (!id) others++;
      else if (!ages.has(id[0])) ages.set(id[0], nowUs() - Number(id[1]));
    });
  });
  server.keepAliveTimeout = 600000;
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
  process.on('message', (word) => {
    const sorted = [...ages.values()].sort((a, b) => a - b);
    const at = (q) => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0) / 1000;
    process.send({ n: ages.size, posts, others, p50: at(0.5), p99: at(0.99), most: at(1) });
    if (word === 'reset') { ages = new Map(); since = nowUs(); posts = others = 0; }
  });
  process.on('disconnect', () => process.exit());
}

export async function startReceiver() {
  const child = fork(fileURLToPath(import.meta.url), ['serve'], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  atEnd(() => { child.kill('SIGKILL'); });
  const [{ port }] = await once(child, 'message');
  const ask = async (word) => {
    child.send(word);
    return (await once(child, 'message'))[0];
  };
  // { n: replies, posts, others: posts about no reply, p50, p99, most: ms } since the last reset
  return { pid: child.pid, url: `http://127.0.0.1:${port}/hook`, stat: () => ask('stat'), reset: () => ask('reset') };
}

if (process.argv[2] === 'serve') serve();
