// docs/openapi.json, for tests: its calls, what an answer has to be, and requests that it says are wrong.
import fs from 'node:fs';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { root } from './replyd.mjs';
import { folder } from './schemas.mjs';

export const document = JSON.parse(fs.readFileSync(path.join(root, 'docs/openapi.json'), 'utf8'));
const methods = ['get', 'post', 'put', 'patch', 'delete'];

// resolved: a reference within the document is what it leads to
export function resolved(x) {
  if (!x?.$ref?.startsWith('#/')) return x;
  const { $ref, ...beside } = x;
  return { ...resolved($ref.slice(2).split('/').reduce((at, name) => at[name], document)), ...beside };
}

// calls: [{ method, path, op, scope, params, body, answers: { '200': { type: schema } } }]
export const calls = Object.entries(document.paths).flatMap(([url, item]) => methods.filter((m) => item[m]).map((m) => {
  const op = item[m], body = resolved(op.requestBody)?.content ?? {};
  return { id: op.operationId, method: m.toUpperCase(), path: url, op, scope: op.security?.[0]?.key?.[0] ?? null,
    params: (op.parameters ?? []).map(resolved), body: body['application/json']?.schema ? resolved(body['application/json'].schema) : null,
    answers: Object.fromEntries(Object.entries(op.responses).map(([status, r]) => [status, resolved(r).content ?? {}])) };
}));

// Answers are open to readers, who must not stumble over a field that came later; here a field that the document does not
// name is one that somebody forgot to write down.
function closed(x) {
  if (Array.isArray(x)) return x.map(closed);
  if (x === null || typeof x !== 'object') return x;
  const y = Object.fromEntries(Object.entries(x).map(([k, v]) => [k, k === 'example' || k === 'enum' ? v : closed(v)]));
  return y.properties && y.additionalProperties === undefined ? { ...y, additionalProperties: false } : y;
}

const base = 'https://replyd.dev/schemas/openapi.json';
const ajv = new Ajv2020({ strict: false, allErrors: true, discriminator: false });
addFormats(ajv);
for (const name of fs.readdirSync(folder).filter((n) => n.endsWith('.schema.json'))) {
  const { $id, ...schema } = JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8'));
  ajv.addSchema(schema, new URL(`events/${name}`, base).href);
}
ajv.addSchema({ $id: base, ...closed({ components: document.components }) });
const validators = new Map();
const validatorOf = (schema) => {
  const key = JSON.stringify(schema);
  if (!validators.has(key)) validators.set(key, ajv.compile({ $id: `${base}?${validators.size}`, ...closed(JSON.parse(key.replaceAll('"#/', `"${base}#/`))) }));
  return validators.get(key);
};

// wrongWith: null, or what of an answer the document does not say
export function wrongWith(call, answer) {
  const content = call.answers[answer.status];
  if (!content) return `${answer.status} is not documented`;
  const type = (answer.headers.get('content-type') ?? '').split(';')[0];
  const media = content[type];
  if (!media && Object.keys(content).length) return `${type} of ${answer.status} is not documented`;
  if (!media || media.schema.type === 'string') return null;
  const validate = validatorOf(media.schema);
  if (validate(answer.body)) return null;
  return validate.errors.slice(0, 5).map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`).join('; ');
}

const types = (s) => [s.type ?? 'any'].flat();
const plain = (v) => JSON.parse(JSON.stringify(v));
const wrongType = (s) => {
  const t = types(s);
  if (t.includes('any')) return [];
  return [['a number', 7.5, ['number', 'integer']], ['a text', 'x y', ['string']], ['a list', [1], ['array']], ['yes', true, ['boolean']]]
    .filter(([, , ok]) => !ok.some((o) => t.includes(o))).slice(0, 2);
};

// a good value for what the example leaves out
function filler(s) {
  const t = types(s);
  if (s.example !== undefined) return s.example;
  if (s.const !== undefined) return s.const;
  if (s.enum) return s.enum[0];
  if (t.includes('integer')) return s.minimum ?? 1;
  if (t.includes('string')) return s.format === 'email' ? 'filler@example.test' : 'filler';
  return undefined;
}

// wrongValues: [[what, value]] of one field
function wrongValues(s) {
  const found = wrongType(s).map(([what, v]) => [what, v]);
  const t = types(s);
  if (t.includes('string')) {
    if (s.maxLength !== undefined && s.maxLength < 5000) found.push(['too long', 'x'.repeat(s.maxLength + 1)]);
    if (s.minLength > 0) found.push(['empty', '']);
    if (s.format === 'uuid') found.push(['no UUID', 'not-a-uuid']);
    if (s.format === 'email') found.push(['no address', 'nobody']);
    if (s.format === 'date-time') found.push(['no instant', 'yesterday']);
    if (s.pattern) found.push(['no match', '!!']);
    if (s.enum && !s.enum.includes('nonsense')) found.push(['none of the words', 'nonsense']);
    if (!t.includes('object')) found.push(['a control character', `x\u0001y`]);
  }
  if (t.includes('integer')) {
    if (s.minimum !== undefined) found.push(['too small', s.minimum - 1]);
    if (s.maximum !== undefined) found.push(['too large', s.maximum + 1]);
    found.push(['half', (s.minimum ?? 0) + 0.5]);
  }
  if (t.includes('array')) {
    if (s.minItems) found.push(['no items', []]);
    if (s.maxItems && s.maxItems <= 1000) found.push(['too many items', Array(s.maxItems + 1).fill(filler(resolved(s.items)) ?? 'x')]);
  }
  if (!s.type && s.enum) found.push(['none of the words', 'nonsense']);
  return found;
}

function walk(schema, good, at, put, found) {
  const s = resolved(schema);
  for (const name of s.required ?? []) found.push([`${at}/${name} left out`, put((o) => { delete o[name]; })]);
  if (s.additionalProperties === false) found.push([`${at} with more`, put((o) => { o.nobody_knows = 1; })]);
  for (const [name, given] of Object.entries(s.properties ?? {})) {
    const p = resolved(given);
    for (const [what, v] of wrongValues(p)) found.push([`${at}/${name}: ${what}`, put((o) => { o[name] = v; })]);
    if (good[name] && p.properties) walk(p, good[name], `${at}/${name}`, (f) => put((o) => f(o[name])), found);
    const item = p.items && resolved(p.items);
    if (Array.isArray(good[name]) && item) {
      if (item.properties) walk(item, good[name][0], `${at}/${name}/0`, (f) => put((o) => f(o[name][0])), found);
      else for (const [what, v] of wrongValues(item)) found.push([`${at}/${name}/0: ${what}`, put((o) => { o[name][0] = v; })]);
    }
  }
}

// wrongBodies: [[what, body]]: each differs from `good` in one thing, which the schema forbids
export function wrongBodies(schema, good) {
  const found = [];
  walk(schema, good, '', (f) => { const o = plain(good); f(o); return o; }, found);
  return found;
}

// wrongQueries: [[what, query string]]
export function wrongQueries(call) {
  return call.params.filter((p) => p.in === 'query').flatMap((p) => {
    const s = resolved(p.schema), rows = [];
    if (types(s).includes('integer')) {
      rows.push(['no number', 'first'], ['a half', '1.5'], ['empty', '']);
      if (s.minimum !== undefined) rows.push(['too small', String(s.minimum - 1)]);
      if (s.maximum !== undefined) rows.push(['too large', String(s.maximum + 1)]);
    }
    if (s.pattern) rows.push(['no match', '!!']);
    if (s.format === 'email') rows.push(['no address', 'nobody']);
    if (s.maxLength) rows.push(['too long', 'x'.repeat(s.maxLength + 1)]);
    return rows.map(([what, v]) => [`?${p.name}: ${what}`, `?${p.name}=${encodeURIComponent(v)}`]);
  });
}
