// A mock at a declared seam: the token endpoint of a service account with domain-wide delegation
// (RFC 7523 JWT bearer), which oidc-provider does not offer.  It is strict: RS256 by the account's
// own key, iss, aud, iat, exp at most an hour later, one scope, and a sub that has a mailbox.  The
// access tokens it gives are oidc-provider's own, so that Dovecot validates them like all others.
import { generateKeyPairSync, verify } from 'node:crypto';
import { createServer } from 'node:http';
import { atEnd, freePort } from './proc.mjs';

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const SKEW_S = 5;

const json = (part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));

class Refused extends Error {
  constructor(status, error, description) {
    super(description);
    Object.assign(this, { status, error });
  }
}

// startJwtBearer: oidc mints the tokens.  The result's hooks:
//   account(change)    the key file of the service account, with another key when `newKey`
//   gone               addresses without a mailbox
//   delegated          false: the administrator has taken the delegation back
//   seen               { sub, status } per request
export async function startJwtBearer({ oidc, scope = 'imap' }) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/token`;
  const email = 'robot@project.example.test';
  let keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  let keyId = 1;
  const mock = { url, scope, gone: new Set(), delegated: true, seen: [] };

  function claimsOf(assertion) {
    const [head, claims, signature, ...rest] = assertion.split('.');
    if (!signature || rest.length) throw new Refused(400, 'invalid_request', 'not a JWT');
    const { alg, kid } = json(head);
    if (alg !== 'RS256') throw new Refused(400, 'invalid_grant', 'alg is not RS256');
    if (kid !== `key-${keyId}` || !verify('RSA-SHA256', Buffer.from(`${head}.${claims}`), keys.publicKey,
      Buffer.from(signature, 'base64url'))) throw new Refused(400, 'invalid_grant', 'Invalid JWT Signature.');
    return json(claims);
  }

  async function answer(form) {
    const now = Date.now() / 1000;
    if (form.get('grant_type') !== GRANT) throw new Refused(400, 'unsupported_grant_type', 'only JWT bearer');
    const c = claimsOf(form.get('assertion') ?? '');
    mock.seen.push({ sub: c.sub });
    if (c.iss !== email) throw new Refused(400, 'invalid_grant', 'Invalid grant: account not found');
    if (c.aud !== url) throw new Refused(400, 'invalid_grant', 'Invalid JWT: aud');
    if (!(c.iat <= now + SKEW_S && c.exp > now && c.exp <= c.iat + 3600))
      throw new Refused(400, 'invalid_grant', 'Invalid JWT: Token must be a short-lived token');
    if (!mock.delegated || c.scope !== scope)
      throw new Refused(401, 'unauthorized_client', 'Client is unauthorized to retrieve access tokens');
    if (!/^[^@\s]+@example\.test$/.test(c.sub) || mock.gone.has(c.sub))
      throw new Refused(400, 'invalid_grant', 'Invalid email or User ID');
    const { access_token } = await oidc.mint(c.sub);
    return { access_token, token_type: 'Bearer', expires_in: oidc.accessTtl };
  }

  const server = createServer(async (req, res) => {
    const parts = [];
    for await (const part of req) parts.push(part);
    try {
      if (req.method !== 'POST' || req.url !== '/token') throw new Refused(404, 'not_found', '');
      const body = await answer(new URLSearchParams(Buffer.concat(parts).toString()));
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    } catch (e) {
      const { status = 400, error = 'invalid_request', message } = e;
      res.writeHead(status, { 'content-type': 'application/json' })
        .end(JSON.stringify({ error, error_description: message }));
    }
    if (mock.seen.length) mock.seen.at(-1).status ??= res.statusCode;
  });

  mock.account = ({ newKey = false } = {}) => {
    if (newKey) {
      keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
      keyId += 1;
    }
    return { type: 'service_account', project_id: 'sandbox', private_key_id: `key-${keyId}`,
      private_key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }), client_email: email,
      client_id: '1234567890', token_uri: url };
  };
  atEnd(() => new Promise((done) => { server.close(done); server.closeAllConnections(); }));
  await new Promise((done) => { server.listen(port, '127.0.0.1', done); });
  return mock;
}
