// What people meet when they connect a mailbox: each has a code of its own, the server's words, and a
// remedy, on the link that was made and on the inbox.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from '../sandbox/consent.mjs';
import { startDns } from '../sandbox/dns.mjs';
import { endAll, freePort } from '../sandbox/proc.mjs';
import { startRude } from '../sandbox/rude.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box, cert;
before(async () => {
  const dns = await startDns({ 'own.test': {} }); // nobody knows where its mail is: a person types it
  box = await startSandbox({ settings: { 'net.name_servers': dns.list } });
  cert = await box.ca.issue('rude');
});
after(endAll);

// server: what it says; the link and the inbox then
const rows = [
  { name: 'gmail with a second factor', refuse: 'AUTHENTICATE',
    words: 'NO [ALERT] Application-specific password required: https://support.example.test/185833 (Failure)',
    problem: 'second_factor', state: 'held', remedy: /app password/ },
  { name: 'mail.ru with the account\'s own password', refuse: 'AUTHENTICATE',
    words: 'NO [AUTHENTICATIONFAILED] NEOBHODIM parol prilozheniya https://help.example.test / Aplication password is REQUIRED',
    problem: 'second_factor', state: 'held', remedy: /app password/ },
  { name: 'yahoo with the account\'s own password', provider: 'yahoo', refuse: 'AUTHENTICATE',
    words: 'NO [AUTHENTICATIONFAILED] AUTHENTICATE Invalid credentials',
    problem: 'second_factor', state: 'reauth_required', remedy: /app password/ },
  { name: 'gmail and a less secure app', refuse: 'AUTHENTICATE',
    words: 'NO [ALERT] Please log in via your web browser: https://support.example.test/78754 (Failure)',
    problem: 'less_secure_blocked', state: 'held', remedy: /app password/ },
  { name: 'a firewall', port: true, problem: 'port_unreachable', state: 'backing_off', reason: 'network', remedy: /port/ },
  { name: 'exchange slows us down', refuse: 'LIST',
    words: 'BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds',
    link: 'connected', problem: 'slow_sync', state: 'backing_off', reason: 'throttled', remedy: /waits/ },
  { name: 'gmail and a quota', refuse: 'EXAMINE', words: 'NO [OVERQUOTA] Account exceeded command or bandwidth limits.',
    link: 'connected', problem: 'slow_sync', state: 'backing_off', reason: 'bandwidth_limit', remedy: /limit/ },
  { name: 'exchange without passwords', refuse: 'AUTHENTICATE', words: 'NO Basic authentication is disabled.',
    problem: 'basic_auth_ended', state: 'held', remedy: /sign-in at the provider/ },
  { name: 'a server that offers OAuth alone', caps: 'IMAP4rev1 LOGINDISABLED AUTH=XOAUTH2',
    problem: 'basic_auth_ended', state: 'held', remedy: /sign-in at the provider/ },
  { name: 'imap is off', refuse: 'AUTHENTICATE', words: 'NO [ALERT] You are yet to enable IMAP for your account.',
    problem: 'imap_off', state: 'held', remedy: /Switch IMAP on/ },
  { name: 'imap is off or the password refused', refuse: 'AUTHENTICATE',
    words: 'NO [AUTHENTICATIONFAILED] LOGIN invalid credentials or IMAP is disabled sc=x',
    problem: 'imap_off_or_refused', state: 'held', remedy: /IMAP on/ },
  { name: 'imap is off for the domain', refuse: 'AUTHENTICATE', words: 'NO IMAP access is disabled for your domain.',
    problem: 'imap_off_for_domain', state: 'held', remedy: /administrator .* allow IMAP/ },
  { name: 'a policy', refuse: 'AUTHENTICATE', words: 'NO Access is blocked by Conditional Access policies.',
    problem: 'policy_blocked', state: 'held', remedy: /administrator/ },
  { name: 'a wrong password', refuse: 'AUTHENTICATE', words: 'NO [AUTHENTICATIONFAILED] Authentication failed.',
    problem: 'password_refused', state: 'reauth_required', remedy: /password/ },
];

test('each says what it is, and what to do', async () => {
  const links = await Promise.all(rows.map(async (row, i) => {
    const port = row.port ? await freePort() : (await startRude('says', cert, row)).port;
    return box.api.post('/v1/inboxes', { address: `n${i}@example.test`, password: 'right-all-the-same',
      ...(row.provider ? { provider: row.provider } : {}), imap: { host: 'localhost', port } });
  }));
  for (const [i, row] of rows.entries()) {
    const link = await box.api.waitForLink(links[i].connect_link_id, { timeoutMs: 60000 });
    assert.equal(link.state, row.link ?? 'failed', `${row.name}: ${JSON.stringify(link)}`);
    assert.equal(link.problem, row.problem, row.name);
    // the server's own words, but for a password that was tried twice
    if (row.state !== 'reauth_required' && row.words)
      assert.ok(row.words.includes(link.problem_detail.slice(0, 20)), `${row.name}: ${link.problem_detail}`);
    assert.ok(link.problem_detail, row.name);
    const inbox = await box.api.get(`/v1/inboxes/${link.inbox_id}`);
    assert.deepEqual([inbox.state, inbox.reason], [row.state, row.reason ?? row.problem], row.name);
    assert.match(inbox.remedy, row.remedy, row.name);
  }
  // what is merely slow is connected, and told so; what is refused is not
  const told = (await box.api.events()).filter((e) => e.type === 'inbox.connected').map((e) => e.data.address).sort();
  assert.deepEqual(told, rows.flatMap((row, i) => (row.link === 'connected' ? [`n${i}@example.test`] : [])).sort());
});

const text = (html) => html.replace(/<[^>]+>/g, ' ').replaceAll('&#39;', '\'').replaceAll('&quot;', '"').replace(/\s+/g, ' ');

test('the five classic ones, to the person in front of the page', async () => {
  const names = ['gmail with a second factor', 'gmail and a less secure app', 'a firewall', 'exchange slows us down', 'exchange without passwords'];
  const walks = names.map(async (name, i) => {
    const row = rows.find((one) => one.name === name);
    const port = row.port ? await freePort() : (await startRude('says', cert, row)).port;
    const { id, url } = await box.api.post('/v1/connect-links', { address: `p${i}@own.test` });
    const person = new Browser();
    await person.press(await person.open(url), { host: 'localhost', port, security: 'tls', password: 'right-all-the-same' });
    const link = await box.api.waitForLink(id, { timeoutMs: 90000 });
    assert.deepEqual([link.state, link.problem], [row.link ?? 'failed', row.problem], name);
    for (const lang of ['en', 'fr']) {
      const page = await person.open(`${url}/result?lang=${lang}`);
      assert.equal(page.status, 200, name);
      const shown = text(/<main[\s\S]*<\/main>/.exec(page.body)[0]);
      // the very words of the API, whether it is connected or not; and others in French
      for (const part of [link.problem_words, link.remedy]) assert.equal(shown.includes(part), lang === 'en', `${name}: ${part}: ${shown}`);
      assert.equal(/<h1[^>]*>(Connected|Connect\u00e9e)</.test(page.body), row.link === 'connected', name);
      assert.doesNotMatch(page.body, /right-all-the-same/);
    }
  });
  await Promise.all(walks);
});
