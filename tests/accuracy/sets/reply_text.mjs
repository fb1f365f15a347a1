// The newly written text of plain bodies.  Each collection has its own idea of signatures, so the
// text with the signature is as right as without.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { classifyTexts } from '../classifier.mjs';
import { Tally, squeeze } from '../tally.mjs';

export const title = 'reply text of plain bodies (reply-parsers, talon, quotequail)';
export const folder = '.';

const read = (file) => readFileSync(file, 'utf8').trim().split('\n').map((l) => JSON.parse(l));

function collect(where) {
  const cases = [];

  for (const c of read(path.join(where, 'reply-parsers/cases.jsonl')))
    cases.push({ ...c, set: c.set, input: readFileSync(path.join(where, 'reply-parsers', c.file), 'utf8') });
  for (const c of read(path.join(where, 'talon/cases.jsonl')))
    if (c.task === 'quote-strip' && c.input_type === 'text/plain') cases.push({ ...c, set: 'talon' });
  for (const c of read(path.join(where, 'quotequail/cases.jsonl')))
    if (c.task === 'quote' && c.input_type === 'text/plain') cases.push({ ...c, set: 'quotequail', expected: c.expected_visible });
  return cases;
}

function fits(c, said) {
  const forms = [said.new_text, [said.new_text, said.text?.signature].filter(Boolean).join('\n')].map(squeeze);

  if (c.expected !== undefined && !forms.includes(squeeze(c.expected))) return false;
  if (c.expected_first !== undefined && !forms.some((f) => f.startsWith(squeeze(c.expected_first)))) return false;
  if ((c.contains ?? []).some((part) => !forms.some((f) => f.includes(squeeze(part))))) return false;
  return !(c.not_contains ?? []).some((part) => forms[0].includes(squeeze(part)));
}

export function run(where) {
  const cases = collect(where);
  const said = classifyTexts(cases.map((c) => c.input), ['--text']);
  const all = new Tally('all'), sets = new Map();

  cases.forEach((c, i) => {
    const right = fits(c, said[i]);
    const wanted = c.expected ?? c.expected_first ?? `with ${c.contains} without ${c.not_contains}`;

    if (!sets.has(c.set)) sets.set(c.set, new Tally(c.set));
    for (const tally of [all, sets.get(c.set)]) tally.count(c.id, right, wanted, said[i].new_text);
  });
  return [{ tally: all, goal: 0.9 }, ...[...sets.values()].map((tally) => ({ tally }))];
}
