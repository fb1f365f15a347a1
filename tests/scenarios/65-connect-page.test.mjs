// The hosted connect page, as a person meets it: in a real browser, on a phone and on a desk.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { desktop, phone } from '../sandbox/browser.mjs';
import { heading, startDoor, visited } from '../sandbox/door.mjs';
import { password } from '../sandbox/dovecot.mjs';
import { endAll } from '../sandbox/proc.mjs';

const sizes = Object.entries({ phone, desktop });
let box, browser, link;

before(async () => { ({ box, browser, link } = await startDoor()); });
after(endAll);
afterEach(() => { box.oidc.asks = false; box.oidc.failNoMore(); });

for (const [size, viewport] of sizes) {
  test(`an address, one button, one consent: connected (${size})`, async () => {
    box.oidc.asks = true;
    const { url, id } = await link();
    const page = await browser.page({ viewport });
    await page.goto(url);
    await visited(page, `address-${size}`);
    await page.getByLabel('E-mail address').fill(`${size}@consent.test`);
    await page.getByRole('button', { name: 'Continue' }).click();
    await heading(page, `Connect ${size}@consent.test`);
    await visited(page, `oauth-${size}`);
    let answer;
    box.oidc.failNext({ until: new Promise((done) => { answer = done; }) });
    await page.getByRole('button', { name: 'Continue with sandbox' }).click();
    // the provider's own pages
    assert.equal(await page.getByLabel('Account').inputValue(), `${size}@consent.test`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Allow' }).click();
    // the steps follow by themselves
    await heading(page, 'Connecting');
    await visited(page, `steps-${size}`);
    assert.equal(await page.locator('#steps').getAttribute('aria-live'), 'polite');
    answer();
    await heading(page, 'Connected');
    assert.match(await page.locator('main').innerText(), new RegExp(`${size}@consent.test`));
    await visited(page, `connected-${size}`);
    const settled = await box.api.get(`/v1/connect-links/${id}`);
    assert.deepEqual([settled.state, settled.provider, settled.address], ['connected', 'sandbox', `${size}@consent.test`]);
  });

  test(`an app password, mistyped once (${size})`, async () => {
    const address = `pw-${size}@company.test`;
    const { url, id } = await link({ address });
    const page = await browser.page({ viewport });
    await page.goto(url);
    await heading(page, `Connect ${address}`);
    await visited(page, `password-${size}`);
    const field = page.getByLabel(/password/);
    assert.equal(await field.getAttribute('autocomplete'), 'off');
    await field.fill('mistyped-secret');
    await page.getByRole('button', { name: 'Connect' }).click();
    await heading(page, 'The password is refused');
    await visited(page, `problem-${size}`);
    assert.doesNotMatch(await page.content(), /mistyped-secret/);
    assert.deepEqual([(await box.api.get(`/v1/connect-links/${id}`)).problem], ['password_refused']);
    await page.locator('main').getByRole('link', { name: 'Type the password again' }).click();
    await page.getByLabel(/password/).fill(password);
    await page.getByRole('button', { name: 'Connect' }).click();
    await heading(page, 'Connected');
    assert.doesNotMatch(await page.content(), new RegExp(password));
    assert.equal((await box.api.waitForLink(id)).state, 'connected');
  });
}

test('with the keyboard alone', async () => {
  const { url } = await link();
  const page = await browser.page();
  const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
  const onto = async (selector) => { // Tab until the focus is there
    for (let i = 0; i < 15; i++) {
      await press('Tab');
      if (await page.locator(selector).evaluate((e) => e === document.activeElement)) return;
    }
    throw new Error(`the focus never comes to ${selector}`);
  };
  await page.goto(url);
  await press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip', 'the first stop leads past the header');
  await onto('#address');
  await page.keyboard.type('keys@consent.test');
  await press('Enter');
  await heading(page, 'Connect keys@consent.test');
  await onto('main button');
  await press('Enter');
  await heading(page, 'Connected');
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H1', 'what is new is read out');
});

test('without JavaScript', async () => {
  const { url } = await link({ provider: 'sandbox', address: 'noscript@example.test' });
  const page = await browser.page({ script: false });
  box.oidc.failNext({ delayMs: 1000 });
  await page.goto(url);
  await page.getByRole('button').click();
  await page.getByRole('link', { name: 'Look again' }).waitFor();
  await heading(page, 'Connected'); // it looks again by itself
});

test('in French, and with a switch', async () => {
  const { url } = await link({ address: 'fr@company.test' });
  const page = await browser.page({ language: 'fr-CA', viewport: phone });
  await page.goto(url);
  assert.equal(await page.locator('html').getAttribute('lang'), 'fr');
  await heading(page, 'Connectez fr@company.test');
  await visited(page, 'password-phone-french');
  await page.getByRole('link', { name: 'English' }).click();
  await heading(page, 'Connect fr@company.test');
  await page.goto(url); // it is kept
  await page.getByRole('link', { name: 'Français' }).click();
  await page.getByLabel(/mot de passe/i).fill('faux-mot-de-passe');
  await page.getByRole('button', { name: 'Connecter' }).click();
  await heading(page, 'Le mot de passe est refusé');
  await visited(page, 'problem-phone-french');
});

test('in the dark', async () => {
  const { url } = await link({ provider: 'fastmail', address: 'dark@example.test' });
  for (const [size, viewport] of sizes) {
    const page = await browser.page({ viewport, dark: true });
    for (const [way, name] of [['', 'oauth'], ['?way=password', 'password']]) {
      await page.goto(url + way);
      await visited(page, `${name}-${size}-dark`);
    }
  }
});
