// Which secrets a process may hold, and that it holds no others: what was used has been wiped, and what another role needs
// was never there.  Read as root, page by page.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { password } from '../sandbox/dovecot.mjs';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { placesOf } from '../sandbox/memory.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

const skip = process.getuid() !== 0 && 'only root reads memory';
const keys = (...names) => names.flatMap((n) => [`key ${n}`, `key ${n}.2`]);
const mistyped = 'wrong-horse-battery-staple';

// what each role needs for as long as it runs; everything else of words() it must not hold
const holds = {
  broker: [...keys('grant', 'token'), 'key broker-private', 'password db-broker', 'client secret'],
  ingest: [...keys('token'), 'key digest', 'password db-ingest'],
  dispatch: [...keys('webhook'), 'password db-dispatch'],
  rotation: ['password db-rotation'],
  api: [...keys('webhook'), 'key digest', 'password db-api'],
};

let box, words;

// every secret of this run, as bytes and as what stands in files and on wires
function allWords() {
  const all = new Map([['client secret', box.oidc.client.secret], ['API key', box.api.key], ['app password', password],
    ['wrong app password', mistyped], ['endpoint secret, as text', box.endpoint.secret],
    ['endpoint secret', Buffer.from(box.endpoint.secret.slice('whsec_'.length), 'base64')]]);
  for (const kind of ['RefreshToken', 'AccessToken', 'AuthorizationCode'])
    for (const [i, token] of box.oidc.issued(kind).entries()) all.set(`${kind} ${i}`, token);
  const dir = path.join(box.replyd.data, 'secrets');
  for (const name of fs.readdirSync(dir)) {
    if (['made', 'broker-public'].includes(name)) continue;
    const text = fs.readFileSync(path.join(dir, name), 'latin1').trim(), raw = Buffer.from(text, 'base64');
    if (name.startsWith('db-')) all.set(`password ${name}`, raw).set(`password ${name}, as written`, text);
    else all.set(`key ${name}`, raw).set(`key ${name}, as written`, text);
  }
  return all;
}

before(async () => {
  if (skip) return;
  box = await startSandbox();
  const ada = await box.connect('ada@example.test');
  await box.connectByPassword('eve@example.test');
  const bad = await box.api.post('/v1/inboxes', { address: 'bad@example.test', provider: 'apppassword', password: mistyped });
  assert.equal((await box.api.waitForLink(bad.connect_link_id)).state, 'failed');
  // a sender gets a token, an event is signed and posted, every box is opened and closed anew
  const sender = await box.replyd.key(box.workspace, '--scopes', 'token');
  const handed = await box.api.call('POST', `/v1/inboxes/${ada.id}/access-token`, undefined, { authorization: `Bearer ${sender}` });
  assert.equal(handed.status, 200, handed.text);
  const [out] = await box.register([{ inboxId: ada.id, inbox: ada.address, prospect: 'pat@example.test' }]);
  const mail = humanReply(out);
  await box.deliver(ada.address, mail);
  await box.engine.waitFor('the event', (e) => isOf(e, mail));
  const rotated = await box.replyd.cli('key', 'rotate', '--data', box.replyd.data);
  assert.equal(rotated.code, 0, rotated.stderr);
  words = allWords().set('sender\'s API key', sender).set('access token, handed out', handed.body.access_token);
});
after(endAll);

const pidsOf = (role) => box.replyd.pids(role).filter((pid) => pid > 1);

test('what is held for good is found: the reader reads', { skip }, () => {
  const found = placesOf(pidsOf('broker')[0], words);
  for (const word of ['client secret', 'key grant.2', 'password db-broker']) assert.ok(found.has(word), word);
});

for (const [role, may] of Object.entries(holds))
  test(`${role} holds ${may.length} secrets, and no others`, { skip }, async () => {
    const others = new Map([...words].filter(([word]) => !may.includes(word)));
    assert.ok(others.size > words.size - may.length - 1);
    let places = [];
    // sessions that are up, connections that are kept open, and requests on their way come to their end
    await until(`the secrets of others to leave ${role}`, () => {
      places = pidsOf(role).flatMap((pid) => [...placesOf(pid, others)]);
      return places.length === 0;
    }, { timeoutMs: 15000, everyMs: 500 }).catch((e) => assert.fail(`${e.message}\n${places.map((p) => p.flat().join('\n  ')).join('\n')}`));
  });

// it keeps the keys of all, to hand them out again; what users and providers gave never comes near it
test('up holds keys and passwords of the database, and nothing of users', { skip }, () => {
  const theirs = new Map([...words].filter(([word]) => !/^(key|password) /.test(word)));
  assert.deepEqual([...placesOf(pidsOf('up')[0], theirs)], []);
});
