// A private Dovecot: IMAP with TLS, PLAIN, XOAUTH2 and OAUTHBEARER, submission that can be logged in
// to (and relays nothing), and LMTP for delivery.
//
// It runs in the foreground as an unprivileged user, from one generated configuration, with every
// file below one short folder.  Any address at example.test has a mailbox.
//
// A live Dovecot connection reports new mail after a built-in half second; a hibernated one within
// milliseconds.  Connections therefore hibernate after a second of IDLE, as a busy provider's do.
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { atEnd, freePort, Hopeless, must, portAnswers, run, start, unprivileged, until } from './proc.mjs';

export const password = 'sandbox-password';

// An application of the administrator's reaches every mailbox: its tokens name it, not a user.
const byApplication = (oauth2conf) => `${oauth2conf.replace('username_attribute = sub', 'username_attribute = client_id')}
username_format = domain-app
`;

const oauth2 = (port) => `introspection_url = http://dovecot:dovecot-secret@127.0.0.1:${port}/token/introspection
introspection_mode = post
force_introspection = yes
username_attribute = sub
active_attribute = active
active_value = true
scope = imap
timeout_msecs = 5000
openid_configuration_url = http://127.0.0.1:${port}/.well-known/openid-configuration
`;

const config = ({ dir, user, group, cert, ports, withOauth, maxPerUser }) => `
base_dir = ${dir}/run
state_dir = ${dir}/state
instance_name = sandbox
default_internal_user = ${user}
default_internal_group = ${group}
default_login_user = ${user}
protocols = imap lmtp submission
listen = 127.0.0.1
hostname = mail.example.test
log_path = ${dir}/dovecot.log
log_timestamp = "%Y-%m-%d %H:%M:%S.%{usecs} "
auth_verbose = yes
shutdown_clients = yes

ssl = yes
ssl_cert = <${cert.cert}
ssl_key = <${cert.key}
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = yes

auth_mechanisms = plain login${withOauth ? ' xoauth2 oauthbearer' : ''}
auth_failure_delay = 0
auth_username_format = %Lu
${withOauth ? `passdb {
  driver = passwd-file
  deny = yes
  args = ${dir}/gone
}
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = ${dir}/oauth2.conf
}
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = ${dir}/oauth2-application.conf
}
` : ''}passdb {
  driver = static
  mechanisms = plain login
  args = password=${password}
}
userdb {
  driver = static
  args = uid=${user} gid=${group} home=${dir}/mail/%u allow_all_users=yes
}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
mail_fsync = never
mailbox_list_index = yes
namespace inbox {
  inbox = yes
  separator = /
  mailbox Spamverdacht {
    special_use = \\Junk
    auto = subscribe
  }
  mailbox Sent {
    special_use = \\Sent
    auto = subscribe
  }
  mailbox Trash {
    special_use = \\Trash
    auto = subscribe
  }
  mailbox Drafts {
    special_use = \\Drafts
    auto = subscribe
  }
}
protocol imap {
  mail_max_userip_connections = ${maxPerUser}
  imap_hibernate_timeout = 1 secs
}
submission_relay_host = 127.0.0.1
submission_relay_port = 9
protocol lmtp {
  postmaster_address = postmaster@example.test
}
recipient_delimiter = +

default_process_limit = 100
default_client_limit = 1000
default_vsz_limit = 0
service anvil {
  chroot =
  # a failed login would delay the next one from this address by up to 15 s
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
service imap-login {
  chroot =
  service_count = 0
  process_min_avail = 1
  process_limit = 2
  inet_listener imap {
    port = ${ports.imap}
  }
  inet_listener imaps {
    port = ${ports.imaps}
    ssl = yes
  }
}
service imap {
  unix_listener imap-master {
    user = ${user}
  }
}
service imap-hibernate {
  service_count = 0
  unix_listener imap-hibernate {
    mode = 0660
    group = ${group}
  }
}
service submission-login {
  chroot =
  inet_listener submission {
    port = ${ports.submission}
  }
}
service lmtp {
  inet_listener lmtp {
    port = ${ports.lmtp}
  }
  unix_listener lmtp {
    mode = 0600
  }
}
`;

// startDovecot: { imaps, imap, lmtp, submission, junk, log, start(), stop(), restart(), doveadm(args, options) }
//   dir       a short folder of its own
//   cert      { cert, key } of the server
//   oidcPort  where tokens are introspected; without it there is only PLAIN
export async function startDovecot({ dir, cert, oidcPort, maxPerUser = 0 }) {
  const nobody = unprivileged();
  const me = os.userInfo();
  const user = nobody?.name ?? me.username;
  const group = (await must(['id', '-gn', user])).trim();
  const ports = { imap: await freePort(), imaps: await freePort(), lmtp: await freePort(),
    submission: await freePort() };
  const conf = path.join(dir, 'dovecot.conf');
  for (const d of ['', 'run', 'state', 'mail']) {
    fs.mkdirSync(path.join(dir, d), { recursive: true, mode: 0o755 });
    if (nobody) fs.chownSync(path.join(dir, d), nobody.uid, nobody.gid);
  }
  if (oidcPort) {
    fs.writeFileSync(path.join(dir, 'gone'), '', { mode: 0o644 });
    fs.writeFileSync(path.join(dir, 'oauth2.conf'), oauth2(oidcPort));
    fs.writeFileSync(path.join(dir, 'oauth2-application.conf'), byApplication(oauth2(oidcPort)));
  }
  fs.writeFileSync(conf, config({ dir, user, group, cert, ports, withOauth: Boolean(oidcPort), maxPerUser }));

  let running = null;
  const dovecot = {
    ...ports,
    junk: 'Spamverdacht', // found by its special-use attribute, never by its name
    log: path.join(dir, 'dovecot.log'),
    async start() {
      fs.rmSync(path.join(dir, 'run/master.pid'), { force: true });
      running = start(['dovecot', '-F', '-c', conf], { log: path.join(dir, 'stdout.log'), user: nobody });
      await until('Dovecot to answer', async () => {
        if (running.over) throw new Hopeless(`Dovecot ended: ${fs.readFileSync(running.log, 'utf8')}`);
        return fs.existsSync(path.join(dir, 'run/master.pid')) && portAnswers(ports.imaps)
          && portAnswers(ports.lmtp);
      });
    },
    // TERM alone waits 30 s for clients in IDLE; the whole group is ended instead, as a crash would
    async stop() {
      if (running) await running.stop({ signal: 'SIGKILL' });
      running = null;
      await until('Dovecot to be gone', async () => !(await portAnswers(ports.imaps)));
    },
    async restart() { await dovecot.stop(); await dovecot.start(); },
    doveadm: (args, options = {}) => run(['doveadm', '-c', conf, ...args], { user: nobody, ...options }),
    async save(address, folder, raw) {
      const r = await dovecot.doveadm(['save', '-u', address, '-m', folder], { input: raw });
      if (r.code !== 0) throw new Error(`doveadm save: ${r.stderr}`);
    },
  };
  // leave: a Maildir delivery while the server is away; INBOX or the name of a folder
  dovecot.leave = (address, folder, raw) => {
    const box = path.join(dir, 'mail', address, 'Maildir', folder === 'INBOX' ? '' : `.${folder}`);
    const name = `${Date.now()}.${crypto.randomUUID()}.sandbox`;
    for (const d of ['', 'tmp', 'cur', 'new']) {
      fs.mkdirSync(path.join(box, d), { recursive: true, mode: 0o700 });
      if (nobody) fs.chownSync(path.join(box, d), nobody.uid, nobody.gid);
    }
    fs.writeFileSync(path.join(box, 'tmp', name), raw, { mode: 0o600 });
    if (nobody) fs.chownSync(path.join(box, 'tmp', name), nobody.uid, nobody.gid);
    fs.renameSync(path.join(box, 'tmp', name), path.join(box, 'new', name));
  };
  // gone: these addresses have no mailbox from now on; Dovecot looks at the file once in a second of its clock
  dovecot.gone = async (...addresses) => {
    fs.writeFileSync(path.join(dir, 'gone'), addresses.map((a) => `${a}:{PLAIN}gone\n`).join(''));
    const second = () => Math.floor(Date.now() / 1000), written = second();
    await until('the next second', () => second() > written);
  };
  // renumber: while the server is away it forgets the UIDs of a folder: another UIDVALIDITY, and new names for all mails
  dovecot.renumber = (address, folder) => {
    const box = path.join(dir, 'mail', address, 'Maildir', folder === 'INBOX' ? '' : `.${folder}`);
    for (const f of fs.readdirSync(box))
      if (/^dovecot[.-](uidlist|index)/.test(f)) fs.rmSync(path.join(box, f), { force: true });
  };
  atEnd(() => dovecot.stop());
  await dovecot.start();
  return dovecot;
}
