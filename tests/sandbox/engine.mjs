// The demo's sequence engine: receives replyd's webhooks, verifies each with the official Standard
// Webhooks library, and keeps a record of what came.
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { atEnd, until } from './proc.mjs';

export class Engine {
  records = []; // { id, type, event, at, verified, problem, status }
  #secrets = [];
  #answers = []; // { status, times, headers, delayMs }
  #server = null;
  #port = 0;

  static async start() {
    const engine = new Engine();
    engine.#server = createServer((req, res) => engine.#take(req, res));
    atEnd(() => engine.stop());
    await engine.listen();
    return engine;
  }

  get url() { return `http://127.0.0.1:${this.#port}/hooks/replies`; }

  // the secret of the endpoint; a second one while secrets are exchanged
  expectSecret(secret) { this.#secrets.push(secret); }

  // the next `times` posts are answered so instead of 204; status 0 closes the connection
  answerNext({ status, times = 1, headers = {}, delayMs = 0 }) {
    this.#answers.push({ status, times, headers, delayMs });
  }

  async #take(req, res) {
    const at = Date.now();
    const parts = [];
    for await (const part of req) parts.push(part);
    const body = Buffer.concat(parts).toString();
    const record = { id: req.headers['webhook-id'], at, verified: false, problem: null, headers: req.headers };
    for (const secret of this.#secrets) {
      try {
        record.event = new Webhook(secret).verify(body, req.headers);
        record.verified = true;
        record.problem = null;
        break;
      } catch (e) { record.problem = e.message; }
    }
    if (record.verified && record.event.id !== record.id) record.problem = 'webhook-id is not the event\'s id';
    record.type = record.event?.type;
    record.verifiedAt = Date.now();
    const answer = this.#answers.find((a) => a.times > 0);
    if (answer) answer.times -= 1;
    record.status = answer ? answer.status : record.verified ? 204 : 401;
    this.records.push(record);
    if (answer?.delayMs) await new Promise((done) => setTimeout(done, answer.delayMs));
    if (record.status === 0) { req.socket.destroy(); return; }
    res.writeHead(record.status, answer?.headers);
    res.end();
  }

  // accepted: the events that were verified and answered with 2xx, each once, in order of arrival
  get accepted() {
    const found = new Map();
    for (const r of this.records)
      if (r.verified && r.status >= 200 && r.status < 300 && !found.has(r.id)) found.set(r.id, r.event);
    return [...found.values()];
  }

  // waitFor: the first accepted event (its record) for which want(event) is true
  async waitFor(what, want, options = {}) {
    return until(what, () => this.records.find((r) => r.verified && r.status >= 200 && r.status < 300
      && want(r.event)), { timeoutMs: 30000, everyMs: 5, ...options });
  }

  listen() {
    return new Promise((done, fail) => {
      this.#server.once('error', fail);
      this.#server.listen(this.#port, '127.0.0.1', () => { this.#port = this.#server.address().port; done(); });
    });
  }

  stop() {
    return new Promise((done) => {
      this.#server.close(() => done());
      this.#server.closeAllConnections();
    });
  }
}
