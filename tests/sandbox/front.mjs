// TLS in front of replyd, as a proxy of the operator's ends it: what is inside goes on as it is.
import fs from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { atEnd } from './proc.mjs';

// startTlsFront: { port } on localhost, with a certificate of the authority for it, before `inside` on this machine
export async function startTlsFront(ca, inside) {
  const { cert, key } = await ca.issue('front');
  const open = new Set();
  const server = tls.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key), ALPNProtocols: ['http/1.1'] }, (outer) => {
    const inner = net.connect(inside, '127.0.0.1');
    for (const [from, to] of [[outer, inner], [inner, outer]]) {
      open.add(from);
      from.on('error', () => to.destroy()).on('close', () => { open.delete(from); to.end(); }).pipe(to);
    }
  });
  await new Promise((done, failed) => { server.on('error', failed).listen(0, 'localhost', done); });
  atEnd(() => { for (const socket of open) socket.destroy(); server.close(); });
  return { port: server.address().port };
}
