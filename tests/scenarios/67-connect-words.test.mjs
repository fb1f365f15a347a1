// Whatever can go wrong with a connection: the page says it in words, in every language, says who mends
// it, and has a button that does the sensible next thing.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { desktop, phone } from '../sandbox/browser.mjs';
import { Browser } from '../sandbox/consent.mjs';
import { startDoor, visited } from '../sandbox/door.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll } from '../sandbox/proc.mjs';
import { root } from '../sandbox/replyd.mjs';

let box, browser, link;
before(async () => { ({ box, browser, link } = await startDoor()); });
after(endAll);

// the rows of the tables themselves: a code that is added there is tried here
const words = path.join(root, 'services/words');
const rows = ['link', 'mail'].flatMap((file) => [...fs.readFileSync(path.join(words, `problem_words_${file}.c`), 'utf8')
  .matchAll(/^\t\{ "(\w+)", MENDED_BY_(\w+), MEND_(\w+),/gm)].map(([, code, mender, mend]) => ({ code, mender, mend })));

const tell = (id, code, provider) => insideOf(box.replyd).psql(`set search_path = replyd; set replyd.workspace = '${box.workspace}';
  update connect_link set state = 'failed', problem = '${code}', problem_detail = 'said <b>there</b>'${provider ? `, provider = '${provider}'` : ''}
  where connect_link_id = '${id}'`);

// failed: a link that failed in this browser, by consent or by password
async function failed(way, person = new Browser()) {
  const made = await link(way === 'oauth' ? { provider: 'fastmail', address: 'words@example.test' } : { address: `${way}@company.test` });
  if (way === 'oauth') box.oidc.deny('words@example.test');
  await person.press(await person.open(made.url), way === 'oauth' ? {} : { password: 'mistyped' });
  await box.api.waitForLink(made.id);
  return { ...made, person };
}

const text = (html) => html.replace(/<[^>]+>/g, ' ').replaceAll('&#39;', '\'').replaceAll('&quot;', '"')
  .replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&').replace(/\s+/g, ' ');
const next = (html) => /<(?:button type="submit"|a class="button" href="([^"]*)")>([^<]+)</.exec(html)?.slice(1);

test('every code, for whoever consented and for whoever typed a password', async () => {
  assert.ok(rows.length > 60, 'the tables are read');
  for (const way of ['oauth', 'password']) {
    const { id, url, person } = await failed(way);
    for (const { code, mender, mend } of rows) {
      await tell(id, code);
      const said = await box.api.get(`/v1/connect-links/${id}`);
      for (const lang of ['en', 'fr']) {
        const { status, body } = await person.open(`${url}/result?lang=${lang}`);
        const name = `${way} ${code} ${lang}`;
        assert.equal(status, 200, name);
        const shown = text(/<main[\s\S]*<\/main>/.exec(body)[0]);
        if (lang === 'en') { // as the API has it
          for (const part of [said.problem_title, said.problem_words, said.remedy]) assert.ok(shown.includes(part), `${name}: ${part}`);
          assert.equal(said.mended_by, mender.toLowerCase(), name);
        }
        // a code, a setting or a call is for whoever is asked for help
        const plain = text(/<h1[\s\S]*?(?=<details)/.exec(body)[0]);
        if (mender === 'OPERATOR') assert.match(plain, lang === 'en' ? /tell them/ : /prévenez-le/, name);
        if (mender === 'OPERATOR') assert.doesNotMatch(plain, /[a-z]\.<name>|[a-z]_[a-z]|\/v1\//, name);
        assert.doesNotMatch(plain, new RegExp(`\\b${code.includes('_') ? code : 'no code'}\\b`), name);
        assert.ok(shown.includes('said <b>there</b>'), name);
        assert.match(body, lang === 'en' ? /\/result\?lang=fr"/ : /\/result\?lang=en"/, `${name} cannot be read in another language`);
        const [to, label] = next(body) ?? [];
        assert.ok(label, `${name} has no button`);
        if (way === 'oauth' && mend !== 'PASSWORD') assert.equal(to, undefined, `${name}: it sets out again`);
        if (lang === 'en' && way === 'password') {
          const want = { NOTHING: 'Try again', AGAIN: 'Try again', ACCOUNT: 'Try again', PASSWORD: 'Use an app password', RETYPE: 'Type the password again',
            SERVER: 'Check the server&#39;s settings', STARTTLS: 'Try STARTTLS on port 143', SIGN_IN: 'Try again' }[mend];
          assert.equal(label, want, name);
        }
        if (to && lang === 'en') { // it leads somewhere
          const there = await person.open(new URL(to.replaceAll('&amp;', '&'), url).href);
          assert.deepEqual([there.status, /<form/.test(there.body)], [200, true], `${name}: ${to}`);
        }
      }
    }
  }
});

test('where passwords have ended, the button leads to the provider', async () => {
  const { id, url, person } = await failed('password');
  await tell(id, 'basic_auth_ended', 'fastmail');
  const [to, label] = next((await person.open(`${url}/result`)).body);
  assert.equal(label, 'Sign in at Fastmail');
  const there = await person.open(new URL(to.replaceAll('&amp;', '&'), url).href);
  assert.match(there.body, /Continue with Fastmail/);
});

test('what is most common, to look at', async () => {
  const person = await browser.page();
  const made = await link({ address: 'looked@company.test' });
  await person.goto(made.url);
  await person.getByLabel(/password/).fill('mistyped');
  await person.getByRole('button', { name: 'Connect' }).click();
  await person.getByRole('heading', { name: 'The password is refused' }).waitFor();
  for (const code of ['second_factor', 'less_secure_blocked', 'basic_auth_ended', 'port_unreachable', 'imap_off', 'policy_blocked',
    'our_client_refused', 'certificate']) {
    await tell(made.id, code);
    for (const [size, viewport] of Object.entries({ phone, desktop })) {
      await person.setViewportSize(viewport);
      await person.goto(`${made.url}/result`);
      await person.locator('summary').click();
      await visited(person, `problem-${code.replaceAll('_', '-')}-${size}`);
    }
  }
});

test('how an app password is made, at every provider that has a page for it', async () => {
  const providers = ['gmail', 'icloud', 'yahoo', 'aol', 'fastmail', 'gmx', 'web-de', 'zoho', 'yandex', 'mailru'];
  const { body } = await box.api.call('GET', '/v1/discover?address=somebody@company.test');
  assert.ok(body.provider ?? body.result ?? body, 'it can be asked for');
  for (const provider of providers) {
    const made = await box.api.call('POST', '/v1/connect-links', { provider, address: `somebody@${provider}.test` });
    assert.equal(made.status, 201, `${provider}: ${made.text}`);
    for (const lang of ['en', 'fr']) {
      const page = await new Browser().open(`${made.body.url}?way=password&lang=${lang}`);
      assert.match(page.body, /<ol>(\s*<li>[^<]{10,}<\/li>){2,}\s*<\/ol>/, `${provider} ${lang}: steps`);
      assert.match(page.body, /<a href="https:\/\/[^"]+" target="_blank" rel="noopener noreferrer">/, `${provider} ${lang}: its own page`);
      assert.match(page.body, /type="password"/, provider);
    }
  }
});
