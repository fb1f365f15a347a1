// Attacks on the connect page and its way to the provider and back.  By plain HTTP, where an attacker
// may send what no browser would; in a real browser, where it is the browser that has to refuse.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { Browser, theForm } from '../sandbox/consent.mjs';
import { startDoor } from '../sandbox/door.mjs';
import { startOidc } from '../sandbox/oidc.mjs';
import { insideOf } from '../sandbox/postgres.mjs';
import { atEnd, endAll, freePort, until } from '../sandbox/proc.mjs';

let box, browser, link, other; // other: a second provider, with an issuer of its own
let n = 0;

before(async () => {
  const otherPort = await freePort();
  const issuer = `http://127.0.0.1:${otherPort}`;
  ({ box, browser, link } = await startDoor((settings, origin) => {
    const own = (name) => Object.fromEntries(Object.entries(settings).filter(([k]) => k.startsWith('provider.sandbox.') && !k.endsWith('.mx'))
      .map(([k, v]) => [k.replace('.sandbox.', `.${name}.`), String(v).replace(new URL(settings['provider.sandbox.issuer']).origin, issuer)]));
    // `silent` is the same server, whose operator did not say what its issuer is
    const { 'provider.silent.issuer': dropped, ...silent } = own('silent');
    other = startOidc({ port: otherPort, redirectUris: [`${origin}/oauth/callback`] });
    return { ...own('other'), ...silent };
  }));
  other = await other;
});
after(endAll);
afterEach(() => { for (const oidc of [box.oidc, other]) { oidc.asks = false; oidc.failNoMore(); oidc.loginAs(null); } });

const isCallback = (url) => new URL(url).pathname === '/oauth/callback';
const stateOf = async ({ id }) => (await box.api.get(`/v1/connect-links/${id}`)).state;
const exchanges = () => [box.oidc, other].flatMap((o) => o.seen).filter((s) => s.grantType === 'authorization_code').length;
const addresses = async () => (await box.api.get('/v1/inboxes')).map((i) => i.address);

// setOut: a person with a link of their own, as far as the provider's answer, which was not delivered yet
async function setOut({ provider = 'sandbox', account, person = new Browser(), ...more } = {}) {
  const address = account ?? `attack${n += 1}@example.test`;
  const made = await link({ provider, address, ...more });
  const page = await person.open(made.url);
  const back = await person.press(page, {}, isCallback);
  return { ...made, address, person, callback: new URL(back.to) };
}
const deliver = (person, callback) => person.open(callback.href);
const withParams = (url, params) => {
  const changed = new URL(url);
  for (const [k, v] of Object.entries(params)) if (v === null) changed.searchParams.delete(k); else changed.searchParams.set(k, v);
  return changed;
};

test('an answer of the provider works once', async () => {
  const v = await setOut();
  const was = exchanges();
  await deliver(v.person, v.callback);
  assert.equal((await box.api.waitForLink(v.id)).state, 'connected');
  for (const person of [v.person, new Browser()]) {
    const again = await deliver(person, v.callback);
    assert.equal(again.status, 400);
    assert.doesNotMatch(again.body, new RegExp(v.address), 'it tells a stranger nothing');
  }
  assert.equal(exchanges(), was + 1);
  assert.equal(await stateOf(v), 'connected');
});

test('an answer that is stolen on its way works in no other browser, and still in the right one', async () => {
  const v = await setOut();
  const thief = await setOut();
  assert.equal((await deliver(new Browser(), v.callback)).status, 400);
  assert.equal((await deliver(thief.person, v.callback)).status, 400);
  assert.equal(await stateOf(v), 'started');
  await deliver(v.person, v.callback);
  assert.equal((await box.api.waitForLink(v.id)).state, 'connected');
});

test('a code of the attacker is no good in the browser of somebody else', async () => {
  const v = await setOut();
  const attacker = await setOut();
  // with the attacker's state: it belongs to another browser
  assert.equal((await deliver(v.person, attacker.callback)).status, 400);
  assert.equal(await stateOf(attacker), 'started');
  // with the victim's own: the code was asked for with another challenge (RFC 7636)
  await deliver(v.person, withParams(v.callback, { code: attacker.callback.searchParams.get('code') }));
  const settled = await box.api.waitForLink(v.id);
  assert.deepEqual([settled.state, settled.problem], ['failed', 'code_refused']);
  assert.deepEqual((await addresses()).filter((a) => [v.address, attacker.address].includes(a)), []);
});

test('providers cannot be mixed up: an answer with the issuer of another one is refused unread (RFC 9207)', async () => {
  for (const provider of ['other', 'silent']) {
    const v = await setOut({ provider });
    const honest = await setOut({ provider: 'sandbox', account: v.address });
    const was = exchanges();
    await deliver(v.person, withParams(v.callback, { code: honest.callback.searchParams.get('code'), iss: box.oidc.issuer }));
    const settled = await box.api.waitForLink(v.id);
    assert.deepEqual([settled.state, settled.problem], ['failed', 'issuer_mismatch'], provider);
    assert.equal(exchanges(), was, 'no code goes to any server');
  }
  // an error is believed no more than a code
  const v = await setOut();
  await deliver(v.person, withParams(v.callback, { code: null, error: 'access_denied', iss: other.issuer }));
  assert.equal((await box.api.waitForLink(v.id)).problem, 'issuer_mismatch');
  // and the other provider on its own is as good as the first
  const fine = await setOut({ provider: 'other' });
  await deliver(fine.person, fine.callback);
  assert.notEqual((await box.api.waitForLink(fine.id)).problem, 'issuer_mismatch');
});

test('PKCE is neither left out nor weakened', async () => {
  const seen = new Set();
  for (const change of [{ code_challenge: null, code_challenge_method: null }, { code_challenge_method: 'plain' },
    { code_challenge: 'A'.repeat(43) }]) {
    const made = await link({ provider: 'sandbox', address: `pkce${n += 1}@example.test` });
    const person = new Browser();
    const out = await person.press(await person.open(made.url), {}, (url) => new URL(url).port === String(box.oidc.port));
    const asked = new URL(out.to).searchParams;
    assert.deepEqual([asked.get('code_challenge_method'), asked.get('response_type')], ['S256', 'code']);
    for (const name of ['code_challenge', 'state']) {
      assert.match(asked.get(name), /^[\w-]{43}$/);
      seen.add(asked.get(name));
    }
    // whoever sits between changes what is asked for
    const back = await person.open(withParams(out.to, change).href, {}, isCallback);
    if (back.to) await deliver(person, new URL(back.to));
    assert.notEqual(await stateOf(made), 'connected');
    if (back.to) assert.equal((await box.api.waitForLink(made.id)).state, 'failed');
  }
  assert.equal(seen.size, 6, 'each is drawn anew');
});

test('a link that was used is no use to whoever finds it', async () => {
  const v = await setOut();
  await deliver(v.person, v.callback);
  await box.api.waitForLink(v.id);
  const thief = new Browser();
  for (const path of ['', '/result', '/result?seen=connected', '?way=password']) {
    const page = await thief.open(v.url + path);
    assert.equal(page.status, 410, path);
    assert.doesNotMatch(page.body, new RegExp(`${v.address}|<form`), path);
  }
  // with a form of a page of the thief's own
  const { fields } = theForm((await thief.open((await link({ provider: 'sandbox' })).url)).body, v.url);
  for (const action of ['start', 'address', 'password'])
    assert.equal((await thief.open(`${v.url}/${action}`, { method: 'POST', body: fields })).status, 403, action);
  // to whoever connected it is a friendly word, at the first page and at every other
  for (const path of ['', '/result']) {
    const again = await v.person.open(v.url + path);
    assert.deepEqual([again.status, /<h1[^>]*>Connected</.test(again.body)], [200, true], path);
  }
});

test('a link that is open in two browsers connects one mailbox, for one of them', async () => {
  const v = await setOut();
  const second = new Browser();
  const back = await second.press(await second.open(v.url), {}, isCallback); // the state of the first is void
  assert.equal((await deliver(v.person, v.callback)).status, 400);
  assert.equal((await v.person.open(`${v.url}/result`)).status, 410);
  await deliver(second, new URL(back.to));
  assert.equal((await box.api.waitForLink(v.id)).address, v.address);
});

test('a form sent twice is sent once', async () => {
  const v = await setOut();
  await deliver(v.person, v.callback);
  const twice = await link({ address: 'twice@company.test' });
  const person = new Browser();
  const page = await person.open(twice.url);
  const answers = await Promise.all([1, 2, 3].map(() => person.press(page, { password: 'sandbox-password' })));
  for (const { status, body } of answers) assert.deepEqual([status, /Connect(ing|ed)</.test(body)], [200, true], body);
  assert.equal((await box.api.waitForLink(twice.id)).state, 'connected');
});

test('forms of other sites are refused', async () => {
  const made = await link({ provider: 'sandbox', address: 'csrf@example.test' });
  const person = new Browser();
  const { url, fields } = theForm((await person.open(made.url)).body, made.url);
  const strange = theForm((await person.open((await link({ provider: 'sandbox' })).url)).body, made.url).fields;
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const rows = [
    ['no token', { form: '' }, {}],
    ['a made up token', { form: 'A'.repeat(43) }, {}],
    ['the token of another link', { form: strange.get('form') }, {}],
    ['a longer one', { form: `${fields.get('form')}A` }, {}],
    ['of another site', {}, { 'sec-fetch-site': 'cross-site' }],
    ['of a neighbour', {}, { 'sec-fetch-site': 'same-site' }],
    ['of another origin', {}, { origin: 'https://evil.test' }],
    ['of no origin', {}, { origin: 'null' }],
    ['without an enclosure of a form', {}, { 'content-type': 'text/plain' }],
    ['as JSON', {}, { 'content-type': 'application/json' }],
  ];
  for (const [name, changed, headers] of rows) {
    const body = new URLSearchParams(fields);
    for (const [k, v] of Object.entries(changed)) body.set(k, v);
    assert.equal((await person.step(url, { method: 'POST', body: body.toString(), headers: { ...form, ...headers } })).status, 403, name);
  }
  assert.equal((await new Browser().step(url, { method: 'POST', body: fields })).status, 403, 'without the cookie');
  assert.equal((await person.step(url)).status, 405, 'by GET');
  assert.equal(await stateOf(made), 'open');
  assert.equal((await person.step(url, { method: 'POST', body: fields })).status, 303);
});

// a site of the attacker's, at another origin
async function evilSite(pages) {
  const server = createServer((req, res) => {
    res.setHeader('content-type', 'text/html');
    res.end(pages[req.url] ?? '');
  });
  const port = await freePort();
  await new Promise((done) => { server.listen(port, '127.0.0.1', done); });
  atEnd(() => server.close());
  return `http://localhost:${port}`;
}

test('in a browser: no frame, no form from elsewhere, no script in what a provider says', async () => {
  const made = await link({ provider: 'sandbox', address: 'framed@example.test' });
  const person = await browser.page();
  await person.goto(made.url);
  const fields = await person.locator('form').evaluate((f) => Object.fromEntries(new FormData(f)));
  const hidden = Object.entries(fields).map(([k, v]) => `<input type="hidden" name="${k}" value="${v}">`).join('');
  const evil = await evilSite({
    '/frame': `<iframe src="${made.url}"></iframe><object data="${made.url}"></object><embed src="${made.url}">`,
    // even with the right token, which nobody there can know
    '/form': `<form method="post" action="${made.url}/start">${hidden}</form><script>document.forms[0].submit()</script>`,
    '/open': `<script>setTimeout(() => { try { document.title = opened.document.title; } catch { document.title = 'refused'; } }, 1500);
      const opened = open('${made.url}');</script>`,
  });
  const words = /framed@example|Continue with/;
  await person.goto(`${evil}/frame`, { waitUntil: 'networkidle' });
  for (const frame of person.frames().slice(1)) {
    const text = await frame.locator('body').innerText({ timeout: 2000 }).catch(() => '');
    assert.doesNotMatch(text, words, `framed: ${frame.url()}`);
  }
  assert.ok(person.refused.some((m) => /frame-ancestors/.test(m)), person.refused.join('\n'));
  await person.goto(`${evil}/form`);
  await person.getByRole('heading', { name: 'This form came from another site' }).waitFor();
  assert.equal(await stateOf(made), 'open');
  // its own page frames it no more than another's
  await person.goto(made.url);
  const framed = await person.evaluate((url) => new Promise((done) => {
    const f = document.createElement('iframe');
    f.onload = () => done(f.contentDocument ? f.contentDocument.body.innerText : '');
    f.src = url;
    document.body.append(f);
    setTimeout(() => done(''), 3000);
  }, ), made.url);
  assert.doesNotMatch(framed, words);
  // what a provider says is text
  const script = '"><img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';
  await person.goto(made.url);
  box.oidc.asks = true;
  await person.getByRole('button').click();
  await person.getByRole('button', { name: 'Sign in' }).waitFor();
  const state = box.oidc.visits.at(-1).query.get('state');
  await person.goto(`${new URL(made.url).origin}/oauth/callback?${new URLSearchParams({ state, error: script, error_description: script })}`);
  await person.getByRole('heading', { level: 1 }).waitFor();
  await person.locator('summary').click();
  assert.match(await person.locator('details').innerText(), /<script>document\.title/);
  assert.equal(await person.locator('main img, main script').count(), 0);
  assert.doesNotMatch(await person.title(), /owned/);
});

test('nobody is led anywhere but to the return URL of the link', async () => {
  const bad = ['//evil.test/', 'javascript:alert(1)', 'data:text/html,x', 'http://evil.test/', 'https://good.test@evil.test/',
    'https://evil.test\\@good.test/', 'https:///evil.test', 'https://good.test/#x', 'https://good.test/\r\nLocation: https://evil.test/',
    'https://good.test/ x', ' https://good.test/', '/relative', 'https://', `https://good.test/${'a'.repeat(2100)}`,
    `https://${'a'.repeat(300)}.test/`, `https://${'good.'.repeat(80)}test/`];
  for (const url of bad)
    assert.equal((await box.api.call('POST', '/v1/connect-links', { provider: 'sandbox', return_url: url })).status, 400, url);
  const v = await setOut();
  const aims = { return_url: 'https://evil.test/', next: 'https://evil.test/', redirect_uri: 'https://evil.test/', return: '//evil.test' };
  for (const path of [v.url, `${v.url}/result`, v.callback.href]) {
    const page = await v.person.open(withParams(path, aims).href, {}, (to) => new URL(to).hostname.endsWith('evil.test'));
    assert.equal(page.to ?? null, null, path);
    assert.doesNotMatch(page.body, /evil\.test/, path);
  }
  // nor does the switch of languages, or what a page is asked for, become an address
  const page = await new Browser().open(`${(await link()).url}?lang=//evil.test&way=//evil.test&provider=//evil.test`);
  assert.deepEqual([page.status, /evil/.test(page.body)], [200, false]);
});

test('a way back that an older version took on ends nobody\'s connection', async () => {
  const v = await setOut({ return_url: 'https://good.test/' }), refused = await setOut({ return_url: 'https://good.test/' });
  await insideOf(box.replyd).psql(`update replyd.connect_link set return_url = 'https://${'good.'.repeat(80)}test/' where connect_link_id in ('${v.id}', '${refused.id}')`);
  await deliver(v.person, v.callback);
  assert.equal((await box.api.waitForLink(v.id)).state, 'connected');
  assert.match((await v.person.open(`${v.url}/result`)).body, /Connected/);
  await deliver(refused.person, withParams(refused.callback, { code: null, error: 'access_denied' }));
  const page = await refused.person.open(`${refused.url}/result`);
  assert.equal(page.status, 200);
  assert.doesNotMatch(page.body, /good\.good/);
});

test('workspaces do not meet', async () => {
  const { api } = await box.replyd.workspace('attacker');
  const v = await setOut({ account: 'shared@example.test' });
  assert.equal((await api.call('GET', `/v1/connect-links/${v.id}`)).status, 404);
  // a link of the attacker's workspace, and the victim's answer
  const mine = await api.post('/v1/connect-links', { provider: 'sandbox', address: 'shared@example.test', workspace: box.workspace })
    .catch(() => api.post('/v1/connect-links', { provider: 'sandbox', address: 'shared@example.test' }));
  const attacker = new Browser();
  const back = await attacker.press(await attacker.open(mine.url), {}, isCallback);
  assert.equal((await deliver(attacker, withParams(back.to, { state: v.callback.searchParams.get('state') }))).status, 400);
  assert.equal((await deliver(attacker, withParams(v.callback, { state: new URL(back.to).searchParams.get('state') }))).status, 200);
  assert.equal((await api.waitForLink(mine.id)).problem, 'code_refused');
  assert.deepEqual(await api.get('/v1/inboxes'), []);
  await deliver(v.person, v.callback);
  assert.equal((await box.api.waitForLink(v.id)).state, 'connected');
  assert.deepEqual(await api.get('/v1/inboxes'), []);
});

test('what nobody would type is refused in words, and nothing falls over', async () => {
  const pids = box.replyd.pids('api');
  const v = await setOut();
  const origin = new URL(v.url).origin;
  const long = 'x'.repeat(20000);
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const { fields } = theForm((await v.person.open((await link({})).url)).body, v.url);
  const rows = [
    [`${origin}/oauth/callback`, 400], [`${origin}/oauth/callback?state=`, 400], [`${origin}/oauth/callback?state=${long}`, 400],
    [`${origin}/oauth/callback?state=${'%00'.repeat(43)}`, 400], [`${origin}/oauth/callback?state=${'A'.repeat(43)}&code=x`, 400],
    [`${origin}/connect/`, 404], [`${origin}/connect/x`, 404], [`${origin}/connect/${'A'.repeat(43)}`, 404],
    [`${origin}/connect/${long}`, 404], [`${origin}/connect/%2e%2e%2f%00`, 404], [`${origin}/connect/${'%F0'.repeat(43)}`, 404],
    [`${v.url}?lang=%00&way=${'%ff'.repeat(20)}&security=${long}`, 200],
    [`${v.url}/result?seen=${long}`, 200],
  ];
  for (const [url, status] of rows) {
    const res = await new Browser().step(url);
    assert.ok(res.status === status || (res.status >= 400 && res.status < 500), `${url.slice(0, 100)}: ${res.status}`);
    assert.doesNotMatch(res.body, /x{100}/, url.slice(0, 100));
  }
  const bodies = ['', '=', '&&&', `address=${long}`, `address=${'%f0%9f'.repeat(50)}`, 'address=%00%0d%0a', `form=${'%41'.repeat(5000)}`,
    `${fields}&address=a%0d%0aBcc:%20b@c.test`, `${fields}&address=${encodeURIComponent(`<script>@${'a'.repeat(200)}.test`)}`,
    `${fields}&${'a=b&'.repeat(3000)}`, `${fields}&address=%zz`];
  for (const body of bodies)
    for (const action of ['address', 'start', 'password']) {
      const res = await v.person.step(`${v.url}/${action}`, { method: 'POST', body, headers: form });
      assert.ok(res.status >= 400 && res.status < 500, `${action} ${body.slice(0, 60)}: ${res.status}`);
      assert.doesNotMatch(res.body, /<script>@/);
    }
  // the answer of the provider with a code beyond all measure, and cookies likewise
  const odd = await deliver(v.person, withParams(v.callback, { code: 'c'.repeat(15000) }));
  assert.ok(odd.status < 500, String(odd.status));
  assert.ok((await fetch(v.url, { headers: { cookie: `replyd_browser=${long}; replyd_lang=${'%'.repeat(500)}` } })).status < 500);
  assert.deepEqual(box.replyd.pids('api'), pids, 'it is the same process still');
});

test('what waits is bounded for every link', async () => {
  const v = await setOut();
  let answer;
  box.oidc.failNext({ until: new Promise((done) => { answer = done; }) });
  await v.person.step(v.callback.href);
  let over = 0;
  const asked = Array.from({ length: 12 }, async () => {
    const res = await v.person.step(`${v.url}/result?seen=exchanging`);
    over += 1;
    return res.status;
  });
  await until('all but three to be answered', () => over >= 9);
  assert.equal(over, 9, 'and three wait');
  answer();
  assert.deepEqual([...new Set(await Promise.all(asked))], [200]);
  await box.api.waitForLink(v.id);
});

const pages = async () => {
  const v = await setOut();
  return { open: await new Browser().step((await link()).url), started: await v.person.step(v.url), elsewhere: await new Browser().step(`${v.url}/result`),
    unknown: await new Browser().step(`${new URL(v.url).origin}/connect/${'A'.repeat(43)}`), callback: await new Browser().step(v.callback.href),
    refused: await new Browser().step(`${v.url}/start`, { method: 'POST' }) };
};

test('no page is kept, framed, indexed, or told to others', async () => {
  for (const [name, { headers, body }] of Object.entries(await pages())) {
    const want = { 'cache-control': /no-store/, 'x-frame-options': /^DENY$/, 'referrer-policy': /^same-origin$/, 'x-content-type-options': /^nosniff$/,
      'x-robots-tag': /noindex/, 'cross-origin-opener-policy': /^same-origin$/, 'content-type': /^text\/html; charset=utf-8$/,
      'content-security-policy': /^default-src 'none'.*base-uri 'none'.*frame-ancestors 'none'/ };
    for (const [header, pattern] of Object.entries(want)) assert.match(headers.get(header) ?? '', pattern, `${name}: ${header}`);
    assert.doesNotMatch(headers.get('content-security-policy'), /unsafe|\*|data:/, name);
    assert.doesNotMatch(body, /\son\w+=|<style|javascript:/, `${name}: nothing inline`);
    for (const cookie of headers.getSetCookie()) assert.match(cookie, /; Path=\/; HttpOnly; SameSite=Lax/, name);
  }
});

test('behind TLS the cookies are the host\'s own, and go over TLS only', async () => {
  await box.replyd.stop();
  box.replyd.settings['api.public_url'] = 'https://replyd.example.test';
  await box.replyd.start();
  const made = await link();
  assert.match(made.url, /^https:\/\/replyd\.example\.test\/connect\//);
  const { headers } = await new Browser().step(`${box.replyd.base}${new URL(made.url).pathname}`);
  const [cookie] = headers.getSetCookie();
  assert.match(cookie, /^__Host-replyd_browser=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
});
