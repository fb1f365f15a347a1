// An inbox is connected from a command line, by a code that is typed in elsewhere (RFC 8628).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { humanReply, isOf } from '../sandbox/mails.mjs';
import { atEnd, endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box;

before(async () => {
  box = await startSandbox({ withReplyd: false });
  Object.assign(box.replyd.settings, { 'provider.sandbox.device_authorization_url': box.oidc.deviceUrl });
  await box.begin();
});
after(endAll);

// The command, running: { code(): what is to be typed, over: { status, lines, stderr } }
function connect(address, ...more) {
  const child = spawn(box.replyd.exe, ['inbox', 'connect', '--device', address, '--workspace', 'sandbox', '--provider', 'sandbox',
    '--data', box.replyd.data, '--json', ...more], { env: box.replyd.env, cwd: box.replyd.dir });
  const said = { out: '', err: '' };
  child.stdout.on('data', (d) => { said.out += d; });
  child.stderr.on('data', (d) => { said.err += d; });
  atEnd(() => child.kill('SIGKILL'));
  const lines = () => said.out.split('\n').filter(Boolean).map((l) => JSON.parse(l));
  return {
    code: () => until('a code to be shown', () => lines().find((l) => l.state === 'started'), { timeoutMs: 20000 }),
    over: new Promise((done) => { child.on('close', (status) => done({ status, lines: lines(), stderr: said.err })); }),
  };
}

const polls = () => box.oidc.seen.filter((r) => /device_code$/.test(r.grantType ?? ''));

test('a code is shown, and once it is typed in the inbox is opened and watched', async () => {
  const command = connect('ada@example.test');
  const shown = await command.code();
  assert.match(shown.user_code, /^[A-Z]{4}-[A-Z]{4}$/);
  assert.equal(shown.verification_uri, `${box.oidc.issuer}/device`);
  assert.ok(shown.verification_uri_complete.endsWith(shown.user_code));
  await until('it to be asked for', () => polls().some((r) => r.status === 400));
  await box.oidc.typeCode(shown.user_code, 'ada@example.test');
  const end = await command.over;
  assert.equal(end.status, 0, end.stderr);
  const { state, inbox_id: id } = end.lines.at(-1);
  assert.equal(state, 'connected');

  const inbox = await box.api.waitForInbox(id);
  assert.deepEqual([inbox.address, inbox.grant.kind, inbox.grant.state], ['ada@example.test', 'oauth', 'ok']);
  const [out] = await box.register([{ inboxId: id, inbox: inbox.address, prospect: 'pat@example.test' }]);
  const mail = humanReply(out);
  await box.deliver(inbox.address, mail);
  await box.engine.waitFor('the reply', (e) => isOf(e, mail));
});

test('a server that wants it slower gets it slower', async () => {
  const command = connect('bob@example.test');
  const { user_code: code } = await command.code();
  const before = polls().length;
  box.oidc.failNext({ status: 400, body: { error: 'slow_down' } });
  await until('the second poll', () => polls().length >= before + 2, { timeoutMs: 40000 });
  const [first, second] = polls().slice(before);
  assert.ok(second.at - first.at >= 9900, `${second.at - first.at} ms`);
  await box.oidc.typeCode(code, 'bob@example.test');
  assert.equal((await command.over).status, 0);
});

test('who says no, is too late or is somebody else is told so', async () => {
  const [no, other] = [connect('cat@example.test'), connect('dan@example.test')];
  await box.oidc.typeCode((await no.code()).user_code, 'cat@example.test', 'access_denied');
  await box.oidc.typeCode((await other.code()).user_code, 'eve@example.test');
  for (const [command, problem] of [[no, 'consent_declined'], [other, 'wrong_account']]) {
    const end = await command.over;
    assert.deepEqual([end.status, end.lines.at(-1).state, end.lines.at(-1).problem], [65, 'failed', problem], end.stderr);
    assert.ok(end.lines.at(-1).remedy);
  }
  const late = connect('fay@example.test');
  await late.code();
  box.oidc.failNext({ status: 400, body: { error: 'expired_token' } });
  assert.equal((await late.over).lines.at(-1).problem, 'link_expired');
});

test('a provider without such codes is told at once, and no code stands in a log', async () => {
  const end = await connect('gil@example.test', '--provider', 'apppassword').over;
  assert.deepEqual([end.status, end.lines.at(-1).problem], [65, 'provider_unknown'], end.stderr);
  const log = fs.readFileSync(box.replyd.log, 'utf8');
  for (const code of box.oidc.issued('DeviceCode'))
    assert.ok(!log.includes(code));
});
