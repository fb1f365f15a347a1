// kill -9 of the dispatcher at each point of a delivery: every event comes, in the order of its prospect, and what comes twice is
// the same, under the same id.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { insideOf } from '../sandbox/postgres.mjs';
import { endAll, until } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { tellerOf } from '../sandbox/tell.mjs';

let box, db, tell, kill;
before(async () => {
  box = await startSandbox({ settings: { 'dispatch.timeout': '1s', 'dispatch.retry': '0s 200ms 200ms 1s 1s 1s' } });
  db = insideOf(box.replyd);
  tell = tellerOf(box.replyd, box.workspace);
  kill = () => box.replyd.signal('dispatch', 'SIGKILL');
});
after(endAll);

const lane = (set) => db.psql(`update replyd.endpoint_lane set ${set} where endpoint_id = '${box.endpoint.id}'`);
const dispatchers = "from pg_stat_activity where application_name = 'replyd dispatch'";
const blocked = () => until('the dispatcher to wait for a lock', async () => await db.psql(
  `select count(*) > 0 ${dispatchers} and wait_event_type = 'Lock'`) === 't');
const isTrue = (what, sql) => until(what, async () => await db.psql(`set search_path = replyd; select ${sql}`) === 't');
const posted = (id) => until('the post', () => box.engine.records.some((r) => r.id === id));
// it is killed by whoever answers the post of `id`
const answeredBy = ({ early = false, first = () => {} }) => (id) => {
  const over = new Promise((done) => {
    box.engine.answerNext({ id, early, by: (req, res) => { first(req, res); kill(); done(); } });
  });
  return () => over;
};

// arm() before event `id` is told; what it returns is waited for after that, until the dispatcher is dead.  `posts` of it, in all
const points = [
  ['before the event has its position', { posts: 1, async arm() {
    const held = await db.hold('lock table replyd.feed_head in exclusive mode');
    return async () => { await blocked(); kill(); await held.release(); };
  } }],
  ['while its take is under way', { posts: 1, async arm(id) {
    await lane("not_before = now() + interval '1 hour'");
    return async () => {
      await isTrue('it to be owed', `exists (select from delivery where event_id = '${id}')`);
      const held = await db.hold('lock table replyd.delivery in exclusive mode');
      await lane("not_before = '-infinity', due_at = now()");
      await blocked();
      kill();
      await held.release();
    };
  } }],
  ['when the connection is there', { posts: 1, arm() {
    box.engine.hangUp();
    const there = new Promise((done) => { box.engine.onConnection = (s) => { kill(); s.destroy(); done(); }; });
    return () => there;
  } }],
  ['when the head of the post has come', { posts: 1, arm: answeredBy({ early: true }) }],
  ['when all of it has come, before an answer', { posts: 2, arm: answeredBy({}) }],
  ['in the middle of the answer', { posts: 2, arm: answeredBy({ first: (req, res) => {
    res.writeHead(200, { 'content-length': 10 });
    res.write('half');
  } }) }],
  ['answered, and its receipt is lost', { posts: 2, async arm(id) {
    const held = await db.hold('lock table replyd.attempt in exclusive mode');
    return async () => {
      await posted(id);
      await blocked();
      kill();
      await db.psql(`select pg_terminate_backend(pid) ${dispatchers} and wait_event_type = 'Lock'`);
      await held.release();
    };
  } }],
  ['answered, and its receipt is committed after its death', { posts: 1, async arm(id) {
    const held = await db.hold('lock table replyd.attempt in exclusive mode');
    return async () => { await posted(id); await blocked(); kill(); await held.release(); };
  } }],
  ['when the receipt is kept', { posts: 1, arm: (id) => async () => {
    await isTrue('the receipt', `exists (select from attempt where event_id = '${id}')`);
    kill();
  } }],
  ['refused, and waiting for its next try', { posts: 2, arm(id) {
    box.engine.answerNext({ id, status: 500 });
    return async () => {
      await isTrue('the receipt', `exists (select from attempt where event_id = '${id}' and status = 500)`);
      kill();
    };
  } }],
];

for (const [n, [name, point]] of points.entries())
  test(`killed ${name}`, async () => {
    const prospect = `p${n}@example.test`;
    // the dispatcher is there, and has nothing to do
    await isTrue('it to be at rest', 'not exists (select from delivery) and not exists (select from event_queue)');
    await isTrue('a dispatcher', `count(*) > 1 ${dispatchers}`);
    const first = crypto.randomUUID();
    const dead = await point.arm(first);
    const ids = await tell([{ id: first, prospect, seq: 1 }, { prospect, seq: 2 }, { prospect, seq: 3 }]);
    await dead();
    for (const id of ids)
      await box.engine.waitFor(`event ${id}`, (e) => e.id === id, { timeoutMs: 90000 });
    await isTrue('all receipts', 'not exists (select from delivery)');
    const posts = box.engine.records.filter((r) => ids.includes(r.id));
    assert.deepEqual([...new Set(posts.map((r) => r.id))], ids, 'in order');
    assert.deepEqual(ids.map((id) => posts.filter((r) => r.id === id).length), [point.posts, 1, 1]);
    assert.ok(posts.every((r) => r.verified && r.body === posts.find((one) => one.id === r.id).body), 'the same each time');
  });

test('the feed has each once and no holes, and every signature is good by the second check', async () => {
  const feed = await box.api.events();
  assert.deepEqual(feed.map((e) => e.position), feed.map((_, i) => i + 1));
  assert.equal(new Set(feed.map((e) => e.id)).size, feed.length);
  await box.engine.allCheckedAgain();
});
