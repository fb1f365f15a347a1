// Sentences in many languages: absence subjects, opt-outs, return dates, quotes to be cut.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { classifyTexts, mailOf } from '../classifier.mjs';
import { Tally, squeeze } from '../tally.mjs';

export const folder = 'outreach-classify';
export const title = 'sentences of outreach in many languages (outreach-classify)';

const automatic = (kind) => kind.startsWith('auto_reply');
const kindOf = { out_of_office: 'auto_reply.out_of_office', auto_reply: 'auto_reply', bounce: 'bounce', not_automatic: 'reply' };

// Two of the sources disagree about "Re: Automatic reply": a person's client wrote the Re.
function kindFits(expected, said) {
  if (expected === 'not_automatic') return !automatic(said) && !said.startsWith('bounce');
  if (expected === 'auto_reply') return automatic(said);
  return said.startsWith(kindOf[expected]);
}

const report = (c) => [`Received: from mx.test by mail.test; Fri, 04 Sep 2026 10:00:00 +0000`, 'Return-Path: <>',
  'From: MAILER-DAEMON@mx.test', 'To: rep@seller.test', 'Subject: Delivery report', 'MIME-Version: 1.0',
  'Content-Type: multipart/report; report-type=delivery-status; boundary=b', '', '--b', 'Content-Type: text/plain', '', 'report',
  '--b', 'Content-Type: message/delivery-status', '', 'Reporting-MTA: dns; mx.test', '', 'Final-Recipient: rfc822; ann@prospect.test',
  `Action: ${c.action}`, `Status: ${c.status}`, '', '--b--', ''].join('\r\n');

const tasks = {
  ooo_subject: { name: 'absence subjects', goal: 0.97, mail: (c) => mailOf({ Subject: c.subject }, c.body),
    right: (c, s) => kindFits(c.expected, s.kind), said: (s) => s.kind },
  optout: { name: 'opt-outs', goal: 0.97, mail: (c) => mailOf({ Subject: c.subject ?? 'Re: hello', 'In-Reply-To': '<ours@seller.test>' }, c.body),
    right: (c, s) => (s.intent === 'unsubscribe') === c.expected, said: (s) => s.intent },
  return_date: { name: 'return dates', goal: 0.97, mail: (c) => mailOf({ Subject: c.subject, 'Auto-Submitted': 'auto-replied' }, c.body, c.received),
    right: (c, s) => (s.return_at ?? null) === c.expected, said: (s) => s.return_at },
  header: { name: 'headers of automatic mail', mail: (c) => mailOf({ Subject: c.subject ?? 'hello', ...c.headers }, c.body),
    right: (c, s) => kindFits(c.expected, s.kind), said: (s) => s.kind },
  bounce_subject: { name: 'bounce subjects', mail: (c) => mailOf({ Subject: c.subject, 'Return-Path': '<>' }, c.body),
    right: (c, s) => s.kind.startsWith('bounce') === (c.expected !== 'not_bounce'), said: (s) => s.kind },
  dsn_severity: { name: 'severity of reports', mail: report,
    right: (c, s) => (c.expected ? s.kind === `bounce.${c.expected}` || (c.expected === 'soft' && s.kind === 'bounce.delayed') : !s.kind.startsWith('bounce')),
    said: (s) => s.kind },
};

export function run(where) {
  const cases = readFileSync(path.join(where, 'cases.jsonl'), 'utf8').trim().split('\n').map((l) => JSON.parse(l));
  const results = [];

  for (const [task, how] of Object.entries(tasks)) {
    const mine = cases.filter((c) => c.task === task), tally = new Tally(how.name);

    classifyTexts(mine.map(how.mail)).forEach((s, i) => tally.count(mine[i].id, how.right(mine[i], s), mine[i].expected, how.said(s)));
    results.push({ tally, goal: how.goal });
  }
  const quotes = cases.filter((c) => c.task === 'quote-strip'), tally = new Tally('reply text, localised quotes');

  classifyTexts(quotes.map((c) => c.body), ['--text']).forEach((s, i) =>
    tally.count(quotes[i].id, squeeze(s.new_text) === squeeze(quotes[i].expected), quotes[i].expected, s.new_text));
  return [...results, { tally, goal: 0.9 }];
}
