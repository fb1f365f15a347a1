// The schemas of docs/events, and what is wrong with an event by its own.
import fs from 'node:fs';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { root } from './replyd.mjs';

export const folder = path.join(root, 'docs/events');
const read = (name) => JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8'));
const ending = '.schema.json';

let validators = null; // type -> function
function load() {
  const ajv = new Ajv2020({ strict: true, allErrors: true, strictRequired: false, allowUnionTypes: true });
  addFormats(ajv);
  const names = fs.readdirSync(folder).filter((name) => name.endsWith(ending));
  for (const name of names) ajv.addSchema(read(name));
  return new Map(names.filter((name) => !name.startsWith('common')).map((name) => {
    const schema = read(name);
    return [name.slice(0, -ending.length), Object.assign(ajv.getSchema(schema.$id), { words: schema.description })];
  }));
}

// every type that has a schema, with its words
export function described() {
  validators ??= load();
  return new Map([...validators].map(([type, validate]) => [type, validate.words]));
}

// problemOf: null, or the first things that are wrong with it
export function problemOf(event) {
  validators ??= load();
  const validate = validators.get(event.type);
  if (!validate) return `${event.type}: has no schema`;
  if (validate(event)) return null;
  const said = validate.errors.map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
  return `${event.type} ${event.id}: ${said.slice(0, 6).join('; ')}`;
}

// the fullest event of each type, as it is posted, for make event-examples, which picks among those of all scenarios
function keepExamples(dir, events) {
  const from = path.basename(process.argv[1], '.test.mjs');
  for (const event of events.toSorted((a, b) => JSON.stringify(a).length - JSON.stringify(b).length))
    fs.writeFileSync(path.join(dir, `${event.type}@${from}.json`), `${JSON.stringify(event, null, 2)}\n`);
}

// allAsDescribed: of the whole feed and of what the engine was posted; throws for what is not, returns the types seen
export async function allAsDescribed(box) {
  const events = [...await box.api.events(), ...box.engine.accepted];
  const wrong = events.map(problemOf).filter(Boolean);
  if (wrong.length || !events.length) throw new Error(wrong.slice(0, 5).join('\n') || 'there are no events');
  if (process.env.EXAMPLES) keepExamples(process.env.EXAMPLES, events.map(({ position, ...posted }) => posted));
  return new Set(events.map((e) => e.type));
}
