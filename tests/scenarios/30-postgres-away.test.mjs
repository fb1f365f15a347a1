// PostgreSQL stopped for 20 s and started again: the workers keep their IMAP connections, and everything catches up.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { startPostgres } from '../sandbox/postgres.mjs';
import { endAll, sleep, until, workdir } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box, ada, pg;
before(async () => {
  pg = await startPostgres({ dir: path.join(workdir(), 'pg') });
  box = await startSandbox({ env: { DATABASE_URL: pg.url }, settings: { 'ingest.proof': '2s' } });
  ada = await box.connect('ada@example.test');
});
after(endAll);

// how often somebody logged in: a connection that was kept did not
const logins = () => (fs.readFileSync(box.dovecot.log, 'utf8').match(/imap-login: Info: Login: /g) ?? []).length;

test('an outage of 20 s', async () => {
  const outs = await box.register(Array.from({ length: 4 }, (_, i) => (
    { inboxId: ada.id, inbox: ada.address, prospect: `p${i}@example.test` })));
  const before = await until('the login to be logged', logins);

  await pg.stop();
  assert.equal((await box.api.call('GET', '/v1/inboxes')).status, 503);
  assert.equal((await fetch(`${box.replyd.base}/readyz`)).status, 503);
  assert.equal((await fetch(`${box.replyd.base}/livez`)).status, 200);
  const mails = outs.map((o) => humanReply(o));
  for (const mail of mails) await box.deliver(ada.address, mail);
  await sleep(20000); // the outage itself
  await pg.start();

  for (const mail of mails)
    await box.engine.waitFor(`the event of ${mail.id}`, (e) => isOf(e, mail), { timeoutMs: 60000 });
  assert.equal(logins(), before, 'the IMAP connections are the same');
  await box.replyd.ready();
  const feed = await box.api.events();
  for (const mail of mails) assert.equal(feed.filter((e) => isOf(e, mail)).length, 1);
  await box.api.waitForGate(outs[0].prospect, 'closed');
});
