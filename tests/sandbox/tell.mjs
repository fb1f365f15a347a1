// Events as a worker tells of them, without a mail behind them.
import { insideOf } from './postgres.mjs';

const quoted = (text) => (text === null ? 'null' : `'${text.replaceAll("'", "''")}'`);

// tellerOf: tell([{ id?, type?, prospect?, seq?, data? }]) writes them in one transaction, in this order; returns their ids
export function tellerOf(replyd, workspace) {
  const db = insideOf(replyd);
  return async (items) => {
    const full = items.map(({ id = crypto.randomUUID(), type = 'reply.received', prospect = null, seq = null, data = {} }) => ({ id, type,
      prospect, seq, data: prospect ? { prospect: { key: prospect, seq }, ...data } : data }));
    await db.psql(`begin; set local search_path = replyd; set local replyd.workspace = '${workspace}'; ${full.map((e) =>
      `select event_put('${e.id}', '${e.type}', ${quoted(e.prospect)}, ${e.seq}, null, null, ${quoted(JSON.stringify(e.data))})`).join('; ')};
      commit; notify replyd_event`);
    return full.map((e) => e.id);
  };
}
