// A real OAuth 2 / OpenID Connect authorization server (npm oidc-provider, a certified one):
// authorization code with PKCE required, rotating refresh tokens with reuse detection, short access
// tokens, introspection for Dovecot, revocation, userinfo.  Log-in and consent are scripted: the
// account is the request's login_hint.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';
import { atEnd, freePort, sleep } from './proc.mjs';

const scope = 'openid email offline_access imap';
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code';

// The adapter that comes with the library keeps only the last thousand rows.
function makeStore(oidc) {
  const rows = new Map();
  const idOfUid = new Map();
  return class Store {
    constructor(name) { this.name = name; }
    key(id) { return `${this.name}:${id}`; }
    async upsert(id, payload, expiresIn) {
      rows.set(this.key(id), { payload, endsAt: expiresIn ? Date.now() + expiresIn * 1000 : Infinity });
      if (payload.uid) idOfUid.set(payload.uid, id);
    }
    async find(id) {
      const row = rows.get(this.key(id));
      return row && row.endsAt > Date.now() ? row.payload : undefined;
    }
    async findByUid(uid) { return this.find(idOfUid.get(uid)); }
    async findByUserCode(code) {
      const row = [...rows.values()].find((r) => r.payload.userCode === code && r.endsAt > Date.now());
      return row?.payload;
    }
    async consume(id) {
      const row = rows.get(this.key(id));
      if (row && !(oidc.keepsOld && this.name === 'RefreshToken')) row.payload.consumed = Math.floor(Date.now() / 1000);
    }
    async destroy(id) { rows.delete(this.key(id)); }
    async revokeByGrantId(grantId) {
      for (const [key, { payload }] of rows) if (payload.grantId === grantId) rows.delete(key);
    }
    static issued(kinds) {
      return [...rows.keys()].filter((key) => kinds.includes(key.split(':')[0])).map((key) => key.slice(key.indexOf(':') + 1));
    }
    static forget(kind, account) {
      for (const [key, { payload }] of rows)
        if (key.startsWith(`${kind}:`) && payload.accountId === account) rows.delete(key);
    }
    static grantsOf(account) {
      return [...rows].filter(([key, row]) => key.startsWith('Grant:') && row.payload.accountId === account)
        .map(([key]) => key.slice('Grant:'.length));
    }
  };
}

// What the provider asks a person: who are you, and do you allow it?
function questionOf(prompt, hint = '', account = '') {
  const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const inner = prompt === 'login'
    ? `<label>Account <input name="account" value="${escaped(hint)}"></label><button>Sign in</button>`
    : `<p>Allow replyd to read the mail of ${escaped(account)}?</p><button name="answer" value="yes">Allow</button>
       <button name="answer" value="no">Decline</button>`;
  return `<!doctype html><html lang="en"><title>Provider</title><main><h1>Provider</h1><form method="post">${inner}</form></main>`;
}

// startOidc: redirectUris is what the client may be sent back to.  The result's hooks:
//   accessTtl, refreshTtl    seconds; may be changed at any time
//   keepsOld                 true: a refresh token that was used stays good, as with providers that give time to save
//   loginAs(account)         whoever is asked for, this one logs in; null ends that
//   deny(account)            its consent is refused from now on; allow(account) ends that
//   untick(account, scope)   it consents to all but that; allow(account) ends that
//   revoke(account)          what a user does in the account's security page
//   asks                     true: a person answers on pages of the provider's own, in a real browser
//   expire(account)          its access tokens are no good any more, its refresh tokens are
//   failNext({ path, times, status, body, headers, delayMs, until })
//                            answers the next `times` requests for path so, without the provider;
//                            status 0 closes the connection instead; no status: only the delay, or the wait
//                            until the promise `until` is kept
//   typeCode(code, account, error)
//                            what a person does with a device's code
//   mint(account)            a grant without a browser: { access_token, refresh_token, grant_id }
//   issued(kind)             the tokens that were not removed since: of one kind ('RefreshToken'), or all with the codes
//   seen                     { at, grantType, status } per request for /token
//   visits                   { referer, query } per browser that was sent to the authorization endpoint
export async function startOidc({ redirectUris, accessTtl = 3600, refreshTtl = 86400, port, clientSecret = 'replyd-sandbox-secret' } = {}) {
  const at = port ?? await freePort();
  const issuer = `http://127.0.0.1:${at}`;
  const denied = new Set();
  const faults = [];
  const oidc = {
    port: at, issuer, accessTtl, refreshTtl, keepsOld: false, seen: [], visits: [], asks: false, scope,
    client: { id: 'replyd', secret: clientSecret },
    authorizeUrl: `${issuer}/auth`, tokenUrl: `${issuer}/token`, userinfoUrl: `${issuer}/me`,
    revokeUrl: `${issuer}/token/revocation`, deviceUrl: `${issuer}/device/auth`,
  };
  const Store = makeStore(oidc);
  const signingKey = { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
    alg: 'ES256', use: 'sig', kid: 'sandbox' };
  const provider = new Provider(issuer, {
    adapter: Store,
    clients: [
      { client_id: oidc.client.id, client_secret: oidc.client.secret,
        grant_types: ['authorization_code', 'refresh_token', deviceGrant], response_types: ['code'],
        redirect_uris: redirectUris, token_endpoint_auth_method: 'client_secret_basic', scope,
        id_token_signed_response_alg: 'ES256' },
      { client_id: 'dovecot', client_secret: 'dovecot-secret', grant_types: [],
        response_types: [], redirect_uris: [], scope: 'imap',
        id_token_signed_response_alg: 'ES256' },
    ],
    scopes: scope.split(' '),
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false, // as the big providers do, the id_token names the address
    findAccount: async (ctx, id) => ({
      accountId: id, claims: async () => ({ sub: id, email: id, email_verified: true }),
    }),
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true,
        allowedPolicy: async (ctx, client, token) => client.clientId === 'dovecot'
          || client.clientId === token.clientId },
      revocation: { enabled: true },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
    },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async (ctx, client, code) => code.scopes.has('offline_access'),
    ttl: {
      AccessToken: () => oidc.accessTtl, ClientCredentials: () => oidc.accessTtl, RefreshToken: () => oidc.refreshTtl, AuthorizationCode: 60,
      IdToken: 3600, Interaction: 600, Grant: 86400, Session: 86400,
    },
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    renderError: async (ctx, out) => { ctx.type = 'json'; ctx.body = JSON.stringify(out); },
    cookies: { keys: ['sandbox'] },
    jwks: { keys: [signingKey] },
  });
  for (const end of ['grant.success', 'grant.error'])
    provider.on(end, (ctx) => { if (ctx.req.entry) ctx.req.entry.grantType = ctx.oidc.params?.grant_type; });
  provider.on('server_error', (ctx, e) => console.error('oidc:', e));
  const handle = provider.callback();

  const unticked = new Map();
  let hand = null; // who logs in whatever the hint says
  // What the person in front of the browser does, or would do.
  async function interact(req, res) {
    const { prompt, params, session, grantId } = await provider.interactionDetails(req, res);
    const finish = (result, more) => provider.interactionFinished(req, res, result,
      { mergeWithLastSubmission: Boolean(more) });
    if (oidc.asks && req.method === 'GET') {
      res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      res.end(questionOf(prompt.name, params.login_hint, session?.accountId));
      return null;
    }
    const said = oidc.asks ? await formOf(req) : new URLSearchParams();
    if (prompt.name === 'login')
      return finish({ login: { accountId: said.get('account') ?? hand ?? params.login_hint ?? 'nobody@example.test' } });
    if (denied.has(session.accountId) || said.get('answer') === 'no')
      return finish({ error: 'access_denied', error_description: 'the user said no' });
    const grant = grantId ? await provider.Grant.find(grantId)
      : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    if (prompt.details.missingOIDCScope) {
      const not = unticked.get(session.accountId);
      grant.addOIDCScope(prompt.details.missingOIDCScope.filter((one) => one !== not).join(' '));
      if (not) grant.rejectOIDCScope(not);
    }
    if (prompt.details.missingOIDCClaims) grant.addOIDCClaims(prompt.details.missingOIDCClaims);
    return finish({ consent: { grantId: await grant.save() } }, true);
  }

  async function formOf(req) {
    const parts = [];
    for await (const part of req) parts.push(part);
    return new URLSearchParams(Buffer.concat(parts).toString());
  }
  const grantTypeOf = async (req) => (await formOf(req)).get('grant_type');

  const server = createServer(async (req, res) => {
    const { pathname, searchParams } = new URL(req.url, issuer);
    try {
      if (pathname === '/auth') oidc.visits.push({ referer: req.headers.referer ?? null, query: searchParams });
      if (pathname === '/token') {
        req.entry = { at: Date.now(), grantType: null, status: null };
        oidc.seen.push(req.entry);
        res.on('finish', () => { req.entry.status = res.statusCode; });
      }
      const fault = faults.find((f) => f.path === pathname && f.times > 0);
      if (fault) {
        fault.times -= 1;
        if (req.entry && fault.status !== undefined) req.entry.grantType = await grantTypeOf(req);
        if (fault.delayMs) await sleep(fault.delayMs);
        await fault.until;
        if (fault.status === 0) { req.socket.destroy(); return; }
        if (fault.status) {
          const body = typeof fault.body === 'string' ? fault.body : JSON.stringify(fault.body ?? {});
          res.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
          res.end(body);
          return;
        }
      }
      if (pathname.startsWith('/interaction/')) await interact(req, res);
      else handle(req, res);
    } catch (e) {
      if (!res.headersSent) res.writeHead(500);
      res.end(String(e?.stack));
    }
  });

  oidc.issued = (kind) => Store.issued(kind ? [kind] : ['AccessToken', 'RefreshToken', 'AuthorizationCode']);
  oidc.loginAs = (account) => { hand = account; };
  oidc.deny = (account) => denied.add(account);
  oidc.untick = (account, not) => unticked.set(account, not);
  oidc.allow = (account) => { denied.delete(account); unticked.delete(account); };
  oidc.failNext = ({ path = '/token', times = 1, ...how }) => faults.push({ path, times, ...how });
  oidc.failNoMore = () => faults.splice(0);
  oidc.expire = (account) => Store.forget('AccessToken', account);
  oidc.revoke = async (account) => {
    for (const id of Store.grantsOf(account)) {
      await new Store('Grant').revokeByGrantId(id);
      await new Store('Grant').destroy(id);
    }
  };
  // the administrator's application: client credentials, no user; another secret or its end any time
  oidc.application = async ({ id = 'domain-app', secret = 'domain-app-secret', expiresAt = 0 } = {}) => {
    await new Store('Client').upsert(id, { client_id: id, client_secret: secret,
      client_secret_expires_at: expiresAt, grant_types: ['client_credentials'], response_types: [],
      redirect_uris: [], scope: 'imap', token_endpoint_auth_method: 'client_secret_basic',
      id_token_signed_response_alg: 'ES256' });
    return { id, secret };
  };
  // the person types a device's code in and agrees; `error`: does not
  oidc.typeCode = async (userCode, account, error) => {
    const code = await provider.DeviceCode.findByUserCode(userCode.replace(/-/g, ''));
    const client = await provider.Client.find(oidc.client.id);
    const grant = new provider.Grant({ accountId: account, clientId: client.clientId });
    grant.addOIDCScope(scope);
    Object.assign(code, error ? { error, errorDescription: 'the user said no' }
      : { accountId: account, grantId: await grant.save(), scope, authTime: Math.floor(Date.now() / 1000), claims: {} });
    await code.save(code.remainingTTL);
  };
  oidc.mint = async (account) => {
    const client = await provider.Client.find(oidc.client.id);
    const grant = new provider.Grant({ accountId: account, clientId: oidc.client.id });
    grant.addOIDCScope(scope);
    const grantId = await grant.save();
    const common = { accountId: account, client, grantId, scope, gty: 'authorization_code' };
    const refresh = new provider.RefreshToken({ ...common, rotations: 0, iiat: Math.floor(Date.now() / 1000) });
    return {
      access_token: await new provider.AccessToken(common).save(),
      refresh_token: await refresh.save(), grant_id: grantId,
    };
  };
  oidc.stop = () => new Promise((done) => { server.close(done); server.closeAllConnections(); });
  oidc.listen = () => new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(at, '127.0.0.1', done);
  });
  atEnd(() => oidc.stop());
  await oidc.listen();
  return oidc;
}
