// A TCP proxy that misbehaves on request: delay, slowness, tiny pieces, cuts, silence, refusal.
import net from 'node:net';
import { atEnd, sleep } from './proc.mjs';

// startFaultProxy: { port, faults, open, accepted, kill(how), heal(), stop() }.  Set fields of
// `faults` at any time; they hold for open connections too:
//   delayMs, jitterMs        each piece waits so long
//   bytesPerSecond, piece    slow, and in pieces of so many bytes
//   cutAfter, cutBy          so many bytes from the server, then the end ('fin' or 'rst')
//   silent                   'up', 'down' or 'both': bytes vanish and nothing is closed
//   refuse                   new connections are reset
export async function startFaultProxy(targetPort) {
  const pairs = new Set();
  const proxy = { faults: {}, accepted: 0 };

  function pump(pair, from, to, way) {
    let queue = Promise.resolve();
    let passed = 0;
    const pass = async (bytes) => {
      const size = proxy.faults.piece || bytes.length;
      for (let i = 0; i < bytes.length; i += size) {
        const f = proxy.faults;
        const piece = bytes.subarray(i, i + size);
        if (f.silent === way || f.silent === 'both') return;
        if (f.delayMs) await sleep(f.delayMs + Math.random() * (f.jitterMs ?? 0));
        if (f.bytesPerSecond) await sleep(piece.length / f.bytesPerSecond * 1000);
        passed += piece.length;
        if (f.cutAfter && way === 'down' && passed > f.cutAfter) { end(pair, f.cutBy); return; }
        if (to.writable) to.write(piece);
      }
    };
    from.on('data', (bytes) => {
      from.pause();
      queue = queue.then(() => pass(bytes)).then(() => from.resume());
    });
    from.on('end', () => queue.then(() => {
      if (!['both', way].includes(proxy.faults.silent)) to.end();
    }));
    from.on('error', () => to.destroy());
    from.on('close', () => { if (from.errored || to.writableEnded) to.destroy(); });
  }

  function end({ client, server }, how = 'fin') {
    if (how === 'rst') client.resetAndDestroy(); else client.end();
    server.destroy();
  }

  const listener = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    proxy.accepted += 1;
    client.on('error', () => { /* its own pair's handler closes the other side */ });
    if (proxy.faults.refuse) { client.resetAndDestroy(); return; }
    const server = net.connect({ host: '127.0.0.1', port: targetPort, allowHalfOpen: true, noDelay: true });
    const pair = { client, server };
    pairs.add(pair);
    client.on('close', () => { pairs.delete(pair); server.destroy(); });
    pump(pair, client, server, 'up');
    pump(pair, server, client, 'down');
  });
  await new Promise((done) => listener.listen(0, '127.0.0.1', done));
  proxy.port = listener.address().port;
  proxy.kill = (how) => { for (const pair of pairs) end(pair, how); };
  proxy.heal = () => { proxy.faults = {}; };
  proxy.stop = () => new Promise((done) => {
    for (const { client, server } of pairs) { client.destroy(); server.destroy(); }
    listener.close(done);
  });
  Object.defineProperty(proxy, 'open', { get: () => pairs.size });
  atEnd(() => proxy.stop());
  return proxy;
}
