// What stands in the memory of a process.  Root reads it; nobody else can (PR_SET_DUMPABLE).
import fs from 'node:fs';

const chunk = 4 << 20;
// the sanitizer's shadow: terabytes, of which next to nothing is there, and none of it is data
const shadow = 1 << 30;

// placesOf: where the words (name -> text or bytes) are in the writable memory of `pid`:
// Map of name -> ["[heap] at +1234: ...around it..."]
export function placesOf(pid, words) {
  const found = new Map();
  const fd = fs.openSync(`/proc/${pid}/mem`, 'r');
  const longest = Math.max(...[...words.values()].map((w) => w.length));
  const buffer = Buffer.alloc(chunk + longest);
  try {
    for (const line of fs.readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, from, to, rights, name] = /^(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)$/.exec(line) ?? [];
      if (!from || !rights.startsWith('rw')) continue;
      const [start, end] = [parseInt(from, 16), parseInt(to, 16)];
      for (let at = start; at < end && end - start < shadow; at += chunk) {
        let n = 0;
        // a part that was given back meanwhile is no part of it
        try { n = fs.readSync(fd, buffer, 0, Math.min(chunk + longest, end - at), at); } catch { continue; }
        const bytes = buffer.subarray(0, n);
        for (const [word, secret] of words) {
          const where = bytes.indexOf(secret);
          if (where < 0 || where >= chunk) continue;
          const around = (a, b) => bytes.subarray(Math.max(0, a), b).toString('latin1').replace(/[^\x20-\x7e]/g, '.');
          const behind = where + secret.length;
          found.set(word, [...(found.get(word) ?? []),
            `${name || 'anonymous'} at +${at + where - start}: ${around(where - 64, where)}<it>${around(behind, behind + 64)}`]);
        }
      }
    }
  } finally { fs.closeSync(fd); }
  return found;
}
