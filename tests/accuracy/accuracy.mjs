// make accuracy: how often `replyd classify` is right, over the mails that lie in CORPORA.
//
// Prints a table per set, and writes docs/accuracy.md when every set was there.  A set that is absent
// is skipped by name.  WRONG=name lists what was wrong in the tables with this name.
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const corpora = path.resolve(process.env.CORPORA ?? '../shared/corpora');
const here = path.dirname(new URL(import.meta.url).pathname);
const percent = (share) => `${(share * 100).toFixed(1)} %`;
const cell = (value) => String(value ?? 'none').replace(/\s+/g, ' ').replace(/\|/g, '\\|').slice(0, 70);

function table(results) {
  const lines = ['| figure | right | of | share | goal |', '|---|---|---|---|---|'];

  for (const { tally, goal } of results)
    lines.push(`| ${tally.name} | ${tally.right} | ${tally.of} | ${percent(tally.share)} | ${goal === undefined ? ''
      : `${percent(goal)}${tally.share < goal ? ', **missed**' : ''}`} |`);
  return lines.join('\n');
}

function confusions(results) {
  const parts = [];

  for (const { tally } of results) {
    const rows = tally.confusions();

    if (rows.length)
      parts.push(`What was taken for what (${tally.name}):\n\n| expected | said | mails |\n|---|---|---|\n${
        rows.slice(0, 40).map((r) => `| ${cell(r.expected)} | ${cell(r.said)} | ${r.n} |`).join('\n')}`);
  }
  return parts.join('\n\n');
}

function listWrong(results) {
  for (const { tally } of results)
    if (process.env.WRONG && tally.name.includes(process.env.WRONG))
      for (const w of tally.wrong) console.log(`${w.id}\n  expected ${JSON.stringify(w.expected)}\n  said     ${JSON.stringify(w.said)}`);
}

const document = [`# Accuracy

Written by \`make accuracy\`: \`replyd classify\` over labelled mails that lie outside the project, some of them other people's and only
measured against. The rules were made with most of these mails in view, so the shares say what is understood, not what unknown mail will give.
A label that can be read two ways counts as right with either.`];
let absent = 0;

for (const file of readdirSync(path.join(here, 'sets')).sort()) {
  const set = await import(path.join(here, 'sets', file));
  const where = path.join(corpora, set.folder);

  if (process.env.SET && !file.includes(process.env.SET)) {
    absent += 1;
    continue;
  }
  if (!existsSync(where)) {
    console.log(`skipped ${set.title}: ${path.join('CORPORA', set.folder)} is not there`);
    absent += 1;
    continue;
  }
  const results = set.run(where);

  console.log(`\n${set.title}\n\n${table(results)}`);
  listWrong(results);
  document.push(`## ${set.title[0].toUpperCase()}${set.title.slice(1)}`, table(results));
  if (confusions(results)) document.push(confusions(results));
}
if (absent) console.log(`\n${absent} sets were left out; docs/accuracy.md stays as it is`);
else writeFileSync('docs/accuracy.md', `${document.join('\n\n')}\n`);
