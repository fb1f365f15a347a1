// Mails as sales inboxes receive them: kind, intent, dates, whom they point to, new text.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { classifyFiles } from '../classifier.mjs';
import { Tally, plain } from '../tally.mjs';

export const folder = 'replyd-mail';
export const title = '240 mails of our own kind';

const human = (kind) => kind === 'reply' || kind === 'unrelated';
// Without a label of its own a mail of a list is as good as unrelated, and the other way round.
const same = (expected, said) => expected === said || expected.split('.')[0] === said;

function sameContact(expected, said) {
  if (!expected || !said) return !expected && !said;
  if (expected.email) return (said.email ?? '').toLowerCase() === expected.email.toLowerCase();
  return plain(expected.name).toLowerCase() === plain(said.name).toLowerCase();
}

export function run(where) {
  const cases = readFileSync(path.join(where, 'expected.jsonl'), 'utf8').trim().split('\n').map((l) => JSON.parse(l));
  const said = classifyFiles(cases.map((c) => path.join(where, c.file)));
  const t = Object.fromEntries(['kind', 'intent', 'return date', 'new text', 'contact', 'follow-up date', 'outbound id',
    'humans not taken for machines'].map((name) => [name, new Tally(name)]));

  cases.forEach((c, i) => {
    const s = said[i];

    t.kind.count(c.id, same(c.kind, s.kind), c.kind, s.kind, true);
    if (human(c.kind)) t['humans not taken for machines'].count(c.id, human(s.kind) || s.kind === 'list_mail', c.kind, s.kind, true);
    if (c.intent) t.intent.count(c.id, c.intent === s.intent || c.also_ok.includes(s.intent), c.intent, s.intent, true);
    if (c.return_at || s.return_at) {
      const stale = /stale/.test(c.note ?? '');

      t['return date'].count(c.id, c.return_at === s.return_at || (stale && !s.return_at), c.return_at, s.return_at);
    }
    if (c.new_text !== null)
      t['new text'].count(c.id, [c.new_text, c.new_text_with_closing].some((x) => plain(x) === plain(s.new_text)), c.new_text, s.new_text);
    if (c.contact || s.contact) t.contact.count(c.id, sameContact(c.contact, s.contact), c.contact, s.contact);
    if (c.followup_at || s.followup_at) t['follow-up date'].count(c.id, c.followup_at === (s.followup_at ?? null), c.followup_at, s.followup_at);
    if (c.outbound_message_id)
      t['outbound id'].count(c.id, (s.refs ?? []).some((r) => `<${r.id}>` === c.outbound_message_id), c.outbound_message_id, s.outbound_message_id);
  });
  const goals = { kind: 0.97, intent: 0.88, 'return date': 0.95, 'new text': 0.93, 'humans not taken for machines': 1 };

  return Object.values(t).map((tally) => ({ tally, goal: goals[tally.name] }));
}
