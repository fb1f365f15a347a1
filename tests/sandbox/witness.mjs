// Who watches replyd while it is disturbed: asks for gates and watermarks all the time, and says
// afterwards which of the answers were not true.
//
// A mail is here { id, inbox, role, prospects, closes, isLate, at }: `at` is the moment (ms) from
// which it stood in that inbox for certain; `closes`: its kind closes the gate for good or for days.
import { bareId } from './mails.mjs';
import { sleep } from './proc.mjs';

// An instant that replyd tells was taken before it looked; it is cut to milliseconds, and so is `at`.
const isBehind = (mail, instantMs) => mail.at !== null && instantMs >= mail.at + 1;

export class Witness {
  opens = []; // { prospect, observed, asked }
  closed = new Map(); // prospect -> reason that may never go away
  lies = [];
  asked = 0; // how many gates, how many of them were open, how many looks at the watermarks
  open = 0;
  looks = 0;
  #running = [];
  #over = false;

  // api: a client; prospects(): whom to ask for now
  watchGates(api, prospects, lanes = 3) {
    const lane = async (first) => {
      for (let i = first; !this.#over; i += lanes) {
        const all = prospects();
        if (all.length) await this.#askGate(api, all[i % all.length]);
        await sleep(5);
      }
    };
    for (let i = 0; i < lanes; i++) this.#running.push(lane(i));
  }

  async #askGate(api, prospect) {
    const asked = Date.now();
    let gate;
    try { gate = await api.gate(prospect); } catch { return; } // it is disturbed
    this.asked += 1;
    const before = this.closed.get(prospect);
    if (before && gate.state !== 'closed')
      this.lies.push(`${prospect}: ${gate.state} ${gate.reason} after it was closed: ${before}`);
    if (gate.state === 'closed' && gate.level >= 3) this.closed.set(prospect, gate.reason);
    if (gate.state !== 'open') return;
    this.open += 1;
    this.opens.push({ prospect, asked, observed: Date.parse(gate.observed_through) });
  }

  // db: insideOf(replyd); what the watermarks say and what is there, in one snapshot
  watchMarks(db) {
    const sql = `select json_build_object('marks', (select json_agg(json_build_array(i.address, f.role,
        floor(extract(epoch from case when f.role in ('inbox', 'junk', 'all') then s.gated_through else f.gated_through end) * 1000),
        floor(extract(epoch from case when f.role in ('inbox', 'junk', 'all') then s.ingested_through else f.ingested_through end) * 1000)))
        from replyd.folder f join replyd.inbox i using (inbox_id) join replyd.inbox_seen s using (inbox_id)),
      'messages', (select coalesce(json_object_agg(header_message_id, state), '{}') from replyd.message))`;
    this.marks = [];
    this.#running.push((async () => {
      while (!this.#over) {
        try {
          const look = JSON.parse(await db.psql(sql));
          this.looks += 1;
          this.marks.push({ marks: look.marks ?? [], messages: look.messages });
        } catch { /* PostgreSQL is disturbed */ }
        await sleep(250);
      }
    })());
  }

  async stop() {
    this.#over = true;
    await Promise.all(this.#running);
  }

  // judge: what was said against what was there; forgets what it judged
  judge(mails) {
    const opens = this.opens.splice(0);
    for (const mail of mails.filter((m) => m.closes))
      for (const o of opens.filter((x) => mail.prospects.includes(x.prospect) && isBehind(mail, x.observed)))
        this.lies.push(`${o.prospect}: open at ${new Date(o.asked).toISOString()}, observed through ${
          new Date(o.observed).toISOString()}, and ${mail.id} lay there from ${new Date(mail.at).toISOString()}`);
    for (const look of (this.marks ?? []).splice(0))
      for (const [address, role, gated, ingested] of look.marks)
        for (const mail of mails.filter((m) => !m.isLate && m.inbox === address && m.role === role))
          this.#judgeMark(mail, look.messages[bareId(mail.id)], gated, ingested);
    return this.lies;
  }

  #judgeMark(mail, state, gated, ingested) {
    const told = `${mail.inbox} ${mail.role}: ${mail.id} lay there from ${new Date(mail.at).toISOString()}`;
    if (isBehind(mail, gated) && !state)
      this.lies.push(`${told}, gated through ${new Date(gated).toISOString()} without it`);
    if (isBehind(mail, ingested) && (!state || state === 'pending'))
      this.lies.push(`${told}, ingested through ${new Date(ingested).toISOString()} and it is ${state}`);
  }
}
