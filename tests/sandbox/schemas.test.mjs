// docs/events: a schema for every type there is and for no other, and an AsyncAPI document that leads to each.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import { root } from './replyd.mjs';
import { described, folder, problemOf } from './schemas.mjs';

const table = new Map([...fs.readFileSync(path.join(root, 'services/event_type.h'), 'utf8')
  .matchAll(/^\tX\(\w+, "([a-z_.]+)", \w+, (?:true|false), "([^"]+)"\)/gm)].map(([, name, words]) => [name, words]));

test('every type of the table has a schema, and no other has', () => {
  assert.ok(table.size >= 24);
  assert.deepEqual([...described().keys()].sort(), [...table.keys()].sort());
});

test('every type is in docs/interfaces.md', () => {
  const doc = fs.readFileSync(path.join(root, 'docs/interfaces.md'), 'utf8');
  assert.deepEqual([...table.keys()].filter((name) => !doc.includes(name)), []);
});

test('the AsyncAPI document is one, and names every type with its schema', () => {
  const doc = parse(fs.readFileSync(path.join(folder, 'asyncapi.yaml'), 'utf8'));
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats(ajv);
  const validate = ajv.compile(createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0-without-$id.json'));
  assert.equal(validate(doc), true, JSON.stringify(validate.errors?.slice(0, 5)));
  const messages = Object.values(doc.components.messages);
  assert.deepEqual(messages.map((m) => m.name).sort(), [...table.keys()].sort());
  for (const m of messages) assert.equal(m.payload.schema.$ref, `./${m.name}.schema.json`);
  // what is referred to is there
  const refs = JSON.stringify(doc).matchAll(/"\$ref":"([^"]+)"/g);
  for (const [, ref] of refs) {
    if (ref.startsWith('./')) assert.ok(fs.existsSync(path.join(folder, ref)), ref);
    else assert.ok(ref.slice(2).split('/').reduce((at, step) => at?.[step], doc), ref);
  }
});

// types that no scenario brings about whose events are held to the schemas
const unseen = ['reply.unmatched', 'inbox.health_changed', 'inbox.throttled', 'inbox.reauth_forecast', 'domain.reauth_forecast'];
test('the examples come from real runs, and are as their schemas say', () => {
  const examples = fs.readdirSync(path.join(folder, 'examples'));
  for (const file of examples) {
    const event = JSON.parse(fs.readFileSync(path.join(folder, 'examples', file), 'utf8'));
    assert.equal(problemOf(event), null);
    assert.equal(`${event.type}.json`, file);
  }
  assert.deepEqual([...table.keys()].filter((name) => !examples.includes(`${name}.json`)), unseen);
});

const id = '6f0c2b1e-5f3a-4c0e-9a55-0d6f2f0c7a11', timestamp = '2026-11-23T09:02:11.123456Z';
const good = { id, type: 'inbox.connected', timestamp, data: { inbox_id: id, address: 'a@example.test', connect_link_id: id } };
test('a schema takes what it describes and nothing else', () => {
  const rows = [
    ['as it is', good, null],
    ['with its place', { ...good, position: 7, data: { ...good.data, inbox_seq: 3 } }, null],
    ['a field that nobody described', { ...good, data: { ...good.data, secret: 1 } }, /additional/],
    ['a field too few', { ...good, data: { inbox_id: id, address: 'a' } }, /connect_link_id/],
    ['another type', { ...good, type: 'inbox.connectd' }, /no schema/],
    ['no id', { ...good, id: 'x' }, /uuid/],
    ['no time', { ...good, timestamp: 'yesterday' }, /date-time/],
    ['erased', { id, type: 'reply.received', timestamp, data: { erased: true, prospect: { key: 'erased:1', seq: 2 }, kind: 'reply', detected_at: timestamp } }, null],
    ['not quite erased', { id, type: 'reply.received', timestamp, data: { erased: true, prospect: { key: 'erased:1', address: 'a@b.test' } } }, /./],
  ];
  for (const [what, event, says] of rows)
    if (says) assert.match(problemOf(event) ?? 'nothing', says, what);
    else assert.equal(problemOf(event), null, what);
});
