// IMAP servers over TLS that do one thing wrong.
import fs from 'node:fs';
import tls from 'node:tls';
import { atEnd } from './proc.mjs';

// startRude: { port, accepted, stop() }.  `manner`:
//   mute        TLS, and then never a word
//   babble      talks HTTP
//   endless     logs in like any other, and answers the first FETCH with a literal of 4 GiB
//   says        like any other, but answers commands that begin with `refuse` with the words `words`;
//               `caps` are its capabilities
export async function startRude(manner, { cert, key }, { refuse, words: refusal, caps = 'IMAP4rev1 AUTH=PLAIN' } = {}) {
  const sockets = new Set();
  const rude = { accepted: 0, sent: 0 };
  const server = tls.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, (s) => {
    rude.accepted += 1;
    sockets.add(s);
    s.on('close', () => sockets.delete(s));
    s.on('error', () => { /* the other side has had enough */ });
    if (manner === 'babble') s.write('HTTP/1.1 400 Bad Request\r\n\r\n');
    if (manner === 'endless' || manner === 'says') serve(s);
  });
  server.on('tlsClientError', () => { /* a client that does not like the certificate */ });

  function flood(s) {
    const piece = Buffer.alloc(65536, 0x78);
    const more = () => {
      while (s.writable) {
        rude.sent += piece.length;
        if (!s.write(piece)) { s.once('drain', more); return; }
      }
    };
    more();
  }

  function serve(s) {
    let rest = '';
    let waiting = null; // the tag of an AUTHENTICATE that waits for its credential
    s.write(`* OK [CAPABILITY ${caps}] ready\r\n`);
    s.on('data', (bytes) => {
      const lines = (rest + bytes.toString('latin1')).split('\r\n');
      rest = lines.pop();
      for (const line of lines) {
        const [tag, ...words] = line.split(' ');
        const command = words.join(' ').toUpperCase();
        if (refuse && command.startsWith(refuse)) { s.write(`${tag} ${refusal}\r\n`); continue; }
        if (waiting) { s.write(`${waiting} OK in\r\n`); waiting = null; continue; }
        if (command === 'AUTHENTICATE PLAIN') { waiting = tag; s.write('+ \r\n'); continue; }
        if (command.includes('FETCH')) {
          s.write('* 1 FETCH (UID 1 BODY[HEADER] {4294967296}\r\n');
          flood(s);
          return;
        }
        if (command.startsWith('CAPABILITY')) s.write(`* CAPABILITY ${caps}\r\n`);
        if (command.startsWith('LIST')) s.write('* LIST () "/" INBOX\r\n');
        if (command.startsWith('EXAMINE'))
          s.write('* 1 EXISTS\r\n* OK [UIDVALIDITY 1] a\r\n* OK [UIDNEXT 2] b\r\n');
        if (command.includes('SEARCH')) s.write('* SEARCH 1\r\n');
        s.write(`${tag} OK done\r\n`);
      }
    });
  }

  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  rude.port = server.address().port;
  rude.stop = () => { for (const s of sockets) s.destroy(); server.close(); };
  atEnd(rude.stop);
  return rude;
}
