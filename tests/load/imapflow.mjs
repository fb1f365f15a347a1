// imapflow as its manual shows it: a client per account, INBOX open, a fetch when it hears "exists".  It idles again at once: left to
// itself it waits for 15 s of quiet, and hears of no mail meanwhile.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostOf } from './stage.mjs';

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), 'peer');

// the peers' packages, which `make test` does without; installed when first asked for
export const peerRequire = createRequire(path.join(folder, 'package.json'));
export function installPeers() {
  try { peerRequire.resolve('undici'); } catch {
    execFileSync('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'],
      { cwd: folder, stdio: 'inherit' });
  }
}

// openAll: inboxes 0 .. inboxes - 1 of the simulator, each mail as it comes to onMail(source)
export async function openAll({ inboxes, port, ca, processes, onMail = () => {} }) {
  const { ImapFlow } = peerRequire('imapflow');
  let open = 0, next = 0;
  async function one(n) {
    const client = new ImapFlow({ host: hostOf(n, processes), port, secure: true, logger: false, emitLogs: false,
      auth: { user: `u${String(n).padStart(8, '0')}@load.example`, pass: 'correct-horse-battery' },
      tls: { ca } });
    client.on('error', () => {});
    let known = 1000, told = 0, busy = false;
    client.on('exists', async ({ count }) => {
      told = count;
      if (busy) return;
      busy = true;
      while (known < 1000 + told)
        for await (const mail of client.fetch(`${known + 1}:*`, { uid: true, source: true }, { uid: true })) {
          known = Math.max(known, mail.uid);
          onMail(mail.source);
        }
      busy = false;
      client.idle().catch(() => {});
    });
    await client.connect();
    await client.mailboxOpen('INBOX', { readOnly: true });
    client.idle().catch(() => {});
    open++;
  }
  await Promise.all(Array.from({ length: 64 }, async () => { while (next < inboxes) await one(next++); }));
  return open;
}
