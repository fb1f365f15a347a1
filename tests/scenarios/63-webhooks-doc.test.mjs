// docs/webhooks.md: the Node and the Python consumer, as they stand there, against what a real replyd posts.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { humanReply } from '../sandbox/mails.mjs';
import { atEnd, endAll, freePort, portAnswers, start, until } from '../sandbox/proc.mjs';
import { root } from '../sandbox/replyd.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

const doc = fs.readFileSync(path.join(root, 'docs/webhooks.md'), 'utf8');
const exampleOf = (name) => new RegExp(`<!-- run: ${name} -->\n\`\`\`\\w+\n([^]*?)\n\`\`\`\n`).exec(doc)[1];

let box, recorder, secret, taken; // taken: the delivery as it came, { body, headers }

// keep(), which the examples leave to their reader, appends to a file
const shells = {
  node: (dir, kept) => {
    fs.symlinkSync(path.join(root, 'tests/sandbox/node_modules'), path.join(dir, 'node_modules'));
    fs.writeFileSync(path.join(dir, 'keep.mjs'), `import fs from 'node:fs';
globalThis.keep = (event) => fs.appendFileSync(${JSON.stringify(kept)}, JSON.stringify(event) + '\\n');\n`);
    fs.writeFileSync(path.join(dir, 'example.mjs'), exampleOf('node'));
    return [process.execPath, '--import', path.join(dir, 'keep.mjs'), path.join(dir, 'example.mjs')];
  },
  python: (dir, kept) => {
    fs.writeFileSync(path.join(dir, 'example.py'), exampleOf('python'));
    fs.writeFileSync(path.join(dir, 'run.py'), `import builtins, json, runpy
builtins.keep = lambda event: open(${JSON.stringify(kept)}, "a").write(json.dumps(event) + "\\n")
runpy.run_path(${JSON.stringify(path.join(dir, 'example.py'))})\n`);
    return ['python3', path.join(dir, 'run.py')];
  },
};

async function consumer(name) {
  const dir = path.join(box.dir, name), kept = path.join(dir, 'kept'), log = path.join(dir, 'log'), port = await freePort();
  fs.mkdirSync(dir);
  fs.writeFileSync(kept, '');
  const running = start(shells[name](dir, kept), { log, cwd: dir, env: { ...process.env, WEBHOOK_SECRET: secret, PORT: port } });
  await until(`the ${name} example to listen`, () => {
    assert.equal(running.over, null, fs.readFileSync(log, 'utf8'));
    return portAnswers(port);
  });
  return {
    kept: () => fs.readFileSync(kept, 'utf8').trim().split('\n').filter(Boolean).map((line) => JSON.parse(line)),
    post: async ({ body, headers }) => (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body, headers })).status,
  };
}

before(async () => {
  box = await startSandbox({ settings: { 'ingest.proof': '2s' } });
  const deliveries = [];
  recorder = createServer(async (req, res) => {
    deliveries.push({ body: Buffer.concat(await req.toArray()), headers: req.headers });
    res.writeHead(204).end();
  });
  await new Promise((done) => { recorder.listen(0, '127.0.0.1', done); });
  atEnd(() => recorder.close());
  ({ secret } = await box.api.post('/v1/endpoints', { url: `http://127.0.0.1:${recorder.address().port}/` }));
  const ada = await box.connect('ada@example.test');
  const [out] = await box.register([{ inboxId: ada.id, inbox: ada.address, prospect: 'pat@example.test' }]);
  await box.deliver(ada.address, humanReply(out, { text: 'Zwölf Uhr passt. 12 o\u2019clock is fine \u{1F44D}' }));
  const delivery = await until('the reply to be posted', () => deliveries.find((d) => d.body.includes('"reply.received"')), { timeoutMs: 60000 });
  taken = { body: delivery.body, headers: Object.fromEntries(['content-type', 'webhook-id', 'webhook-timestamp', 'webhook-signature']
    .map((name) => [name, delivery.headers[name]])) };
});
after(endAll);

const signedBy = (key, { headers, body }) => `v1,${createHmac('sha256', Buffer.from(key.slice(6), 'base64'))
  .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`).update(body).digest('base64')}`;
const withHeaders = (d, more) => ({ body: d.body, headers: { ...d.headers, ...more } });
const aged = (d, seconds) => {
  const old = withHeaders(d, { 'webhook-timestamp': String(Number(d.headers['webhook-timestamp']) + seconds) });
  return withHeaders(old, { 'webhook-signature': signedBy(secret, old) });
};
const other = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;

for (const name of ['node', 'python'])
  test(`the ${name} example takes what is ours and refuses what is not`, async () => {
    const it = await consumer(name);
    const tampered = Buffer.from(taken.body.toString().replace('pat@example.test', 'eve@example.test'));
    assert.notDeepEqual(tampered, taken.body);
    const { 'webhook-signature': _, ...unsigned } = taken.headers;
    const rows = [
      ['as it came', taken, 204],
      ['once more', taken, 204],
      ['another body', { ...taken, body: tampered }, 401],
      ['of yesterday', aged(taken, -86400), 401],
      ['of tomorrow', aged(taken, 86400), 401],
      ['a newer timestamp than was signed', withHeaders(taken, { 'webhook-timestamp': String(Number(taken.headers['webhook-timestamp']) + 1) }), 401],
      ['another id', withHeaders(taken, { 'webhook-id': crypto.randomUUID() }), 401],
      ['another secret', withHeaders(taken, { 'webhook-signature': signedBy(other, taken) }), 401],
      ['no signature', { body: taken.body, headers: unsigned }, 401],
      ['two secrets, ours second', withHeaders(taken, { 'webhook-signature': `${signedBy(other, taken)} ${taken.headers['webhook-signature']}` }), 204],
      ['two secrets, ours first', withHeaders(taken, { 'webhook-signature': `${taken.headers['webhook-signature']} ${signedBy(other, taken)}` }), 204],
    ];
    for (const [what, delivery, status] of rows) assert.deepEqual([what, await it.post(delivery)], [what, status]);
    const event = JSON.parse(taken.body);
    assert.deepEqual(it.kept(), rows.filter(([, , status]) => status === 204).map(() => event));
    assert.equal(event.id, taken.headers['webhook-id']);
  });

test('the document calls no other example run than those', () => {
  const sections = doc.split(/^### /m).slice(1).map((s) => [s.split('\n')[0], /Run by `make test`/.test(s), /Not run/.test(s)]);
  assert.deepEqual(sections.map(([name, run]) => [name, run]), [['Node', true], ['Python', true], ['Go', false], ['PHP', false],
    ['Ruby', false], ['Java', false], ['C#', false]]);
  for (const [name, run, not] of sections) assert.notEqual(run, not, name);
});
