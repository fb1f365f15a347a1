// Bounces of many mail servers.  Expected values are those of another program's tests.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { classifyFiles } from '../classifier.mjs';
import { Tally } from '../tally.mjs';

export const folder = 'sisimai';
export const title = 'bounces of many mail servers (public set of Sisimai)';

const isPseudo = (status) => /^[45]\.(0\.9|9\.)/.test(status) || status === ''; // theirs, for mails without one

// What they call it, and what is as right for somebody who asks whether to write again.
// A report of a mail server about signatures is nobody's complaint, and who asks by Apple's button to be left alone is a person.
const alsoRight = { 'auth-failure': 'auto_reply', 'opt-out': 'reply' };
const expectedKind = { 'bounce-hard': 'bounce.hard', 'bounce-soft': 'bounce.soft', complaint: 'complaint', autoreply: 'auto_reply', 'dsn-success': 'auto_reply' };

export function run(where) {
  const rows = readFileSync(path.join(where, 'expected.jsonl'), 'utf8').trim().split('\n').map((l) => JSON.parse(l));
  const files = [...new Set(rows.map((r) => r.file))];
  const said = new Map(classifyFiles(files.map((f) => path.join(where, 'bsd', f))).map((s, i) => [files[i], s]));
  const t = Object.fromEntries(['detected', 'reason', 'hard or soft', 'status code', 'recipient'].map((name) => [name, new Tally(name)]));

  for (const r of rows) {
    const s = said.get(r.file), id = `${r.file}#${r.idx}`;
    const rcpt = s.bounce?.recipients?.find((x) => x.address?.toLowerCase() === r.recipient.toLowerCase()) ?? s.bounce?.recipients?.[r.idx - 1];
    const family = expectedKind[r.cls];
    const bounced = r.cls.startsWith('bounce');

    t.detected.count(id, bounced ? s.kind.startsWith('bounce.') : s.kind.startsWith(family) || s.kind.startsWith(alsoRight[r.feedbacktype] ?? family), r.cls, s.kind, true);
    if (!bounced) continue;
    t.reason.count(id, rcpt?.reason === r.reason, r.reason, rcpt?.reason ?? 'none', true);
    const hard = (rcpt?.kind ?? s.kind) === 'bounce.hard'; // of this recipient: the mail is as bad as the worst of them

    t['hard or soft'].count(id, hard === r.hardbounce, r.hardbounce ? 'hard' : 'soft', hard ? 'hard' : 'soft', true);
    if (!isPseudo(r.status)) t['status code'].count(id, rcpt?.status === r.status, r.status, rcpt?.status);
    // whom the sender wrote to and where it went from there are both right
    if (r.recipient) t.recipient.count(id, [r.recipient, r.alias].some((a) => a && rcpt?.address?.toLowerCase() === a.toLowerCase()), r.recipient, rcpt?.address);
  }
  const goals = { detected: 0.995, reason: 0.96, 'hard or soft': 0.985, 'status code': 1 };

  return Object.values(t).map((tally) => ({ tally, goal: goals[tally.name] }));
}
