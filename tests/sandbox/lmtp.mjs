// Delivers one mail to one mailbox by LMTP (RFC 2033).
import net from 'node:net';

// deliver: { sentAt, takenAt } as Date.now(): the whole mail handed to the server, and its 250 back
export function deliver(port, { to, raw, from = 'sender@example.test' }) {
  const data = `${raw.replace(/\r?\n/g, '\r\n').replace(/^\./gm, '..').replace(/\r\n$/, '')}\r\n.\r\n`;
  const steps = [
    [/^220/, 'LHLO sandbox.example.test\r\n'], [/^250/, `MAIL FROM:<${from}>\r\n`],
    [/^250/, `RCPT TO:<${to}>\r\n`], [/^250/, 'DATA\r\n'], [/^354/, data], [/^250/, 'QUIT\r\n'],
  ];
  return new Promise((done, fail) => {
    const s = net.connect({ host: '127.0.0.1', port });
    let text = '';
    let step = 0;
    let sentAt = 0;
    s.setTimeout(20000, () => s.destroy(new Error('LMTP: no answer for 20 s')));
    s.on('error', fail);
    s.on('data', (bytes) => {
      text += bytes.toString('latin1');
      for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        if (/^\d\d\d-/.test(line) || step >= steps.length) continue;
        const [want, say] = steps[step];
        if (!want.test(line)) { s.destroy(new Error(`LMTP step ${step}: ${line}`)); return; }
        step += 1;
        if (say === data) sentAt = Date.now();
        s.write(say);
        if (step === steps.length) { done({ sentAt, takenAt: Date.now() }); s.end(); }
      }
    });
    s.on('close', () => { if (step < steps.length) fail(new Error(`LMTP: closed at step ${step}`)); });
  });
}
