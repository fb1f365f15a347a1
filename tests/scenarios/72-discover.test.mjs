// Nobody has to know where an inbox is: the table, MX and SRV records say it, and what they do not
// say for sure is asked of a person.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect } from '../sandbox/consent.mjs';
import { startDns } from '../sandbox/dns.mjs';
import { endAll, run } from '../sandbox/proc.mjs';
import { binary } from '../sandbox/replyd.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box, dns;
before(async () => {
  dns = await startDns({
    'company.test': { MX: ['20 backup.elsewhere.test', '10 mx1.sandbox-mail.test'] },
    'consent.test': { MX: ['10 mx.sandbox-oauth.test'] },
    'workspace.test': { MX: ['1 aspmx.l.google.com'] },
    'tenant.test': { MX: ['0 tenant-test.mail.protection.outlook.com'] },
    'apple.test': { MX: ['10 mx01.mail.icloud.com'] },
    'own.test': { MX: ['10 mail.own.test'] },
    '_imaps._tcp.own.test': { SRV: ['0 1 993 imap.own.test'] },
    'imap.own.test': { A: ['127.0.0.1'] },
    'hosted.test': {},
    '_imaps._tcp.hosted.test': { SRV: ['0 0 0 .'] },
    '_imap._tcp.hosted.test': { SRV: ['0 1 143 imap.hoster.test'] },
    'imap.hoster.test': { A: ['127.0.0.1'] },
    'inside.test': {},
    '_imaps._tcp.inside.test': { SRV: ['0 1 993 imap.inside.test'] },
    'imap.inside.test': { A: ['10.20.30.40'], AAAA: ['fd00:0:0:0:0:0:0:77'] },
    'declined.test': {},
    '_imaps._tcp.declined.test': { SRV: ['0 0 0 .'] },
    '_imap._tcp.declined.test': { SRV: ['0 0 0 .'] },
    'none.test': { MX: ['10 mx.none.test'] },
    'nomail.test': { MX: ['0 .'] },
    'mute.test': null,
  });
  box = await startSandbox({ settings: { 'net.name_servers': dns.list, 'provider.apppassword.mx': '.sandbox-mail.test',
    'provider.apppassword.domains': 'sandbox-box.test', 'provider.sandbox.mx': '.sandbox-oauth.test' } });
});
after(endAll);

const discover = (address) => box.api.call('GET', `/v1/discover?address=${encodeURIComponent(address)}`);

test('what is found, how, and how sure it is', async () => {
  const rows = [
    ['ada@gmail.com', 'gmail', 'imap.gmail.com:993 tls', 'ada@gmail.com', ['password'], 'table', 'certain'],
    ['ada@icloud.com', 'icloud', 'imap.mail.me.com:993 tls', 'ada', ['password'], 'table', 'certain'],
    ['ada@workspace.test', 'gmail', 'imap.gmail.com:993 tls', 'ada@workspace.test', ['password'], 'mx', 'likely'],
    ['ada@tenant.test', 'microsoft', 'outlook.office365.com:993 tls', 'ada@tenant.test', [], 'mx', 'likely'],
    ['ada@apple.test', 'icloud', 'imap.mail.me.com:993 tls', null, ['password'], 'mx', 'likely'],
    ['ada@consent.test', 'sandbox', `localhost:${box.dovecot.imaps} tls`, 'ada@consent.test', ['oauth'], 'mx', 'likely'],
    ['ada@own.test', 'generic', 'imap.own.test:993 tls', 'ada@own.test', ['password'], 'srv', 'likely'],
    ['ada@hosted.test', 'generic', 'imap.hoster.test:143 starttls', 'ada@hosted.test', ['password'], 'srv', 'confirm'],
  ];
  for (const [address, provider, imap, login, ways, how, sure] of rows) {
    const { status, body, text } = await discover(address);
    assert.equal(status, 200, text);
    assert.deepEqual([body.provider, `${body.imap.host}:${body.imap.port} ${body.imap.security}`, body.login_name, body.connect_by,
      body.how, body.sure], [provider, imap, login, ways, how, sure], address);
    assert.ok(body.title && body.evidence, address);
  }
  // a domain of the table is not asked for
  assert.equal(dns.asked.some((q) => q.includes('gmail.com')), false);
});

test('what is not found says what was seen and what to do', async () => {
  const rows = [
    ['ada@nowhere.test', 422, 'no_settings', /does not exist/],
    ['ada@none.test', 422, 'no_settings', /no SRV record/],
    ['ada@declined.test', 422, 'no_settings', /has no IMAP/],
    ['ada@nomail.test', 422, 'no_settings', /takes no mail/],
    ['ada@inside.test', 422, 'no_settings', /imap\.inside\.test leads to no address that may be dialled/],
    ['ada@mute.test', 503, 'lookup_failed', /no answer in time/],
    ['ada', 400, 'bad_field', /no.*address|not an e-mail address/],
    ['ada@b\u00fccher.test', 422, 'no_settings', /xn--bcher-kva\.test does not exist/],
    ['ada@127.0.0.1', 400, 'bad_field', /domain/],
  ];
  for (const [address, status, code, detail] of rows) {
    const r = await discover(address);
    assert.deepEqual([r.status, r.body.code], [status, code], `${address}: ${r.text}`);
    assert.match(r.body.detail, detail, address);
    assert.ok(r.body.remedy, address);
    assert.doesNotMatch(r.text, /10\.20|fd00/, address);
  }
  assert.equal((await box.api.call('GET', '/v1/discover')).status, 400);
  const narrow = await box.replyd.key(box.workspace, '--scopes', 'read');
  assert.equal((await box.api.call('GET', '/v1/discover?address=a@gmail.com', undefined,
    { authorization: `Bearer ${narrow}` })).status, 403);
});

test('an inbox is connected with address and password alone', async () => {
  for (const address of ['cleo@company.test', 'dana@sandbox-box.test']) {
    const { connect_link_id: id } = await box.api.post('/v1/inboxes', { address, password: 'sandbox-password' });
    const link = await box.api.waitForLink(id);
    const inbox = await box.api.waitForInbox(link.inbox_id, (i) => i.state === 'live');
    assert.equal(inbox.provider, 'apppassword', address);
  }
});

test('what is not sure, or needs another way, is said instead of tried', async () => {
  const post = (address, more = {}) => box.api.call('POST', '/v1/inboxes', { address, password: 'not-a-secret', ...more });
  const rows = [
    [await post('ada@hosted.test'), 422, '/imap', /outside that domain/, /confirm/],
    [await post('ada@tenant.test'), 400, '/provider', /OAuth/, /connect-links/],
    [await post('ada@apple.test'), 400, '/login_name', /cannot be told/, /give the name/],
    [await post('ada@nowhere.test'), 422, '/address', /does not exist/, /check the address/],
    [await post('ada@example.test', { provider: 'nobody' }), 400, '/imap', /not known/, /imap\.host/],
    [await post('ada@example.test', { provider: 'microsoft' }), 400, '/provider', /OAuth/, /connect-links/],
    [await post('ada@example.test', { imap: { host: 'outlook.office365.com' } }), 400, '/provider', /OAuth/, /connect-links/],
    [await post('ada@example.test', { imap: { host: 'imap.inside.test' } }), 400, '/imap/host', /may be dialled/, /net\.allow/],
    [await post('ada@example.test', { imap: { host: 'imap://x.test' } }), 400, '/imap/host', /not the name/, /./],
    [await post('ada@example.test', { imap: { host: 'x.test', port: 143 } }), 400, '/imap/port', /starttls/, /./],
    [await post('ada@example.test', { imap: { host: 'x.test', port: 993, security: 'starttls' } }), 400, '/imap/port', /tls/, /./],
    [await post('ada@example.test', { imap: { host: 'x.test', port: 25 } }), 400, '/imap/port', /another service/, /./],
  ];
  for (const [r, status, field, detail, remedy] of rows) {
    assert.deepEqual([r.status, r.body.field], [status, field], r.text);
    assert.match(r.body.detail, detail);
    assert.match(r.body.remedy, remedy);
    assert.doesNotMatch(r.text, /10\.20|fd00/);
  }
});

test('a connect link needs neither provider nor address: its page finds out, or asks', async () => {
  const link = await box.api.post('/v1/connect-links', { address: 'erin@consent.test' });
  assert.equal((await box.api.get(`/v1/connect-links/${link.id}`)).provider, null);
  assert.match((await connect(link.url)).body, /Connect/);
  assert.equal((await box.api.waitForLink(link.id)).state, 'connected');
  assert.equal((await box.api.get(`/v1/connect-links/${link.id}`)).provider, 'sandbox');
  const rows = [[{}, /name="address"/], [{ address: 'ada@company.test' }, /name="password"/],
    [{ address: 'ada@icloud.com' }, /account\.apple\.com/], [{ address: 'ada@none.test' }, /name="host"/],
    [{ address: 'ada@hosted.test' }, /value="imap\.hoster\.test"/], [{ provider: 'icloud' }, /name="address"/],
    [{ address: 'ada@tenant.test' }, /not set up here/]];
  for (const [body, shows] of rows)
    assert.match(await (await fetch((await box.api.post('/v1/connect-links', body)).url)).text(), shows, JSON.stringify(body));
  const nobody = await box.api.call('POST', '/v1/connect-links', { provider: 'nobody' });
  assert.deepEqual([nobody.status, nobody.body.field], [400, '/provider']);
  const microsoft = await box.api.call('POST', '/v1/connect-links', { provider: 'microsoft' });
  assert.match(microsoft.body.remedy, /client_id/);
});

test('the command line', async () => {
  const replyd = (...args) => run([binary(), 'inbox', 'discover', ...args, '--set', `net.name_servers=${dns.list}`],
    { env: { PATH: process.env.PATH } });
  const table = await replyd('ada@workspace.test');
  assert.equal(table.code, 0, table.stderr);
  assert.match(table.stdout, /^PROVIDER +Gmail/);
  assert.match(table.stdout, /MX record of workspace\.test names aspmx\.l\.google\.com/);
  const json = await replyd('ada@own.test', '--json', '--set', 'net.allow=127.0.0.0/8');
  assert.equal(JSON.parse(json.stdout).imap.host, 'imap.own.test', json.stderr);
  const rows = [['ada@own.test', 65, /may be dialled.*net\.allow/s], ['ada@nowhere.test', 65, /does not exist/],
    ['ada@mute.test', 69, /no answer in time.*net\.name_servers/s], ['nobody', 65, /name@domain/]];
  for (const [address, code, says] of rows) {
    const r = await replyd(address);
    assert.equal(r.code, code, r.stderr);
    assert.match(r.stderr, says);
  }
  const bad = await run([binary(), 'config', 'print', '--set', 'net.name_servers=dns.example'], { env: { PATH: process.env.PATH } });
  assert.equal(bad.code, 78);
  assert.match(bad.stderr, /net\.name_servers.*192\.0\.2\.1/);
});
