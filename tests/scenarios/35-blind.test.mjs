// Blind time is told: a gap is opened whoever should have proven, closed when everything was seen again, and anybody may ask
// whether an inbox is seen up to now.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { endAll } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';

let box, ada, outs;
// A silence of two proofs and 5 s is a gap; rotation looks every 5 s.
before(async () => {
  box = await startSandbox({ settings: { 'ingest.proof': '2s', 'ingest.grace': '1s', 'gate.freshness': '10s' } });
  ada = await box.connect('ada@example.test');
  outs = await box.register([0, 1, 2, 3].map((i) => ({ inboxId: ada.id, inbox: ada.address, prospect: `p${i}@example.test` })));
  await box.api.waitForGate(outs[0].prospect, 'open');
});
after(endAll);

const told = async (type, from = 0) => {
  const what = (e) => e.type === type && e.data.inbox_id === ada.id && Date.parse(e.data.blind_from) >= from;
  return (await box.engine.waitFor(`${type} after ${new Date(from).toISOString()}`, what, { timeoutMs: 60000 })).event.data;
};

// Left to itself the inbox would prove two seconds after the last time.
test('a probe is answered within a second, by a proof that began after it', async () => {
  for (let i = 0; i < 4; i += 1) {
    const asked = Date.now();
    const answer = await box.api.post(`/v1/inboxes/${ada.id}/probe`);
    const took = Date.now() - asked;
    assert.ok(Date.parse(answer.gated_through) >= asked, `${answer.gated_through} is before ${new Date(asked).toISOString()}`);
    assert.ok(took < 1000, `it took ${took} ms`);
    assert.ok(answer.covers.some((c) => c.role === 'inbox'));
    const gate = await box.api.gate(outs[0].prospect);
    assert.ok(gate.observed_through >= answer.gated_through, 'the gate knows it too');
    assert.equal(gate.covers[0].inbox_id, ada.id);
  }
  const refused = await box.api.call('POST', '/v1/inboxes/00000000-0000-4000-8000-000000000000/probe');
  assert.equal(refused.status, 404);
});

test('the server is away for longer than two proofs, and a reply comes meanwhile', async () => {
  await box.dovecot.stop();
  const mail = humanReply(outs[1]);
  box.dovecot.leave(ada.address, 'INBOX', mail.raw);
  const opened = await told('inbox.gap.opened');
  assert.equal(opened.address, ada.address);
  const gate = await box.api.gate(outs[2].prospect);
  assert.deepEqual([gate.state, gate.reason], ['unknown', 'inbox_behind']);
  const blind = await box.api.get(`/v1/inboxes/${ada.id}`);
  assert.deepEqual([blind.gap.id, blind.gap.blind_from], [opened.gap_id, opened.blind_from]);

  await box.dovecot.start();
  const closed = await told('inbox.gap.closed');
  assert.equal(closed.gap_id, opened.gap_id);
  assert.equal(closed.blind_from, opened.blind_from);
  assert.ok(closed.blind_to > opened.blind_from);
  assert.equal(closed.verified, true);
  assert.ok(closed.replayed >= 1, `replayed ${closed.replayed}`);
  const reply = (await box.engine.waitFor('the reply', (e) => isOf(e, mail), { timeoutMs: 30000 })).event;
  assert.equal(reply.data.recovered, true);
  assert.equal((await box.api.waitForGate(outs[2].prospect, 'open')).reason, '');
  assert.equal((await box.api.get(`/v1/inboxes/${ada.id}`)).gap, null);
});

test('no worker lives that could say so', async () => {
  const since = Date.now();
  const [worker] = box.replyd.pids('ingest');
  process.kill(worker, 'SIGSTOP');
  try {
    const opened = await told('inbox.gap.opened', since - 3500);
    assert.ok(['worker_gone', 'no_proof'].includes(opened.cause), opened.cause);
    const late = await box.api.call('POST', `/v1/inboxes/${ada.id}/probe`);
    assert.deepEqual([late.status, late.body.code], [504, 'proof_not_in_time']);
  } finally {
    process.kill(worker, 'SIGCONT');
  }
  const closed = await told('inbox.gap.closed', since - 3500);
  assert.equal(closed.verified, true);
  await box.api.waitForGate(outs[3].prospect, 'open');
});

test('its history says it in words', async () => {
  const gaps = await box.api.get(`/v1/inboxes/${ada.id}/gaps`);
  assert.equal(gaps.length, 2);
  assert.ok(gaps.every((g) => g.closed_at && g.verified));
  const lines = [];
  for (let page = '', next = null; page !== null; page = next === null ? null : `&before=${next}`) {
    const got = await box.api.get(`/v1/inboxes/${ada.id}/timeline?limit=3${page}`);
    lines.push(...got.lines);
    ({ next } = got);
  }
  const words = lines.map((l) => l.words).join('\n');
  assert.match(words, /nothing is proven since .*Z \(/);
  assert.match(words, /blind from .* to .*: [1-9]\d* made up, 0 gone before anybody looked, 0 not given; every mail was enumerated/);
  assert.deepEqual(lines.map((l) => l.at), lines.map((l) => l.at).toSorted().reverse());

  // the same on the command line
  const cli = async (...args) => {
    const r = await box.replyd.cli('inbox', ...args, '--data', box.replyd.data);
    assert.equal(r.code, 0, r.stderr);
    return r.stdout;
  };
  assert.match(await cli('timeline', ada.address), /gap_closed +blind from/);
  assert.match(await cli('gaps', ada.id), /yes/);
  assert.match(await cli('show', ada.address), /seen through +\d{4}-/);
  assert.match(await cli('probe', ada.id), /everything that came before .*Z is seen/);
  assert.ok(JSON.parse(await cli('probe', ada.id, '--json')).gated_through);
  assert.equal((await box.replyd.cli('inbox', 'show', 'nobody@example.test', '--data', box.replyd.data)).code, 65);
});

test('every event is as its schema describes it', () => allAsDescribed(box));
