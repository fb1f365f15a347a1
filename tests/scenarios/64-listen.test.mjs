// A developer at his own machine, with nothing but a URL and a key: `replyd listen`, `event`, `endpoint`.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { after, before, test } from 'node:test';
import { Engine } from '../sandbox/engine.mjs';
import { humanReply, outOfOffice } from '../sandbox/mails.mjs';
import { atEnd, endAll, freePort, run, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { allAsDescribed } from '../sandbox/schemas.mjs';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
let box, ada, outs, keyFile, secretFile, hook;

const mine = (name, text) => {
  const file = path.join(box.dir, name);
  fs.writeFileSync(file, `${text}\n`, { mode: 0o600 });
  return file;
};

before(async () => {
  box = await startSandbox({ settings: { 'ingest.proof': '2s' } });
  ada = await box.connect('ada@example.test');
  outs = await box.register(['pat', 'kim', 'lee', 'uma'].map((name) =>
    ({ inboxId: ada.id, inbox: ada.address, prospect: `${name}@example.test` })));
  keyFile = mine('key', box.api.key);
  secretFile = mine('secret', secret);
  hook = await Engine.start();
  hook.expectSecret(secret);
});
after(endAll);

// somebody else's shell: no database, no data folder
const env = (more = {}) => ({ PATH: process.env.PATH, REPLYD_API_URL: box.replyd.base, ...more });
const cli = (args, more) => run([box.replyd.exe, ...args], { env: env(more), timeoutMs: 30000 });
const withKey = (...args) => cli([...args, '--key-file', keyFile]);
const lines = (text) => text.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));

// a command that goes on: its lines as they come
function live(args, more) {
  const child = spawn(box.replyd.exe, args, { env: env(more), stdio: ['ignore', 'pipe', 'pipe'] });
  const it = { child, out: [], err: '', over: null };
  readline.createInterface({ input: child.stdout }).on('line', (line) => it.out.push(JSON.parse(line)));
  child.stderr.on('data', (bytes) => { it.err += bytes; });
  const ended = new Promise((done) => { child.on('exit', (code, signal) => { it.over = { code, signal }; done(it.over); }); });
  it.stop = (signal) => { child.kill(signal); return ended; };
  atEnd(() => it.stop('SIGKILL'));
  return it;
}

// what a person sees: the same on a terminal of its own
const onTerminal = (...args) => run(['script', '-qec', [box.replyd.exe, ...args].join(' '), '/dev/null'], { env: env() });

const reply = (out, make = humanReply) => box.deliver(ada.address, make(out));

test('listen posts what comes from now on, signed, and tells it line by line', async () => {
  const began = live(['listen', '--forward', hook.url, '--secret-file', secretFile, '--key-file', keyFile]);
  await until('it to listen', () => /behind position [1-9]/.test(began.err));
  await reply(outs[0]);
  await reply(outs[1], outOfOffice);
  await until('both and the stop to be told', () => began.out.length >= 3, { timeoutMs: 30000 });
  assert.deepEqual(began.out.map((e) => e.type).sort(), ['prospect.stopped', 'reply.auto', 'reply.received']);
  for (const line of began.out) assert.deepEqual([line.forward.status, line.forward.delivered], [204, true]);
  assert.equal(hook.records.every((r) => r.verified && !r.problem), true);
  // the same event as an endpoint gets
  await until('the endpoint to have them', () => box.engine.accepted.filter((e) => e.type.startsWith('reply.')).length === 2);
  for (const posted of hook.accepted)
    assert.deepEqual(posted, box.engine.accepted.find((e) => e.id === posted.id));
  assert.deepEqual(await began.stop('SIGINT'), { code: 0, signal: null });
  assert.equal(began.err.includes('whsec_'), false, 'a secret that was given is not printed');
});

test('a secret is made when none is given, and printed once', async () => {
  const page = await box.api.get('/v1/events?after=0&limit=1000');
  const own = await Engine.start();
  const r = await withKey('listen', '--forward', own.url, '--after', '0', '--once');
  assert.equal(r.code, 69, 'nobody could verify it, so nobody answered 2xx');
  const made = /signing secret: (whsec_\S+)/.exec(r.stderr)[1];
  own.expectSecret(made);
  const again = await cli(['listen', '--forward', own.url, '--after', '0', '--once', '--key-file', keyFile], { REPLYD_LISTEN_SECRET: made });
  assert.deepEqual([again.code, again.stderr.includes('whsec_')], [0, false]);
  assert.deepEqual(lines(again.stdout).map((e) => e.id), page.events.map((e) => e.id));
  assert.equal(own.accepted.length, page.events.length);
});

test('event tail shows the last events and those of a type, to people and to programs', async () => {
  const all = await box.api.events();
  const programs = lines((await withKey('event', 'tail', '--once')).stdout);
  assert.deepEqual(programs, all.slice(-10));
  const some = lines((await withKey('event', 'tail', '--after', '0', '--types', 'reply.auto', '--limit', '1')).stdout);
  const family = lines((await withKey('event', 'tail', '--after', '0', '--types', 'reply.*', '--once')).stdout);
  assert.ok(family.length > 1 && family.every((e) => e.type.startsWith('reply.')));
  assert.deepEqual(some.map((e) => e.type), ['reply.auto']);
  const people = (await onTerminal('event', 'tail', '--once', '--key-file', keyFile)).stdout;
  assert.match(people, /TYPE +WHO +WHAT/);
  assert.match(people, /reply\.received +pat@example\.test +reply/);
  assert.match(people, /reply\.auto +kim@example\.test +auto_reply\.out_of_office/);
});

test('listen goes on by itself when the API was away', async () => {
  const began = live(['listen', '--forward', hook.url, '--key-file', keyFile], { REPLYD_LISTEN_SECRET: secret });
  await until('it to listen', () => /behind position/.test(began.err));
  await box.replyd.crash('api');
  await reply(outs[2]);
  await until('the reply', () => began.out.some((e) => e.data.prospect?.address === 'lee@example.test'), { timeoutMs: 60000 });
  assert.equal(new Set(began.out.map((e) => e.id)).size, began.out.length, 'and tells nothing twice');
  assert.deepEqual(await began.stop('SIGTERM'), { code: 0, signal: null });
});

test('event show tells what it says and what became of it; replay posts it here once more', async () => {
  const event = (await box.api.events()).find((e) => e.type === 'reply.received');
  await until('its receipt', async () => (await box.api.get(`/v1/events/${event.id}`)).attempts.length);
  const shown = await withKey('event', 'show', event.id);
  assert.match(shown.stdout, /who +pat@example\.test/);
  assert.match(shown.stdout, /204 delivered/);
  assert.equal(JSON.parse((await withKey('event', 'show', event.id, '--json')).stdout).id, event.id);
  const posted = hook.records.length;
  const again = await withKey('event', 'replay', event.id, '--forward', hook.url, '--secret-file', secretFile);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /204 in/);
  assert.deepEqual(hook.records.slice(posted).map((r) => [r.id, r.verified]), [[event.id, true]]);
});

test('endpoints are listed, shown and added', async () => {
  const added = await withKey('endpoint', 'add', `${hook.url}/second`, '--types', 'bounce.hard', '--json');
  assert.equal(added.code, 0, added.stderr);
  const { id, secret: given } = JSON.parse(added.stdout);
  assert.match(given, /^whsec_/);
  const listed = JSON.parse((await withKey('endpoint', 'list', '--json')).stdout);
  assert.deepEqual(listed.map((e) => e.id).sort(), [box.endpoint.id, id].sort());
  const people = (await withKey('endpoint', 'list')).stdout;
  assert.match(people, new RegExp(`${id} +enabled .*second +bounce\\.hard`));
  assert.equal(people.includes('whsec_'), false);
});

test('mistakes are named with their remedy', async () => {
  const away = `http://127.0.0.1:${await freePort()}`;
  const wide = path.join(box.dir, 'wide');
  fs.writeFileSync(wide, `${box.api.key}\n`, { mode: 0o644 });
  fs.chmodSync(wide, 0o644);
  const reader = mine('reader', await box.replyd.key(box.workspace, '--scopes', 'read'));
  const rows = [
    [['event', 'tail'], 64, /REPLYD_API_KEY/],
    [['event', 'tail', '--key-file', wide], 77, /chmod 600/],
    [['event', 'tail', '--key-file', path.join(box.dir, 'none')], 66, /No such file/],
    [['event', 'tail', '--key-file', mine('wrong', 'rk_live_wrongwrongwrong')], 77, /key is not known/],
    [['endpoint', 'list', '--key-file', reader], 77, /lacks the scope `endpoint`/],
    [['event', 'tail', '--key-file', keyFile, '--api', away], 69, /connect.*--api/],
    [['event', 'tail', '--key-file', keyFile, '--api', 'http://replyd.example.test'], 64, /plain http/],
    [['event', 'tail', '--key-file', keyFile, '--types', 'reply.recieved'], 64, /is no type; there are reply\.received/],
    [['event', 'tail', '--key-file', keyFile, '--limit', '0'], 64, /whole number from 1/],
    [['event', 'show', 'x', '--key-file', keyFile], 64, /is no id/],
    [['event', 'show', crypto.randomUUID(), '--key-file', keyFile], 65, /no event|nothing/],
    [['event', 'replay', '--key-file', keyFile, '--endpoint', 'x'], 64, /which events/],
    [['listen', '--once', '--key-file', keyFile], 64, /--after/],
    [['listen', '--forward', 'http://hooks.example.test/', '--key-file', keyFile], 64, /--allow-remote/],
    [['listen', '--forward', hook.url, '--secret-file', keyFile, '--key-file', keyFile], 65, /whsec_/],
    [['endpoint', 'show', 'nope', '--key-file', keyFile], 65, /there is none/],
    [['endpoint', 'add', 'http://10.0.0.1/', '--types', 'bounce.none', '--key-file', keyFile], 65, /types/],
    [['config', 'print', '--set', 'api.key=x'], 78, /only the environment/],
  ];
  for (const [args, code, says] of rows) {
    const r = await cli(args);
    assert.equal(r.code, code, `${args.join(' ')}: ${r.stderr}`);
    assert.match(r.stderr, says, args.join(' '));
  }
});

test('a key in the environment works, and is told to nobody', async () => {
  const r = await cli(['event', 'tail', '--once'], { REPLYD_API_KEY: box.api.key });
  assert.equal(r.code, 0, r.stderr);
  const printed = await cli(['config', 'print'], { REPLYD_API_KEY: box.api.key });
  assert.equal(printed.stdout.includes(box.api.key), false);
  assert.match(printed.stdout, /#api\.key = \(not shown\)/);
});

test('every event is as its schema describes it', () => allAsDescribed(box));
