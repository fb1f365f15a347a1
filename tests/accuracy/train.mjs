// Weighs the words of intents: reads tests/accuracy/training/*.tsv, writes ingest/classify/rules/weights.tsv.
//
//   node tests/accuracy/train.mjs           make train
//   node tests/accuracy/train.mjs --fold    how often a fifth of the sentences is right that the rest did not see
//
// A line is an intent, a tab and a sentence of our own making; {a|b|} stands for each of its choices.  What is
// learned, with the phrases of rules/intents.tsv beside them, is a linear model (multinomial logistic regression) over words cut to six letters and pairs of them.
// The same data give the same weights: nothing here is random.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const INTENTS = ['interested', 'meeting', 'information_request', 'not_now', 'not_interested', 'wrong_person', 'referral',
  'left_company', 'unsubscribe', 'complaint_threat', 'neutral']; // enum classify_intent, without NONE
const CHOICES = 24; // of one line
const ROUNDS = 40, RATE = 0.5, PHRASE = 0.5, DECAY = 2e-4, SCALE = 16, MARGIN = 1;
const here = path.dirname(new URL(import.meta.url).pathname);
const special = { ß: 'ss', ø: 'o', æ: 'ae', œ: 'oe', ł: 'l', đ: 'd', ı: 'i', '’': "'" };

// As mime_fold does, for the letters of these eight languages.
const fold = (text) => [...text.toLowerCase().normalize('NFD').replace(/[\u0300-\u036f]/g, '')].map((c) => special[c] ?? c).join('');

// As classify_model.c does.
export function featuresOf(text) {
  const found = new Set();
  let before = '';

  for (const [word] of fold(text).matchAll(/[a-z]+|[0-9]+|\?/g)) {
    if (/[0-9]{3}/.test(word) || /^[a-z]$/.test(word)) continue;
    const cut = /[0-9]/.test(word) ? '0' : word.slice(0, 6);

    if (cut !== '0') found.add(cut);
    if (before) found.add(`${before} ${cut}`);
    before = cut;
  }
  return [...found];
}

// All the sentences that a line stands for; of many a few, evenly.
function expand(line) {
  let all = [''];

  for (const part of line.split(/(\{[^}]*\})/)) {
    const choices = part[0] === '{' ? part.slice(1, -1).split('|') : [part];

    all = all.flatMap((a) => choices.map((c) => a + c));
    if (all.length > CHOICES * 8) all = all.filter((_, i) => i % 3 === 0);
  }
  const step = Math.max(1, all.length / CHOICES);

  return Array.from({ length: Math.min(all.length, CHOICES) }, (_, i) => all[Math.floor(i * step)]);
}

function read() {
  const samples = [];
  let line = 0;

  for (const file of readdirSync(path.join(here, 'training')).sort())
    for (const row of readFileSync(path.join(here, 'training', file), 'utf8').split('\n')) {
      const [intent, text] = row.split('\t');

      if (!text) continue;
      const label = INTENTS.indexOf(intent), all = expand(text);

      if (label < 0) throw new Error(`${file}: "${intent}" is no intent`);
      for (const sentence of all)
        samples.push({ label, line, weight: 1 / Math.sqrt(all.length), features: featuresOf(sentence.trim()), sentence });
      line += 1;
    }
  return samples;
}

// What the rules find is learned too: their phrases, without the gaps.
function phrases() {
  const samples = [];

  for (const row of readFileSync('ingest/classify/rules/intents.tsv', 'utf8').split('\n')) {
    const [, intent, , pattern] = row.split('\t');
    const label = INTENTS.indexOf(intent === 'again' ? 'not_now' : intent);

    if (label < 0 || !/^[ -~]*$/.test(pattern)) continue;
    const all = expand(pattern.replace(/^=+/, '').replaceAll(' .. ', ' ').replaceAll('*', '').replaceAll('(', '{').replaceAll(')', '}'));

    for (const sentence of all) samples.push({ label, line: -1, weight: PHRASE / Math.sqrt(all.length), features: featuresOf(sentence) });
  }
  return samples;
}

const scores = (model, features) => features.reduce((sum, f) => {
  const w = model.get(f);

  return w ? sum.map((s, i) => s + w[i]) : sum;
}, INTENTS.map(() => 0));

// Stochastic gradient in a fixed order that is far from that of the file, with weight decay.
function train(samples) {
  const model = new Map(), n = samples.length;
  let stride = Math.floor(n * 0.618) | 1;

  while (n % stride === 0) stride += 2;
  for (let round = 0; round < ROUNDS; round += 1) {
    const rate = RATE / (1 + round / 8);

    for (let i = 0, at = round; i < n; i += 1, at = (at + stride) % n) {
      const { label, features, weight } = samples[at];
      const s = scores(model, features), top = Math.max(...s), e = s.map((x) => Math.exp(x - top));
      const all = e.reduce((a, b) => a + b, 0), pull = (rate * weight) / Math.sqrt(features.length || 1);

      for (const f of features) {
        let w = model.get(f);

        if (!w) model.set(f, (w = INTENTS.map(() => 0)));
        for (let k = 0; k < INTENTS.length; k += 1) w[k] += pull * ((k === label) - e[k] / all) - rate * DECAY * w[k];
      }
    }
  }
  return model;
}

function best(s) {
  const order = s.map((x, i) => [x, i]).sort((a, b) => b[0] - a[0]);

  return { label: order[0][1], margin: order[0][0] - order[1][0] };
}

function fold5(samples) {
  let right = 0, sure = 0, rightSure = 0, of = 0;

  for (let part = 0; part < 5; part += 1) {
    const model = train([...samples.filter((s) => s.line % 5 !== part), ...phrases()]), seen = new Set();

    for (const s of samples.filter((x) => x.line % 5 === part)) {
      if (seen.has(s.line)) continue;
      seen.add(s.line);
      const { label, margin } = best(scores(model, s.features));

      of += 1;
      right += label === s.label;
      if (margin >= MARGIN) {
        sure += 1;
        rightSure += label === s.label;
      }
    }
  }
  console.log(`${right} of ${of} right; ${sure} said with a margin, ${rightSure} of them right`);
}

function write(model) {
  const rows = [];

  for (const [feature, w] of [...model].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const whole = w.map((x) => Math.max(-127, Math.min(127, Math.round(x * SCALE))));

    if (whole.some((x) => Math.abs(x) >= 10)) rows.push(`${feature}\t${whole.join(' ')}`);
  }
  writeFileSync('ingest/classify/rules/weights.tsv', `${['# Written by make train from tests/accuracy/training; not by hand.',
    '# What a word, or two in a row, says for and against each intent, in sixteenths; words are cut to six letters, digits are 0.',
    `# word\t${INTENTS.join(' ')}`, ...rows].join('\n')}\n`);
  console.log(`${rows.length} words and pairs`);
}

const samples = read();

console.log(`${samples.length} sentences of ${new Set(samples.map((s) => s.line)).size} lines`);
if (process.argv.includes('--fold')) fold5(samples);
else write(train([...samples, ...phrases()]));
