// A private Cyrus: a second IMAP server of other people's code, beside Dovecot.
//
// Debian's package excludes Dovecot's, so it is unpacked below one folder and never installed. Any
// address has a mailbox after its first login, and any password is right.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { atEnd, freePort, Hopeless, must, portAnswers, start, unprivileged, until } from './proc.mjs';

const tree = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');
const packages = path.join(tree, 'build/packages');

const imapd = ({ dir, user, group, cert }) => `configdirectory: ${dir}/conf
proc_path: ${dir}/conf/proc
mboxname_lockpath: ${dir}/conf/lock
defaultpartition: default
partition-default: ${dir}/spool
cyrus_user: ${user}
cyrus_group: ${group}
admins: admin@example.test
servername: mail.example.test
virtdomains: userid
defaultdomain: internal
unixhierarchysep: yes
altnamespace: yes
allowplaintext: no
sasl_pwcheck_method: alwaystrue
sasl_mech_list: PLAIN LOGIN
autocreate_quota: 0
autocreate_post: yes
autocreate_inbox_folders: Sent | Drafts | Trash | Spamverdacht
autocreate_subscribe_folders: Sent | Drafts | Trash | Spamverdacht
xlist-sent: Sent
xlist-trash: Trash
xlist-junk: Spamverdacht
xlist-drafts: Drafts
specialusealways: 1
lmtp_downcase_rcpt: yes
duplicatesuppression: no
tls_server_cert: ${cert.cert}
tls_server_key: ${cert.key}
conversations: 1
imapidlepoll: 60
idlesocket: ${dir}/conf/socket/idle
notifysocket: ${dir}/conf/socket/notify
lmtpsocket: ${dir}/conf/socket/lmtp
`;

const services = ({ dir, bin, ports }) => `START {
  recover cmd="${bin}/ctl_cyrusdb -C ${dir}/imapd.conf -r"
}
SERVICES {
  imap  cmd="${bin}/imapd -C ${dir}/imapd.conf" listen="127.0.0.1:${ports.imap}" prefork=0
  imaps cmd="${bin}/imapd -C ${dir}/imapd.conf -s" listen="127.0.0.1:${ports.imaps}" prefork=1
  lmtp  cmd="${bin}/lmtpd -C ${dir}/imapd.conf -a" listen="127.0.0.1:${ports.lmtp}" prefork=0
}
DAEMON {
  idled cmd="${bin}/idled -C ${dir}/imapd.conf"
}
EVENTS {
  checkpoint cmd="${bin}/ctl_cyrusdb -C ${dir}/imapd.conf -c" period=30
}
`;

// unpack: the programs below `dir`, where the unprivileged user reaches them
async function unpack(dir) {
  await must([path.join(tree, 'deploy/fetch.sh'), 'unpack', packages], { timeoutMs: 120000 });
  for (const file of fs.readdirSync(packages).filter((name) => /^cyrus-.*\.deb$/.test(name)))
    await must(['dpkg-deb', '-x', path.join(packages, file), dir]);
  const [lib] = fs.globSync(path.join(dir, 'usr/lib/*/libcyrus.so.0'));
  const shim = path.join(dir, 'syslog_file.so');
  await must(['cc', '-shared', '-fPIC', '-O2', '-D_GNU_SOURCE', '-o', shim,
    path.join(tree, 'tests/sandbox/syslog_file.c')]);
  return { bin: path.join(dir, 'usr/lib/cyrus/bin'), lib: path.dirname(lib), shim };
}

// startCyrus: { imaps, imap, lmtp, junk, log, start(), stop(), restart() }
//   dir   a short folder of its own
//   cert  { cert, key } of the server
export async function startCyrus({ dir, cert }) {
  const nobody = unprivileged();
  const user = nobody?.name ?? (await must(['id', '-un'])).trim();
  const group = (await must(['id', '-gn', user])).trim();
  const ports = { imap: await freePort(), imaps: await freePort(), lmtp: await freePort() };
  fs.mkdirSync(path.join(dir, 'root'), { recursive: true, mode: 0o755 });
  const { bin, lib, shim } = await unpack(path.join(dir, 'root'));
  for (const d of ['', 'conf', 'conf/socket', 'conf/db', 'conf/proc', 'conf/log', 'conf/lock', 'spool']) {
    fs.mkdirSync(path.join(dir, d), { recursive: true, mode: 0o755 });
    if (nobody) fs.chownSync(path.join(dir, d), nobody.uid, nobody.gid);
  }
  fs.writeFileSync(path.join(dir, 'imapd.conf'), imapd({ dir, user, group, cert }));
  fs.writeFileSync(path.join(dir, 'cyrus.conf'), services({ dir, bin, ports }));
  const log = path.join(dir, 'conf/log/syslog');
  const env = { PATH: process.env.PATH, LD_LIBRARY_PATH: lib, LD_PRELOAD: shim, SYSLOG_FILE: log };

  let running = null;
  const cyrus = {
    ...ports,
    junk: 'Spamverdacht', // found by its special-use attribute, never by its name
    log,
    async start() {
      fs.rmSync(path.join(dir, 'conf/master.pid'), { force: true });
      running = start([`${bin}/master`, '-C', `${dir}/imapd.conf`, '-M', `${dir}/cyrus.conf`,
        '-p', `${dir}/conf/master.pid`, '-D'], { log: path.join(dir, 'stdout.log'), user: nobody, env });
      await until('Cyrus to answer', async () => {
        if (running.over) throw new Hopeless(`Cyrus ended: ${fs.readFileSync(running.log, 'utf8')}`);
        return await portAnswers(ports.imaps) && portAnswers(ports.lmtp);
      });
    },
    async stop() {
      if (running) await running.stop({ signal: 'SIGKILL' });
      running = null;
      await until('Cyrus to be gone', async () => !(await portAnswers(ports.imaps)));
    },
    async restart() { await cyrus.stop(); await cyrus.start(); },
  };
  atEnd(() => cyrus.stop());
  await cyrus.start();
  return cyrus;
}
