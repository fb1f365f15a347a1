// reply.mjs PORT ADDRESS FILE : hands a mail, with a new Message-ID, to the sandbox's Dovecot
import fs from 'node:fs';
import { deliver } from './lmtp.mjs';
import { newId } from './mails.mjs';

const [port, to, file] = process.argv.slice(2);
const id = newId('again');
const raw = fs.readFileSync(file, 'utf8').replace(/^Message-ID: .*$/m, `Message-ID: ${id}`);
const { sentAt, takenAt } = await deliver(Number(port), { to, raw });
console.log(`delivered ${id} to ${to} in ${takenAt - sentAt} ms`);
