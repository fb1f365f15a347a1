// The demo's sequence engine: receives replyd's webhooks, verifies each with the official Standard
// Webhooks library, and keeps a record of what came.
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import path from 'node:path';
import { Webhook } from 'standardwebhooks';
import { atEnd, must, until } from './proc.mjs';

const second = path.join(import.meta.dirname, 'webhook.pl');

// checkedAgain: what webhook.pl, which was written from the specification, says of deliveries { secret, headers, body }, one line each
export async function checkedAgain(deliveries) {
  const lines = deliveries.map(({ secret, headers, body }) => [secret, headers['webhook-id'], headers['webhook-timestamp'],
    headers['webhook-signature'], Buffer.from(body).toString('base64')].join('\t'));
  return (await must(['perl', second], { input: lines.map((line) => `${line}\n`).join('') })).split('\n').slice(0, -1);
}

export class Engine {
  records = []; // { id, type, event, at, verified, secret, problem, status, headers, body, httpVersion, peer }
  connections = []; // sockets as they came
  onConnection = null; // told of the next one, once
  #secrets = [];
  #answers = []; // { status, times, headers, delayMs, by, early }
  #server = null;
  #options;
  #port = 0;

  // host: where it listens; tls: options of node:tls, and HTTP/2 is offered (allowHTTP1: false for that alone)
  static async start({ host = '127.0.0.1', tls = null } = {}) {
    const engine = new Engine();
    const take = (req, res) => engine.#take(req, res);
    engine.#options = { host, tls };
    engine.#server = tls ? createSecureServer({ allowHTTP1: true, ...tls }, take) : createServer(take);
    engine.#server.on(tls ? 'secureConnection' : 'connection', (s) => {
      engine.connections.push(s);
      engine.onConnection?.(s);
      engine.onConnection = null;
      s.on('error', () => { /* whoever called is gone */ });
    });
    atEnd(() => engine.stop());
    await engine.listen();
    return engine;
  }

  get url() {
    const { host, tls } = this.#options;
    return `http${tls ? 's' : ''}://${host.includes(':') ? `[${host}]` : host}:${this.#port}/hooks/replies`;
  }

  // the secret of the endpoint; a second one while secrets are exchanged
  expectSecret(secret) { this.#secrets.push(secret); }

  // the next `times` posts are answered so instead of 204; status 0 closes the connection; by(req, res) answers
  // itself, before the body was read if it is `early`, which leaves no record; only those of the event `id`, if that is given
  answerNext({ status, times = 1, headers = {}, delayMs = 0, by = null, early = false, id = null }) {
    this.#answers.push({ status, times, headers, delayMs, by, early, id });
  }

  // what was not asked for yet is not asked for any more
  answerAsUsual() { this.#answers = []; }

  async #take(req, res) {
    const at = Date.now();
    const answer = this.#answers.find((a) => a.times > 0 && (!a.id || a.id === req.headers['webhook-id']));
    if (answer) answer.times -= 1;
    if (answer?.early) { answer.by(req, res); return; }
    const parts = [];
    try { for await (const part of req) parts.push(part); } catch { return; } // cut on the way
    const body = Buffer.concat(parts).toString();
    const record = { id: req.headers['webhook-id'], at, verified: false, problem: null, headers: req.headers, body,
      httpVersion: req.httpVersion,
      peer: req.socket.getPeerCertificate?.()?.subjectaltname?.replace('DNS:', '') };
    for (const secret of this.#secrets) {
      try {
        record.event = new Webhook(secret).verify(body, req.headers);
        Object.assign(record, { verified: true, problem: null, secret });
        break;
      } catch (e) { record.problem = e.message; }
    }
    if (record.verified && record.event.id !== record.id) record.problem = 'webhook-id is not the event\'s id';
    record.type = record.event?.type;
    record.verifiedAt = Date.now();
    record.status = answer?.by ? 0 : answer ? answer.status : record.verified ? 204 : 401;
    this.records.push(record);
    if (answer?.by) { answer.by(req, res); return; }
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

  // every delivery that the library verified, once more by the second check; throws for the first that does not fit
  async allCheckedAgain() {
    const verified = this.records.filter((r) => r.verified);
    const said = await checkedAgain(verified);
    const odd = verified.findIndex((r, i) => !said[i]?.startsWith('good'));
    if (odd >= 0 || said.length !== verified.length || !said.length)
      throw new Error(`the second check of ${verified[odd]?.id}: ${said[odd]}; ${said.length} of ${verified.length}`);
    return said.length;
  }

  // waitFor: the first accepted event (its record) for which want(event) is true
  async waitFor(what, want, options = {}) {
    return until(what, () => this.records.find((r) => r.verified && r.status >= 200 && r.status < 300
      && want(r.event)), { timeoutMs: 30000, everyMs: 5, ...options });
  }

  listen() {
    return new Promise((done, fail) => {
      this.#server.once('error', fail);
      this.#server.listen(this.#port, this.#options.host, () => { this.#port = this.#server.address().port; done(); });
    });
  }

  // every connection is cut, and the next post needs a new one
  hangUp() { for (const s of this.connections.splice(0)) s.destroy(); }

  stop() {
    return new Promise((done) => {
      this.#server.close(() => done());
      this.hangUp();
    });
  }
}
