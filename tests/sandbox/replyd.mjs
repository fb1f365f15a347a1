// `replyd up` for the sandbox: a generated configuration, readiness, its processes by role, and
// its command line.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Api } from './api.mjs';
import { atEnd, Hopeless, must, run, start, until } from './proc.mjs';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

export function binary(mode = process.env.SANDBOX_MODE || 'release') {
  const file = path.join(root, 'build', mode, 'replyd');
  if (!fs.existsSync(file)) throw new Error(`${file} is not there: run make first`);
  return file;
}

// settingsFor: what the sandbox's replyd is told, as name -> value; `dir` gets the secret's file
export function settingsFor({ dir, apiPort, ca, oidc, dovecot, imapPort }) {
  const secretFile = path.join(dir, 'client-secret');
  fs.writeFileSync(secretFile, oidc.client.secret, { mode: 0o600 });
  const imap = (name) => ({
    [`provider.${name}.imap_host`]: 'localhost',
    [`provider.${name}.imap_port`]: imapPort ?? dovecot.imaps,
    [`provider.${name}.imap_security`]: 'tls',
    ...(dovecot.submission ? {
      [`provider.${name}.smtp_host`]: 'localhost',
      [`provider.${name}.smtp_port`]: dovecot.submission,
      [`provider.${name}.smtp_security`]: 'starttls',
    } : {}),
  });
  return {
    'api.port': apiPort,
    'api.public_url': `http://127.0.0.1:${apiPort}`,
    'tls.ca_file': ca,
    'net.allow': '127.0.0.0/8 ::1/128',
    'dispatch.allow_http': 'on',
    // side folders are looked at with every proof: nobody wants to wait a minute for a mail in Junk
    'ingest.proof': '20s',
    ...imap('sandbox'),
    'provider.sandbox.auth': 'oauth',
    'provider.sandbox.authorize_url': oidc.authorizeUrl,
    'provider.sandbox.token_url': oidc.tokenUrl,
    'provider.sandbox.userinfo_url': oidc.userinfoUrl,
    'provider.sandbox.revoke_url': oidc.revokeUrl,
    'provider.sandbox.issuer': oidc.issuer,
    'provider.sandbox.client_id': oidc.client.id,
    'provider.sandbox.client_secret_file': secretFile,
    'provider.sandbox.scopes': oidc.scope,
    'provider.sandbox.required_scope': 'imap',
    'provider.sandbox.authorize_params': 'prompt=consent',
    ...imap('apppassword'),
    'provider.apppassword.auth': 'password',
  };
}

// Replyd: one `replyd up`.
//   dir       where its configuration and log go
//   data      its data folder
//   settings  name -> value, as in docs/interfaces.md
export class Replyd {
  constructor({ dir, data = path.join(dir, 'data'), settings, env = {}, mode }) {
    Object.assign(this, { dir, data, settings, extraEnv: env, exe: binary(mode), running: null });
    this.log = path.join(dir, 'replyd.log');
    this.config = path.join(dir, 'replyd.conf');
    this.base = `http://127.0.0.1:${settings['api.port']}`;
    atEnd(() => this.stop());
  }

  get env() {
    // what configures somebody's real replyd is none of the sandbox's business
    const ours = Object.entries(process.env).filter(([k]) => !/^(DATABASE_URL$|REPLYD_|PG)/.test(k));
    return { ...Object.fromEntries(ours), ...this.extraEnv };
  }

  async start({ timeoutMs = 60000 } = {}) {
    fs.writeFileSync(this.config, Object.entries(this.settings).map(([k, v]) => `${k} = ${v}\n`).join(''));
    this.running = start([this.exe, 'up', '--data', this.data, '--config', this.config],
      { log: this.log, env: this.env, cwd: this.dir, deathSignal: 'TERM' });
    await this.ready({ timeoutMs });
  }

  ready({ timeoutMs = 60000 } = {}) {
    return until('replyd to be ready', async () => {
      if (this.running?.over) throw new Hopeless(`replyd ended (${JSON.stringify(this.running.over)})`);
      return (await fetch(`${this.base}/readyz`)).status === 200;
    }, { timeoutMs, everyMs: 50 }).catch((e) => { throw new Error(`${e.message}\n${this.tail()}`); });
  }

  tail(lines = 20) {
    return fs.existsSync(this.log) ? fs.readFileSync(this.log, 'utf8').split('\n').slice(-lines).join('\n') : '';
  }

  get state() { return JSON.parse(fs.readFileSync(path.join(this.data, 'replyd.state'), 'utf8')); }

  // the pids of a role ('api', 'ingest', ...; 'up' is the parent)
  pids(role) {
    const { state } = this;
    if (role === 'up') return [state.up];
    if (role === 'api' && !state.roles.some((r) => r.role === 'api')) return [state.api.pid];
    return state.roles.filter((r) => r.role === role).map((r) => r.pid);
  }

  signal(role, name) {
    const pids = this.pids(role).filter((pid) => pid > 1);
    if (pids.length === 0) throw new Error(`no process with role ${role}`);
    for (const pid of pids) process.kill(pid, name);
    return pids;
  }

  // kill -9 a role's processes, and wait until others have their place
  async crash(role) {
    const before = this.signal(role, 'SIGKILL');
    await until(`${role} to be started again`, () => {
      const now = this.pids(role);
      return now.length >= before.length && now.every((pid) => pid > 1 && !before.includes(pid));
    }, { timeoutMs: 30000 });
  }

  // cli: the command line on this data folder; { code, stdout, stderr }
  cli(...args) { return run([this.exe, ...args], { env: this.env, cwd: this.dir }); }

  async workspace(name = 'demo') {
    const id = (await must([this.exe, 'workspace', 'create', name, '--data', this.data],
      { env: this.env, cwd: this.dir })).trim().split('\n').pop();
    return { id, api: new Api(this.base, await this.key(id)) };
  }

  async key(workspace, ...more) {
    return (await must([this.exe, 'key', 'create', '--workspace', workspace, '--label', 'sandbox', '--data',
      this.data, ...more], { env: this.env, cwd: this.dir })).trim().split('\n').pop();
  }

  // conninfo of the private cluster as its owner, for pg_dump and for looking
  get conninfo() { return this.state.conninfo; }

  async stop() {
    if (!this.running) return null;
    const over = await this.running.stop({ graceMs: 20000 });
    this.running = null;
    return over;
  }
}
