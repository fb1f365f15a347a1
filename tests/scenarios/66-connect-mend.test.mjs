// The hosted connect page where something is not as usual: several ways, a server typed by hand, what
// goes wrong and is mended with the same link, the way back.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { phone, picture } from '../sandbox/browser.mjs';
import { heading, startDoor, visited } from '../sandbox/door.mjs';
import { password } from '../sandbox/dovecot.mjs';
import { atEnd, endAll, freePort } from '../sandbox/proc.mjs';

let box, browser, link;

before(async () => { ({ box, browser, link } = await startDoor()); });
after(endAll);
afterEach(() => { box.oidc.asks = false; box.oidc.failNoMore(); });

test('both ways, and the provider\'s own instructions', async () => {
  const { url } = await link({ provider: 'fastmail', address: 'both@example.test' });
  const page = await browser.page();
  await page.goto(url);
  await page.getByRole('button', { name: 'Continue with Fastmail' }).waitFor();
  await page.getByRole('link', { name: 'Use an app password' }).click();
  const out = page.getByRole('link', { name: 'Open the page of Fastmail' });
  assert.match(await out.getAttribute('href'), /^https:\/\/app\.fastmail\.com\//);
  assert.match(await out.getAttribute('rel'), /noreferrer/);
  await visited(page, 'fastmail-desktop');
  await page.getByRole('link', { name: 'Sign in at Fastmail' }).click();
  await page.getByRole('button', { name: 'Continue with Fastmail' }).waitFor();
  await page.goBack();
  // as Fastmail shows it, in groups
  await page.getByLabel('App password').fill(password.replace(/-/, '- '));
  await page.getByRole('button', { name: 'Connect' }).click();
  await heading(page, 'Connected');
});

test('a server by hand, and what is wrong with it', async () => {
  const { url, id } = await link();
  const page = await browser.page({ viewport: phone });
  await page.goto(url);
  const said = async (field) => {
    assert.equal(await page.getByLabel(field, { exact: true }).getAttribute('aria-invalid'), 'true', field);
    await visited(page);
    return page.getByRole('alert').innerText();
  };
  const wrongly = async (address) => {
    await page.getByLabel('E-mail address').fill(address);
    await page.getByRole('button', { name: 'Continue' }).click();
  };
  await wrongly('ada@nowhere.test');
  assert.match(await said('E-mail address'), /no mail at this domain/);
  assert.equal(await page.getByLabel('E-mail address').inputValue(), 'ada@nowhere.test');
  await wrongly('hand@own.test');
  await heading(page, 'Connect hand@own.test');
  await visited(page, 'server-phone');
  const rows = [
    ['imap.inside.test', '', 'Mail server (IMAP)', /private network/],
    ['not a host', '', 'Mail server (IMAP)', /not the name of a server/],
    ['localhost', '25', 'Port (optional)', /does not fit/],
    ['localhost', '143', 'Port (optional)', /does not fit/],
  ];
  for (const [host, port, field, words] of rows) {
    await page.getByLabel('Mail server (IMAP)').fill(host);
    await page.getByLabel('Port (optional)', { exact: true }).fill(port);
    await page.getByLabel('Password or app password').fill('typed-in-vain');
    await page.getByRole('button', { name: 'Connect' }).click();
    assert.match(await said(field), words, host);
    assert.doesNotMatch(await page.content(), /typed-in-vain/);
    assert.equal(await page.getByLabel('Mail server (IMAP)').inputValue(), host);
  }
  await picture(page, 'server-wrong-phone');
  // the server's other port: of the one with TLS the table of providers knows that it takes no passwords
  await page.getByLabel('Port (optional)', { exact: true }).fill(String(box.dovecot.imap));
  await page.getByLabel(/STARTTLS/).check();
  await page.getByLabel('Password or app password').fill(password);
  await page.getByRole('button', { name: 'Connect' }).click();
  await heading(page, 'Connected');
  assert.equal((await box.api.waitForInbox((await box.api.get(`/v1/connect-links/${id}`)).inbox_id)).address, 'hand@own.test');
});

test('a closed port: STARTTLS is a button away', { timeout: 120000 }, async () => {
  const { url } = await link({ address: 'shut@own.test' });
  const page = await browser.page();
  await page.goto(url);
  await page.getByLabel('Mail server (IMAP)').fill('localhost');
  await page.getByLabel('Port (optional)', { exact: true }).fill(String(await freePort()));
  await page.getByLabel('Password or app password').fill(password);
  await page.getByRole('button', { name: 'Connect' }).click();
  await page.getByRole('heading', { level: 1, name: /does not answer/ }).waitFor({ timeout: 90000 });
  await visited(page, 'port-desktop');
  await page.getByRole('link', { name: 'Try STARTTLS on port 143' }).click();
  assert.deepEqual([await page.getByLabel('Port (optional)', { exact: true }).inputValue(), await page.getByLabel(/STARTTLS/).isChecked(),
    await page.getByLabel('Mail server (IMAP)').inputValue()], ['143', true, 'localhost']);
});

test('a consent that is declined, or given for another account, is mended with the same link', async () => {
  box.oidc.asks = true;
  const { url, id } = await link({ provider: 'sandbox', address: 'mend@example.test' });
  const page = await browser.page();
  const answer = async (account, name) => {
    if (account) {
      await page.getByLabel('Account').fill(account).catch(async (e) => { throw new Error(await page.content(), { cause: e }); });
      await page.getByRole('button', { name: 'Sign in' }).click();
    }
    await page.getByRole('button', { name }).click();
  };
  await page.goto(url);
  await page.getByRole('button', { name: /Continue/ }).click();
  await answer('mend@example.test', 'Decline');
  await heading(page, 'Access to the mailbox was declined');
  await visited(page, 'declined-desktop');
  assert.equal((await box.api.waitForLink(id)).remedy, 'Start again and allow the access.');
  await page.context().clearCookies({ domain: '127.0.0.1', name: /^_/ }); // another account at the provider
  await page.getByRole('button', { name: 'Try again' }).click();
  await answer('somebody.else@example.test', 'Allow');
  await heading(page, 'That was another mailbox');
  await visited(page, 'wrong-account-desktop');
  await page.context().clearCookies({ domain: '127.0.0.1', name: /^_/ });
  await page.getByRole('button', { name: 'Choose another account' }).click();
  await answer('mend@example.test', 'Allow');
  await heading(page, 'Connected');
  assert.deepEqual((await box.api.get('/v1/inboxes')).filter((i) => i.address === 'somebody.else@example.test'), []);
});

test('two inboxes at once, in two tabs', async () => {
  box.oidc.asks = true;
  const page = await browser.page();
  const tabs = [page, await page.context().newPage()];
  const links = [];
  for (const [i, tab] of tabs.entries()) {
    links.push(await link({ provider: 'sandbox', address: `tab${i}@example.test` }));
    await tab.goto(links[i].url);
  }
  for (const tab of tabs) await tab.getByRole('button', { name: /Continue/ }).click();
  for (const [i, tab] of tabs.entries()) {
    await tab.context().clearCookies({ name: /^_session/ });
    if (await tab.getByLabel('Account').count() === 0) await tab.reload();
    await tab.getByLabel('Account').fill(`tab${i}@example.test`);
    await tab.getByRole('button', { name: 'Sign in' }).click();
    await tab.getByRole('button', { name: 'Allow' }).click();
    await heading(tab, 'Connected');
  }
});

test('back to where the person came from', async () => {
  const seen = [];
  const home = createServer((req, res) => { seen.push({ url: req.url, referer: req.headers.referer }); res.end('home'); });
  const port = await freePort();
  await new Promise((done) => { home.listen(port, '127.0.0.1', done); });
  atEnd(() => home.close());
  const to = `http://127.0.0.1:${port}/done?team=7`;
  const good = await link({ provider: 'sandbox', address: 'home@example.test', return_url: to });
  const page = await browser.page();
  await page.goto(good.url);
  await page.getByRole('button').click();
  await page.getByText('home').waitFor();
  box.oidc.deny('nohome@example.test');
  const bad = await link({ provider: 'sandbox', address: 'nohome@example.test', return_url: to });
  const other = await browser.page();
  await other.goto(bad.url);
  await other.getByRole('button').click();
  await other.getByRole('link', { name: `Back to 127.0.0.1:${port}` }).click();
  await other.getByText('home').waitFor();
  const visits = seen.filter((v) => v.url.startsWith('/done'));
  assert.deepEqual(visits.map((v) => v.url), [`/done?team=7&state=connected&connect_link_id=${good.id}`,
    `/done?team=7&state=failed&connect_link_id=${bad.id}&problem=consent_declined`]);
  // the token in the page's address is told to nobody
  for (const { referer } of [...visits, ...box.oidc.visits]) assert.doesNotMatch(referer ?? '', /connect/);
  assert.notEqual(box.oidc.visits.length, 0);
});
