// What `replyd classify` says of mails: the program itself, as support people run it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const PROGRAM = process.env.REPLYD_PROGRAM_FOR_ACCURACY ?? 'build/release/replyd';
const AT_ONCE = 400; // files of one run

// A list of files in, a list of what is said of them out, in order.
export function classifyFiles(files, options = []) {
  const said = [];

  for (let at = 0; at < files.length; at += AT_ONCE) {
    const out = execFileSync(PROGRAM, ['classify', '--json', ...options, ...files.slice(at, at + AT_ONCE)],
      { encoding: 'utf8', maxBuffer: 1 << 30 });

    said.push(...out.trimEnd().split('\n').map((line) => JSON.parse(line)));
  }
  if (said.length !== files.length) throw new Error(`${files.length} mails went in, ${said.length} answers came out`);
  return said;
}

// The same for texts that are no files: {bytes, received?}.
export function classifyTexts(texts, options = []) {
  const folder = mkdtempSync(path.join(tmpdir(), 'accuracy-'));

  try {
    const files = texts.map((bytes, i) => {
      const file = path.join(folder, `${i}`);

      writeFileSync(file, bytes);
      return file;
    });

    return classifyFiles(files, options);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// A mail as it would have come: headers by name, a text body.
export function mailOf(headers, body, received = '2026-09-04T10:00:00Z') {
  const date = new Date(received).toUTCString().replace('GMT', '+0000');
  const encode = (value) => (/^[\x20-\x7e]*$/.test(value) ? value
    : `=?utf-8?B?${Buffer.from(value).toString('base64')}?=`);
  const lines = [`Received: from mx.test by mail.test; ${date}`, 'From: Ann <ann@prospect.test>',
    'To: Rep <rep@seller.test>', `Date: ${date}`, 'Message-ID: <one@prospect.test>'];

  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${encode(value)}`);
  lines.push('MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 8bit', '', body ?? '');
  return lines.join('\r\n');
}
