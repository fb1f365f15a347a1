// Pools, members, policies and shared ceilings over the API and the command line: what is refused, and where.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { endAll, run } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box, ada, bob, pool;
before(async () => {
  box = await startSandbox();
  ada = await box.connect('ada@example.test');
  bob = await box.connect('bob@example.test');
});
after(endAll);

const call = (method, at, body) => box.api.call(method, at, body);

test('a pool is made, changed and found page by page', async () => {
  const made = await call('POST', '/v1/pools', { name: 'sales', company_stop: true });
  assert.equal(made.status, 201);
  pool = made.body;
  assert.deepEqual([pool.rebind, pool.company_stop, pool.members], ['hold', true, 0]);
  assert.equal((await call('POST', '/v1/pools', { name: 'sales' })).body.code, 'conflict');
  for (const name of ['a', 'b']) await box.api.post('/v1/pools', { name });
  const seen = [];
  for (let after = ''; after !== null;) {
    const page = await box.api.get(`/v1/pools?limit=1${after && `&after=${after}`}`);
    assert.ok(page.pools.length <= 1);
    seen.push(...page.pools.map((p) => p.name));
    after = page.next;
  }
  assert.deepEqual(seen.sort(), ['a', 'b', 'sales']);
  assert.equal((await call('PATCH', `/v1/pools/${pool.id}`, { contact_gap_s: 60 })).body.contact_gap_s, 60);
  assert.equal((await call('DELETE', `/v1/pools/${(await box.api.get('/v1/pools')).pools.find((p) => p.name === 'a').id}`)).status, 200);
});

test('members come and go, all of a request or none', async () => {
  const at = `/v1/pools/${pool.id}/members`;
  const nobody = '10000000-0000-4000-8000-00000000ffff';
  const refused = await call('PUT', at, { members: [{ inbox_id: ada.id }, { inbox_id: nobody }] });
  assert.deepEqual([refused.status, refused.body.field], [400, '/members/1/inbox_id']);
  assert.deepEqual((await box.api.get(at)).members, []);
  const put = await call('PUT', at, { members: [{ inbox_id: ada.id, weight: 2 }, { inbox_id: bob.id, tier: 'reserve' }] });
  assert.equal(put.status, 200);
  const first = await box.api.get(`${at}?limit=1`);
  const rest = await box.api.get(`${at}?limit=1&after=${first.next}`);
  assert.deepEqual([...first.members, ...rest.members].map((m) => `${m.address} ${m.tier} ${m.weight}`).sort(),
    ['ada@example.test primary 2', 'bob@example.test reserve 1']);
  assert.equal(rest.next, null);
  assert.equal((await call('DELETE', `${at}/${bob.id}`)).status, 200);
  assert.equal((await call('DELETE', `${at}/${bob.id}`)).status, 404);
});

test('what an inbox may send', async () => {
  const at = `/v1/inboxes/${ada.id}/send-policy`;
  assert.deepEqual([(await box.api.get(at)).cap_day, (await box.api.get(at)).updated_at], [30, null]);
  const windows = [{ days: ['mon', 'sun'], from: '09:30', to: '24:00' }];
  const set = (await call('PATCH', at, { cap_day: 12, time_zone: 'America/New_York', windows, tags: ['eu'] })).body;
  assert.deepEqual([set.cap_day, set.time_zone, set.windows, set.tags, set.gap_s], [12, 'America/New_York', windows, ['eu'], 300]);
});

test('a ceiling that inboxes share', async () => {
  assert.equal((await call('PUT', '/v1/send-groups/domain/Example.Test', { ceiling_24h: 100 })).body.name, 'example.test');
  const { groups } = await box.api.get('/v1/send-groups');
  assert.deepEqual([groups.length, groups[0].ceiling_24h, groups[0].used_24h], [1, 100, 0]);
  assert.equal((await call('DELETE', '/v1/send-groups/domain/example.test')).status, 200);
  assert.equal((await call('PUT', '/v1/send-groups/country/fr', { ceiling_24h: 1 })).status, 404);
});

test('what may still be sent, what binds and until when', async () => {
  const at = `/v1/inboxes/${ada.id}`;
  const all = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
  await call('PATCH', `${at}/send-policy`, { cap_day: 12, time_zone: 'UTC', ramp: 'standard', windows: [{ days: all, from: '00:00', to: '24:00' }] });
  await call('PATCH', `/v1/inboxes/${bob.id}/send-policy`, { sends: 'follow_ups', ramp: 'established', windows: [{ days: all, from: '00:00', to: '24:00' }] });
  await call('PUT', `/v1/pools/${pool.id}/members`, { members: [{ inbox_id: ada.id }, { inbox_id: bob.id }] });
  await box.api.waitForInbox(ada.id, (inbox) => inbox.state === 'live');
  await box.api.waitForInbox(bob.id, (inbox) => inbox.state === 'live');
  const one = await box.api.get(`${at}/capacity`);
  assert.deepEqual([one.cap, one.cap_by, one.used, one.left, one.left_new, one.first.may], [10, 'ramp', 0, 10, 6, true]);
  const whole = await box.api.get(`/v1/pools/${pool.id}/capacity`);
  assert.deepEqual([whole.cap, whole.left, whole.members, whole.able, whole.refused], [40, 40, 2, 1, { draining: 1 }]);
  // a ceiling that all of them share binds
  await call('PUT', '/v1/send-groups/domain/example.test', { ceiling_24h: 0 });
  const bound = await box.api.get(`${at}/capacity`);
  assert.deepEqual([bound.left, bound.first.may, bound.first.binds, bound.limits.find((l) => l.limit === 'sending_domain').left],
    [0, false, 'sending_domain', 0]);
  assert.equal((await call('DELETE', '/v1/send-groups/domain/example.test')).status, 200);
  // another day: its own window, and nothing of it is used
  await call('PATCH', `${at}/send-policy`, { windows: [{ days: ['mon'], from: '09:00', to: '17:00' }] });
  const monday = await box.api.get(`${at}/capacity?day=2027-03-01`), sunday = await box.api.get(`${at}/capacity?day=2027-02-28`);
  assert.deepEqual([monday.day, monday.left, monday.window.opens_at.slice(0, 13)], ['2027-03-01', 10, '2027-03-01T09']);
  assert.deepEqual([sunday.left, sunday.window, sunday.first.binds], [0, null, 'window']);
  assert.equal((await call('GET', `${at}/capacity?day=2027-02-29`)).body.field, 'day');
  const empty = (await box.api.post('/v1/pools', { name: 'empty' })).id;
  assert.deepEqual([(await box.api.get(`/v1/pools/${empty}/capacity`)).members, (await call('GET', `/v1/pools/${ada.id}/capacity`)).status], [0, 404]);
});

test('nonsense is refused by field', async () => {
  const policy = `/v1/inboxes/${ada.id}/send-policy`, members = `/v1/pools/${pool.id}/members`;
  const rows = [
    ['POST', '/v1/pools', {}, '/name'], ['POST', '/v1/pools', { name: '' }, '/name'], ['POST', '/v1/pools', { name: 'x', color: 1 }, '/color'],
    ['PATCH', `/v1/pools/${pool.id}`, { rebind: 'yes' }, '/rebind'], ['PATCH', `/v1/pools/${pool.id}`, { company_stop: 1 }, '/company_stop'],
    ['PATCH', `/v1/pools/${pool.id}`, { company_cap_day: 0 }, '/company_cap_day'],
    ['PUT', members, { members: [] }, '/members'], ['PUT', members, { members: [{ inbox_id: ada.id, weight: 0 }] }, '/members/0/weight'],
    ['PUT', members, { members: [{ inbox_id: ada.id, tier: 'gold' }] }, '/members/0/tier'],
    ['PATCH', policy, { cap_day: 2001 }, '/cap_day'], ['PATCH', policy, { cap_new_share: 1.5 }, '/cap_new_share'],
    ['PATCH', policy, { time_zone: 'Europe/Atlantis' }, '/time_zone'], ['PATCH', policy, { time_zone: 'PST' }, '/time_zone'],
    ['PATCH', policy, { windows: [{ days: ['mon'], from: '18:00', to: '08:00' }] }, '/windows/0/to'],
    ['PATCH', policy, { windows: [{ days: ['day'], from: '08:00', to: '18:00' }] }, '/windows/0/days/0'],
    ['PATCH', policy, { windows: [{ days: ['mon'], from: '8:00', to: '18:00' }] }, '/windows/0/from'],
    ['PUT', '/v1/send-groups/domain/example.test', { ceiling_24h: -1 }, '/ceiling_24h'],
  ];
  for (const [method, at, body, field] of rows) {
    const r = await call(method, at, body);
    assert.deepEqual([r.status, r.body.field], [400, field], JSON.stringify(body));
  }
  assert.equal((await call('GET', '/v1/pools?after=x')).body.field, 'after');
  assert.equal((await call('GET', `/v1/pools/${ada.id}`)).status, 404);
});

test('replyd pool, policy, group', async () => {
  const keyFile = path.join(box.dir, 'key');
  fs.writeFileSync(keyFile, box.api.key, { mode: 0o600 });
  const cli = async (...args) => {
    const r = await run([box.replyd.exe, ...args, '--key-file', keyFile], { env: { PATH: process.env.PATH, REPLYD_API_URL: box.replyd.base } });
    if (args.includes('--json')) assert.equal(r.code, 0, r.stderr);
    return { ...r, answer: args.includes('--json') ? JSON.parse(r.stdout) : null };
  };
  assert.equal((await cli('pool', 'create', 'night', 'rebind=stop', '--json')).answer.rebind, 'stop');
  assert.equal((await cli('pool', 'add', 'night', 'bob@example.test', 'weight=0.5', '--json')).answer.members[0].weight, 0.5);
  assert.match((await cli('pool', 'list')).stdout, /night +1\n/);
  assert.match((await cli('pool', 'members', 'night')).stdout, /bob@example.test/);
  assert.equal((await cli('policy', 'set', 'bob@example.test', 'cap_day=3', 'time_zone=Asia/Tokyo', '--json')).answer.time_zone, 'Asia/Tokyo');
  assert.match((await cli('policy', 'show', bob.id)).stdout, /cap_day +3/);
  assert.equal((await cli('group', 'set', 'tenant', 'acme / west', 'ceiling_24h=9', '--json')).answer.name, 'acme / west');
  assert.equal((await cli('group', 'remove', 'tenant', 'acme / west')).code, 0);
  assert.match((await cli('pool', 'capacity', 'night')).stdout, /3 of 3 left|0 of 3 left/);
  assert.equal((await cli('pool', 'drop', 'night', bob.id)).code, 0);
  assert.match((await cli('pool', 'show', 'day')).stderr, /there is none/);
  assert.equal((await cli('pool', 'remove', 'night')).code, 0);
});
