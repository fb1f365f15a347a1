// Delivery of committed events: how long from the commit to the receiver, how many a second with durable receipts, what endpoints
// that are dead or slow cost the others, how a backlog drains, and how fast the feed is read.  Run by: make bench-delivery.
//   RATE (1000) events a second for SECONDS (20); BACKLOG (1000000) events
import fs from 'node:fs';
import path from 'node:path';
import { freePort, must, endAll, until, workdir } from '../sandbox/proc.mjs';
import { Api } from '../sandbox/api.mjs';
import { Replyd, binary } from '../sandbox/replyd.mjs';
import { startHooks } from './hooks.mjs';
import { peakBytes, Report, resetPeak, setting, settle } from './measure.mjs';
import { say, startDatabase } from './stage.mjs';

const rate = setting('RATE', 1000);
const seconds = setting('SECONDS', 20);
const backlog = setting('BACKLOG', 1000000);
const ENDPOINTS = 50; // of a workspace, of which there are two
const BAD = 10;

// events of a workspace, each of another prospect, in one transaction; as ingest tells of them
const put = (ws, n) => `with n as (select gen_random_uuid() as id from generate_series(1, ${n})),
  k as (insert into event_key (workspace_id, event_id, event_created_at) select '${ws}', id, now() from n),
  e as (insert into event (workspace_id, event_id, type, prospect_key, prospect_seq, data)
    select '${ws}', id, 'reply.received', id::text, 1, jsonb_build_object('prospect', jsonb_build_object('key', id),
      'committed_us', (extract(epoch from clock_timestamp()) * 1000000)::bigint, 'snippet', repeat('An answer of some length. ', 20))
    from n),
  q as (insert into event_queue (workspace_id, event_id, event_created_at) select '${ws}', id, now() from n)
  select pg_notify('replyd_event', '')`;

// so many transactions a second, evenly, with `each` events
async function offer(sql, ws, perSecond, each, forS) {
  const from = performance.now(), all = Math.round(perSecond / each * forS);
  for (let i = 0; i < all; i++) {
    const wait = from + i * 1000 * each / perSecond - performance.now();
    if (wait > 0) await settle(wait);
    await sql.rows(put(ws[i % ws.length], each));
  }
}

const report = new Report('delivery');
try {
  const dir = workdir('rl-');
  fs.chmodSync(dir, 0o711); // the roles run as another account
  const { url, sql } = await startDatabase(dir, {});
  const replyd = new Replyd({ dir, data: path.join(dir, 'up'), mode: 'release', env: { DATABASE_URL: url }, settings: {
    'api.port': await freePort(), 'dispatch.allow_http': 'on', 'net.allow': '127.0.0.0/8', 'log.level': 'error' } });
  await replyd.start();
  const hooks = await startHooks();
  const cli = async (...words) => (await must([binary('release'), ...words, '--data', path.join(dir, 'up')], { env: replyd.env })).trim().split('\n').pop();
  const ws = [], apis = [];
  for (const name of ['one', 'two']) {
    ws.push(await cli('workspace', 'create', name));
    apis.push(new Api(replyd.base, await cli('key', 'create', '--workspace', name, '--label', 'bench', '--scopes', 'read,endpoint')));
  }
  const pid = () => replyd.pids('dispatch')[0];
  const settled = () => until('all to be settled', async () => await sql.value(
    "select (select count(*) from event_queue) + (select count(*) from delivery d join endpoint p using (endpoint_id) where p.url like '%/good/%')") === '0',
  { timeoutMs: 1800000, everyMs: 200 });

  say(`${rate} events a second to one endpoint`);
  const first = await apis[0].post('/v1/endpoints', { url: `${hooks.base}/good/first`, concurrency: 64 });
  await offer(sql, [ws[0]], rate, 5, 3);
  await settled();
  await hooks.reset();
  await offer(sql, [ws[0]], rate, 5, seconds);
  await settled();
  const alone = await hooks.reset();
  report.add(`commit to receiver at ${rate}/s, p50`, alone.p50, 'ms', { goal: 2, digits: 2 });
  report.add(`commit to receiver at ${rate}/s, p99`, alone.p99, 'ms', { goal: 15, digits: 2 });

  say(`a backlog of ${backlog} events of an endpoint that is down`);
  await apis[0].call('PATCH', `/v1/endpoints/${first.id}`, { url: 'http://127.0.0.1:9/down' });
  for (let left = backlog; left > 0; left -= 5000) await sql.rows(put(ws[0], Math.min(left, 5000)));
  await until('it to be owed', async () => await sql.value('select count(*) from event_queue') === '0', { timeoutMs: 1800000, everyMs: 500 });
  await hooks.reset();
  resetPeak(pid());
  const from = performance.now();
  await apis[0].call('PATCH', `/v1/endpoints/${first.id}`, { url: `${hooks.base}/good/first` });
  await settled();
  const took = (performance.now() - from) / 1000, got = await hooks.reset();
  report.add('events delivered with durable receipts', got.posts / took, '/s', { goal: 3000, atLeast: true, digits: 0 });
  report.add('memory of the dispatcher meanwhile', peakBytes(pid()) / 2 ** 20, 'MiB', { goal: 200 });
  report.add('posted more than once', got.posts - backlog, '', { digits: 0 });

  say('the feed');
  let after = 0, read = 0;
  const reading = performance.now();
  for (;;) {
    const { text } = await apis[0].call('GET', `/v1/events?after=${after}&limit=1000`);
    const next = Number(/"next": ?(\d+)/.exec(text)[1]);
    if (next === after) break;
    read += next - after;
    after = next;
  }
  report.add('events read from the feed, pages of 1,000', read / ((performance.now() - reading) / 1000), '/s', { goal: 100000, atLeast: true, digits: 0 });

  say(`${2 * ENDPOINTS} endpoints, all well; then ${BAD} dead and ${BAD} slow`);
  await apis[0].call('DELETE', `/v1/endpoints/${first.id}`);
  const ids = [];
  for (let n = 0; n < 2 * ENDPOINTS; n++)
    ids.push((await apis[n % 2].post('/v1/endpoints', { url: `${hooks.base}/${n < 2 * BAD ? 'fine' : 'good'}/${n}` })).id);
  const measure = async () => {
    await hooks.reset();
    await offer(sql, ws, rate / ENDPOINTS, 1, seconds);
    await settled();
    return hooks.reset();
  };
  await measure();
  const well = await measure();
  for (let n = 0; n < 2 * BAD; n++)
    await apis[n % 2].call('PATCH', `/v1/endpoints/${ids[n]}`, { url: n < BAD ? 'http://127.0.0.1:9/dead' : `${hooks.base}/slow/${n}` });
  const ill = await measure();
  report.add('80 endpoints of 100 that are well, p99', well.p99, 'ms', { digits: 2 });
  report.add('the same beside 10 dead and 10 slow ones, p99', ill.p99, 'ms', { goal: Number((well.p99 * 1.2).toFixed(2)), digits: 2 });
  await replyd.stop();
  report.end();
} catch (e) {
  console.error(e);
  process.exitCode = 1;
} finally {
  await endAll();
}
