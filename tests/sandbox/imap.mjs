// A small raw IMAP client over TLS: what a mailbox looks like to somebody else than replyd.
import fs from 'node:fs';
import tls from 'node:tls';

export class Imap {
  #socket;
  #bytes = Buffer.alloc(0);
  #waiting = null;
  #over = null;
  #n = 0;

  static async open({ port, ca, user, password }) {
    const c = new Imap();
    c.#socket = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ca: fs.readFileSync(ca) });
    const ended = (e) => { c.#over = e ?? new Error('IMAP: closed'); c.#waiting?.(); };
    c.#socket.on('data', (d) => { c.#bytes = Buffer.concat([c.#bytes, d]); c.#waiting?.(); });
    c.#socket.on('error', ended);
    c.#socket.on('close', () => ended(c.#over));
    await c.#line();
    if (user) await c.cmd(`LOGIN "${user}" "${password}"`);
    return c;
  }

  async #more() {
    if (this.#over) throw this.#over;
    await new Promise((done) => { this.#waiting = done; });
    this.#waiting = null;
  }

  // one response with its literals put back in place, as latin1 text
  async #line() {
    let whole = '';
    for (;;) {
      let end;
      while ((end = this.#bytes.indexOf('\r\n')) < 0) await this.#more();
      const line = this.#bytes.subarray(0, end).toString('latin1');
      this.#bytes = this.#bytes.subarray(end + 2);
      whole += line;
      const literal = /\{(\d+)\}$/.exec(line);
      if (!literal) return whole;
      const n = Number(literal[1]);
      while (this.#bytes.length < n) await this.#more();
      whole += `\r\n${this.#bytes.subarray(0, n).toString('latin1')}`;
      this.#bytes = this.#bytes.subarray(n);
    }
  }

  // cmd: the untagged lines of a command that succeeded; an error otherwise
  async cmd(text) {
    const tag = `t${++this.#n}`;
    this.#socket.write(`${tag} ${text}\r\n`);
    const lines = [];
    for (;;) {
      const line = await this.#line();
      if (line.startsWith(`${tag} OK`)) return lines;
      if (line.startsWith(`${tag} `)) throw new Error(`IMAP: ${text.split(' ')[0]}: ${line}`);
      if (line.startsWith('+')) this.#socket.write('\r\n'); // why it refuses a token: the dialogue goes on with nothing
      lines.push(line);
    }
  }

  // bearer: log in with an access token; an error when it is refused
  bearer(user, token) {
    return this.cmd(`AUTHENTICATE XOAUTH2 ${Buffer.from(`user=${user}\x01auth=Bearer ${token}\x01\x01`).toString('base64')}`);
  }

  async folders() {
    const lines = await this.cmd('LIST "" "*"');
    return lines.map((l) => /^\* LIST \([^)]*\) \S+ "?([^"]*)"?$/.exec(l)?.[1]).filter(Boolean);
  }

  // mails: per UID what must not change by being watched, plus the Message-ID
  async mails(folder) {
    const selected = await this.cmd(`EXAMINE "${folder}"`);
    const found = new Map();
    if (!selected.some((l) => /^\* [1-9]\d* EXISTS/.test(l))) return found;
    const ask = 'UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])';
    for (const l of await this.cmd(ask)) {
      const uid = /\bUID (\d+)/.exec(l)?.[1];
      if (!uid) continue;
      found.set(Number(uid), {
        flags: /FLAGS \(([^)]*)\)/.exec(l)[1].split(' ').filter((f) => f && f !== '\\Recent').sort().join(' '),
        date: /INTERNALDATE "([^"]*)"/.exec(l)[1],
        size: Number(/RFC822\.SIZE (\d+)/.exec(l)[1]),
        messageId: /Message-ID:\s*(<[^>]*>)/i.exec(l)?.[1] ?? null,
      });
    }
    return found;
  }

  // snapshot: every folder with every mail, as text that two moments can be compared by
  async snapshot() {
    const lines = [];
    for (const folder of (await this.folders()).sort())
      for (const [uid, m] of await this.mails(folder))
        lines.push(`${folder} ${uid} [${m.flags}] ${m.date} ${m.size} ${m.messageId}`);
    return lines.join('\n');
  }

  close() { this.#socket.destroy(); }
}
