// docs/openapi.json by Redocly's rules, with the schemas of docs/events that it refers to.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { createConfig, lint } from '@redocly/openapi-core';
import { root } from './replyd.mjs';

test('the OpenAPI document is sound', async () => {
  // health and the pages refuse nothing by a 4xx of their own; where it is served is its server
  const config = await createConfig({ extends: ['recommended-strict'], rules: { 'operation-4xx-response': 'off', 'no-server-example.com': 'off' } });
  const found = await lint({ ref: path.join(root, 'docs/openapi.json'), config });
  assert.deepEqual(found.map((p) => `${p.severity} ${p.ruleId} ${p.location[0]?.pointer ?? ''}: ${p.message}`), []);
});

test('what is not sound is found', async () => {
  const { lintFromString } = await import('@redocly/openapi-core');
  const config = await createConfig({ extends: ['recommended-strict'] });
  const found = await lintFromString({ source: '{"openapi": "3.1.0", "info": {"title": "x"}, "paths": {}}', config });
  assert.ok(found.some((p) => p.severity === 'error'));
});
