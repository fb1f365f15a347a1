// May one send from here?  Tried once per connection, as far as the login, on a real submission server; told,
// and never in the way.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { freePort, endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box;
before(async () => {
  const closed = await freePort();
  box = await startSandbox({ settings: {
    // the same mailboxes, said to send elsewhere: at a port that is shut, at an address of our own network
    'provider.shut.imap_host': 'localhost', 'provider.shut.auth': 'password',
    'provider.shut.smtp_host': 'localhost', 'provider.shut.smtp_port': closed,
    'provider.internal.imap_host': 'localhost', 'provider.internal.auth': 'password',
    'provider.internal.smtp_host': '10.1.2.3', 'provider.internal.smtp_port': 465,
  } });
});
after(endAll);

const smtpOf = (id) => until('SMTP to be tried', async () => {
  const { smtp } = await box.api.get(`/v1/inboxes/${id}`);
  return smtp.checked_at ? smtp : null;
}, { timeoutMs: 30000 });

test('with consent and with a password one gets in', async () => {
  const ada = await box.connect('ada@example.test');
  assert.deepEqual({ ...await smtpOf(ada.id), checked_at: null },
    { state: 'ok', reason: '', detail: '', host: 'localhost', port: box.dovecot.submission, security: 'starttls', checked_at: null });
  const bea = await box.connectByPassword('bea@example.test');
  assert.equal((await smtpOf(bea.id)).state, 'ok');
  const log = fs.readFileSync(box.dovecot.log, 'utf8');
  assert.match(log, /submission-login: Info: Login: user=<ada@example.test>, method=(OAUTHBEARER|XOAUTH2),.*TLS/);
  assert.match(log, /submission-login: Info: Login: user=<bea@example.test>, method=PLAIN,.*TLS/);
});

test('what does not work is told, and the inbox is connected all the same', async () => {
  const by = async (address, provider) => {
    const { connect_link_id: id } = await box.api.post('/v1/inboxes', { address, provider,
      password: 'sandbox-password', imap: { host: 'localhost', port: box.dovecot.imaps } });
    const link = await box.api.waitForLink(id);
    assert.equal(link.state, 'connected', JSON.stringify(link));
    const smtp = await smtpOf(link.inbox_id);
    assert.equal((await box.api.get(`/v1/connect-links/${id}`)).smtp.state, smtp.state);
    return [smtp.state, smtp.reason];
  };
  assert.deepEqual(await by('cal@example.test', 'shut'), ['unreachable', 'network']);
  assert.deepEqual(await by('dan@example.test', 'internal'), ['unreachable', 'host_refused']);
  assert.deepEqual(await by('eve@example.test', 'generic'), ['not_checked', 'smtp_unknown']);
});

test('a wrong password is refused there too', async () => {
  const { connect_link_id: id } = await box.api.post('/v1/inboxes', { address: 'fay@example.test', provider: 'apppassword',
    password: 'not-this-one' });
  const link = await box.api.waitForLink(id);
  assert.deepEqual([link.state, link.problem], ['failed', 'password_refused']);
  const smtp = await smtpOf(link.inbox_id);
  assert.deepEqual([smtp.state, smtp.reason], ['refused', 'login_refused']);
  assert.doesNotMatch(JSON.stringify(smtp), /not-this-one/);
});
