// Forwarded mails of many clients and languages: who wrote the original, to whom, about what.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { classifyTexts, mailOf } from '../classifier.mjs';
import { Tally, squeeze } from '../tally.mjs';

export const folder = 'email-forward-parser';
export const title = 'forwards (email-forward-parser)';

const address = (a) => (a?.address ?? '').toLowerCase();

function fits(c, f) {
  if (!c.forwarded) return !f;
  return Boolean(f) && address(f.from) === address(c.orig_from) && squeeze(f.subject) === squeeze(c.orig_subject)
    && squeeze(f.body) === squeeze(c.orig_body);
}

// Some were recorded with the file of another case: the text that is expected is not in it.
const isOf = (c, where) => !c.forwarded
  || squeeze(readFileSync(path.join(where, c.body), 'utf8').replace(/^[> ]+/gm, '')).includes(squeeze(c.orig_body));
// Two with body and subject in each other's place.
const turned = (c) => (/_subject/.test(c.body) && c.subject_file ? { ...c, body: c.subject_file, subject: null, subject_file: c.body } : c);

export function run(where) {
  const cases = readFileSync(path.join(where, 'cases.jsonl'), 'utf8').trim().split('\n').map((l) => turned(JSON.parse(l)))
    .filter((c) => isOf(c, where));
  const tally = new Tally('sender, subject and text of the original');
  const mails = cases.map((c) => {
    const subject = c.subject ?? (c.subject_file ? readFileSync(path.join(where, c.subject_file), 'utf8').trim() : '');

    return mailOf({ Subject: subject }, readFileSync(path.join(where, c.body), 'utf8'));
  });

  classifyTexts(mails).forEach((s, i) => tally.count(`${cases[i].body}`, fits(cases[i], s.forwarded), cases[i].orig_from?.address ?? 'no forward', address(s.forwarded?.from)));
  return [{ tally, goal: 0.97 }];
}
