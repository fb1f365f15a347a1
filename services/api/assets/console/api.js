// Calls of the API with the session's cookie.  The header is what no form of another site can send.

export class Refused extends Error {
  constructor(status, body) {
    super(body.detail ?? body.title ?? `HTTP ${status}`);
    Object.assign(this, { status, code: body.code, body });
  }

  get words() { return [this.body.title, this.body.detail, this.body.remedy].filter(Boolean).join('. ').replaceAll('..', '.'); }
}

export async function call(method, path, body, { signal } = {}) {
  const answer = await fetch(path, { method, signal, cache: 'no-store', credentials: 'same-origin',
    headers: { 'Replyd-Console': '1', 'Accept-Language': 'en', ...(body ? { 'Content-Type': 'application/json' } : {}),
      ...(method === 'POST' ? { 'Idempotency-Key': crypto.randomUUID() } : {}) },
    body: body && JSON.stringify(body) });
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  if (answer.status === 401 && path !== '/v1/session') window.dispatchEvent(new Event('signed-out'));
  throw new Refused(answer.status, said);
}

export const get = (path, how) => call('GET', path, undefined, how);
export const post = (path, body) => call('POST', path, body);
export const query = (o) => new URLSearchParams(Object.entries(o).filter(([, v]) => v !== undefined && v !== null && v !== '')).toString();

// Who is signed in: { workspace, person, role, expires_at }
export const me = { role: 'viewer' };
const ranks = ['viewer', 'operator', 'admin'];
export const may = (role) => ranks.indexOf(me.role) >= ranks.indexOf(role);
