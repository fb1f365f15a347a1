// The whole sandbox in one call: CA, OAuth server, Dovecot, sequence engine, replyd.
import fs from 'node:fs';
import path from 'node:path';
import { makeCa } from './ca.mjs';
import { connect } from './consent.mjs';
import { startDovecot } from './dovecot.mjs';
import { Engine } from './engine.mjs';
import { deliver } from './lmtp.mjs';
import { newId } from './mails.mjs';
import { startOidc } from './oidc.mjs';
import { endAll, freePort, workdir } from './proc.mjs';
import { Replyd, settingsFor } from './replyd.mjs';

// startSandbox: settings are added to replyd's (or replace them); `through(port)` may put a proxy
// before the IMAP server by returning another port; `server` starts another one than Dovecot;
// `address` is one more of loopback that its certificate is good for; withReplyd: false leaves replyd to the caller.
export async function startSandbox({ settings = {}, data, mode, env, accessTtl, through, server = startDovecot,
  workspace = 'sandbox', withReplyd = true, clientSecret, address } = {}) {
  const dir = workdir();
  const apiPort = await freePort();
  const ca = await makeCa(path.join(dir, 'ca'));
  const cert = await ca.issue('mail', `DNS:localhost,IP:127.0.0.1${address ? `,IP:${address}` : ''}`);
  const oidc = await startOidc({ redirectUris: [`http://127.0.0.1:${apiPort}/oauth/callback`], accessTtl, clientSecret });
  const dovecot = await server({ dir: path.join(dir, 'dc'), cert, oidcPort: oidc.port });
  const engine = await Engine.start();
  const imapPort = through ? await through(dovecot.imaps) : dovecot.imaps;
  const home = path.join(dir, 'replyd');
  fs.mkdirSync(home);
  const replyd = new Replyd({ dir: home, data, mode, env,
    settings: { ...settingsFor({ dir: home, apiPort, ca: ca.pem, oidc, dovecot, imapPort }), ...settings } });
  const box = {
    dir, ca, oidc, dovecot, engine, replyd, apiPort,

    // start replyd, make a workspace, register the engine's endpoint
    async begin() {
      await replyd.start();
      const { id, api } = await replyd.workspace(workspace);
      Object.assign(box, { workspace: id, api });
      const endpoint = await api.post('/v1/endpoints', { url: engine.url });
      engine.expectSecret(endpoint.secret);
      box.endpoint = endpoint;
    },

    // connect an inbox through the OAuth flow and wait until it is watched; returns the inbox
    async connect(address, { watched = true } = {}) {
      const link = await box.api.post('/v1/connect-links', { provider: 'sandbox', address });
      const page = await connect(link.url);
      const settled = await box.api.waitForLink(link.id);
      if (settled.state !== 'connected')
        throw new Error(`${address}: ${settled.problem} ${settled.problem_detail ?? ''} (${page.status})`);
      return watched ? box.api.waitForInbox(settled.inbox_id) : box.api.get(`/v1/inboxes/${settled.inbox_id}`);
    },

    // the same by an app password, as the provider row `apppassword` says
    async connectByPassword(address, password = 'sandbox-password') {
      const { connect_link_id: id } = await box.api.post('/v1/inboxes', { address, provider: 'apppassword', password });
      const settled = await box.api.waitForLink(id);
      if (settled.state !== 'connected') throw new Error(`${address}: ${settled.problem}`);
      return box.api.waitForInbox(settled.inbox_id);
    },

    // register outbound mails; each: { inbox, prospect, subject?, step?, replyToken?, finalId?, links? } -> the same with its id
    async register(items, { sequence = 'autumn' } = {}) {
      const full = items.map((item, i) => ({ id: newId('out'), subject: `A question, no. ${i + 1}`, step: '1',
        key: item.prospect, ...item }));
      const answer = await box.api.post('/v1/outbound', { items: full.map((o) => ({
        inbox_id: o.inboxId, sequence, step: o.step, prospect: { key: o.key, address: o.prospect },
        message_id: o.id, sent_at: new Date(Date.now() - 60000).toISOString(), subject: o.subject,
        reply_token: o.replyToken, final_message_id: o.finalId, links: o.links,
      })) });
      const odd = answer.items.find((x) => !['created', 'repeated'].includes(x.result));
      if (odd) throw new Error(`outbound ${odd.index}: ${odd.result}`);
      return full.map((o, i) => ({ ...o, outboundId: answer.items[i].outbound_id }));
    },

    deliver: (to, mail) => deliver(dovecot.lmtp, { to, raw: mail.raw, from: mail.envelopeFrom }),
    stop: endAll,
  };
  if (withReplyd) await box.begin();
  return box;
}
