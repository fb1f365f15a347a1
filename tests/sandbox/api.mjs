// A small client of replyd's HTTP API.
import { until } from './proc.mjs';

export class Api {
  constructor(base, key) { this.base = base; this.key = key; }

  // call: { status, body, text, headers }; JSON answers are parsed
  async call(method, path, body, headers = {}) {
    const res = await fetch(this.base + path, {
      method,
      headers: { ...(this.key ? { authorization: `Bearer ${this.key}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(20000),
      redirect: 'manual',
    }).catch((e) => { throw new Error(`${method} ${path}: ${e.name} ${e.cause?.code ?? e.message}`, { cause: e }); });
    const text = await res.text();
    const isJson = /json/.test(res.headers.get('content-type') ?? '');
    return { status: res.status, text, headers: res.headers, body: isJson ? JSON.parse(text) : text };
  }

  // must: the body of a success; an error that shows the problem document otherwise
  async must(method, path, body) {
    const r = await this.call(method, path, body);
    if (r.status > 299) throw new Error(`${method} ${path}: ${r.status} ${r.text.slice(0, 500)}`);
    return r.body;
  }

  get(path) { return this.must('GET', path); }

  post(path, body) { return this.must('POST', path, body); }

  gate(prospect) { return this.get(`/v1/prospects/${encodeURIComponent(prospect)}/gate`); }

  waitForGate(prospect, state, options) {
    return until(`the gate of ${prospect} to be ${state}`, async () => {
      const gate = await this.gate(prospect);
      return gate.state === state ? gate : null;
    }, { timeoutMs: 30000, ...options });
  }

  // the whole feed, page by page
  async events({ after = 0, limit = 100 } = {}) {
    const all = [];
    for (let next = after; ;) {
      const page = await this.get(`/v1/events?after=${next}&limit=${limit}`);
      if (page.events.length === 0) return all;
      all.push(...page.events);
      next = page.next;
    }
  }

  // until the link is settled either way
  waitForLink(id, options) {
    return until('the connect link to be settled', async () => {
      const link = await this.get(`/v1/connect-links/${id}`);
      return ['connected', 'failed'].includes(link.state) ? link : null;
    }, { timeoutMs: 30000, ...options });
  }

  // until there is an inbox, whatever becomes of its first login
  waitForLinkInbox(id, options) {
    return until('the connect link to have an inbox', async () => (await this.get(`/v1/connect-links/${id}`)).inbox_id,
      { timeoutMs: 30000, ...options });
  }

  waitForInbox(id, want = (inbox) => inbox.watermarks?.ingested_through, options = {}) {
    return until(`inbox ${id} to be watched`, async () => {
      const inbox = await this.get(`/v1/inboxes/${id}`);
      return want(inbox) ? inbox : null;
    }, { timeoutMs: 30000, ...options });
  }
}
