// The hosted connect page in front of a real browser: replyd, an authorization server and a mail
// server, with domains whose MX tell where their mail is.
import assert from 'node:assert/strict';
import { complaints, picture, startBrowser } from './browser.mjs';
import { startDns } from './dns.mjs';
import { startSandbox } from './sandbox.mjs';

// startDoor: { box, browser, link(body) }.  Mail of consent.test is at the provider `sandbox` (OAuth), of
// company.test at `apppassword`, own.test nobody knows; `fastmail` takes both.  more(settings, origin): further
// settings, given those that are there and replyd's own origin.
export async function startDoor(more = () => ({})) {
  const dns = await startDns({
    'consent.test': { MX: ['10 mx.sandbox-oauth.test'] },
    'company.test': { MX: ['10 mx.sandbox-mail.test'] },
    'own.test': {},
    'inside.test': {},
    'imap.inside.test': { A: ['10.20.30.40'] },
  });
  const [box, browser] = await Promise.all([startSandbox({ withReplyd: false }), startBrowser()]);
  const both = Object.fromEntries(Object.entries(box.replyd.settings).filter(([k]) => /^provider\.sandbox\.(?!auth$)/.test(k))
    .map(([k, v]) => [k.replace('.sandbox.', '.fastmail.'), v]));
  Object.assign(box.replyd.settings, both, { 'net.name_servers': dns.list, 'provider.sandbox.mx': '.sandbox-oauth.test',
    'provider.apppassword.mx': '.sandbox-mail.test' });
  Object.assign(box.replyd.settings, more(box.replyd.settings, `http://127.0.0.1:${box.apiPort}`));
  await box.begin();
  return { box, browser, link: (body = {}) => box.api.post('/v1/connect-links', body) };
}

// heading: waits until the page says so
export async function heading(page, name) {
  await page.getByRole('heading', { level: 1, name }).waitFor().catch(async (e) => {
    throw new Error(`no heading ${name} on: ${await page.locator('body').innerText()}`, { cause: e });
  });
}

// visited: the page is there as it should be: nothing refused by its policy, nothing to complain about
export async function visited(page, name) {
  if (name) await picture(page, name);
  assert.deepEqual(await complaints(page), [], name ?? page.url());
  assert.deepEqual(page.refused, [], name ?? page.url());
}
