// make event-examples: an event of each type into docs/events/examples, as real runs posted it: scenarios whose events are held to the
// schemas leave what they saw in build/event-examples, and the fullest of a type is kept.  Words choose scenarios; the others' are kept.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { root } from './replyd.mjs';
import { folder, problemOf } from './schemas.mjs';

const found = path.join(root, 'build/event-examples'), kept = path.join(folder, 'examples'), scenarios = path.join(root, 'tests/scenarios');
const words = process.argv.slice(2);
if (!words.length) fs.rmSync(found, { recursive: true, force: true });
fs.mkdirSync(found, { recursive: true });
const files = fs.readdirSync(scenarios).filter((name) => name.endsWith('.test.mjs')).map((name) => path.join(scenarios, name))
  .filter((file) => !words.length || words.some((word) => file.includes(word)))
  .filter((file) => /test\(.*allAsDescribed/.test(fs.readFileSync(file, 'utf8')));
for (const file of files) {
  console.log(path.basename(file));
  try {
    execFileSync(process.execPath, ['--test', '--test-reporter=dot', file], { env: { ...process.env, EXAMPLES: found }, stdio: ['ignore', 'ignore', 'inherit'] });
  } catch (e) { console.error(`${path.basename(file)}: ${e.message}: what it left is taken all the same`); }
}

const best = new Map(); // type -> text
for (const name of fs.readdirSync(found).sort()) {
  const [type] = name.split('@'), text = fs.readFileSync(path.join(found, name), 'utf8');
  if (text.length > (best.get(type)?.length ?? 0)) best.set(type, text);
}
fs.mkdirSync(kept, { recursive: true });
for (const [type, text] of best) {
  const problem = problemOf(JSON.parse(text));
  if (problem) throw new Error(problem);
  fs.writeFileSync(path.join(kept, `${type}.json`), text);
}
console.log(`${best.size} types: ${[...best.keys()].join(' ')}`);
