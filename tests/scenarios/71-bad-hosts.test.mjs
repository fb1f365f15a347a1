// Servers that are not there, not who they say, silent, or without end: each inbox says what is
// wrong and what to do, and the worker's other inboxes do not notice.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { endAll, freePort } from '../sandbox/proc.mjs';
import { startRude } from '../sandbox/rude.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box, ada;
const rude = {};
before(async () => {
  box = await startSandbox({ settings: { 'ingest.proof': '2s', 'gate.freshness': '6s' } });
  const right = await box.ca.issue('rude');
  rude.mute = await startRude('mute', right);
  rude.babble = await startRude('babble', right);
  rude.endless = await startRude('endless', right);
  rude.wrong = await startRude('mute', await box.ca.issue('wrong', 'DNS:mail.elsewhere.test'));
  ada = await box.connect('ada@example.test');
});
after(endAll);

// rss: resident memory of the ingest workers, in MB
function rss() {
  const state = JSON.parse(fs.readFileSync(`${box.replyd.data}/replyd.state`, 'utf8'));
  return Math.max(...state.roles.filter((r) => r.role === 'ingest')
    .map((r) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${r.pid}/status`, 'utf8'))[1]) / 1024));
}

test('each says what is wrong, and what to do', async () => {
  const rows = [
    ['gone', { host: 'imap.nowhere.invalid' }, ['name_lookup'], /name of the IMAP server/],
    ['shut', { host: 'localhost', port: await freePort() }, ['network'], /host and port/],
    ['wrong', { host: 'localhost', port: rude.wrong.port }, ['certificate'], /certificate/],
    ['babble', { host: 'localhost', port: rude.babble.port }, ['server'], /IMAP server/],
    ['endless', { host: 'localhost', port: rude.endless.port }, ['server'], /IMAP server/],
    ['mute', { host: 'localhost', port: rude.mute.port }, ['network', 'server'], /host and port/],
  ];
  const before = rss();
  const links = [];
  for (const [name, imap] of rows)
    links.push(await box.api.post('/v1/inboxes', { address: `${name}@example.test`, password: 'not-a-secret', imap }));
  const [out] = await box.register([{ inboxId: ada.id, inbox: ada.address, prospect: 'pat@example.test' }]);
  for (const [i, [name, , reasons, remedy]] of rows.entries()) {
    const id = await box.api.waitForLinkInbox(links[i].connect_link_id);
    const inbox = await box.api.waitForInbox(id, (x) => x.state === 'backing_off' && reasons.includes(x.reason),
      { timeoutMs: 90000 });
    assert.ok(inbox.detail, `${name}: ${JSON.stringify(inbox)}`);
    assert.match(inbox.remedy, remedy, name);
    // meanwhile others are watched: the reply comes through between two of them
    if (i !== 2) continue;
    const reply = humanReply(out);
    await box.deliver(ada.address, reply);
    await box.engine.waitFor('the reply to ada', (e) => isOf(e, reply), { timeoutMs: 10000 });
  }
  // and whoever made the link is told
  for (const [i, [name, , reasons]] of rows.entries()) {
    const link = await box.api.waitForLink(links[i].connect_link_id, { timeoutMs: 90000 });
    const problems = reasons.map((r) => (r === 'network' ? 'port_unreachable' : r));
    assert.equal(link.state, 'failed', name);
    assert.ok(problems.includes(link.problem) && link.problem_detail, `${name}: ${JSON.stringify(link)}`);
  }
  const seen = await box.api.get(`/v1/inboxes/${ada.id}`);
  assert.deepEqual([seen.state, seen.remedy], ['live', '']);
  // 4 GiB were announced, and what came of them was not kept
  assert.ok(rude.endless.accepted > 0);
  assert.ok(rude.endless.sent < 1 << 30, `${rude.endless.sent} bytes were taken`);
  assert.ok(rss() - before < 100, `${before} MB became ${rss()} MB`);
  assert.doesNotMatch(fs.readFileSync(box.replyd.log, 'utf8'), /AddressSanitizer|runtime error/);
});
