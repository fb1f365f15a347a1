// A private certificate authority and the certificates it signs, by the openssl program.
import fs from 'node:fs';
import path from 'node:path';
import { must } from './proc.mjs';

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

// makeCa: { pem, issue(name, subjectAltName, { usage, days }) -> { cert, key } }, files below dir
export async function makeCa(dir, name = 'Sandbox CA') {
  fs.mkdirSync(dir, { recursive: true });
  const file = (f) => path.join(dir, f);
  const pem = file('ca.pem');
  await must(['openssl', 'req', '-x509', ...newKey, '-keyout', file('ca.key'), '-out', pem,
    '-days', '30', '-subj', `/CN=${name}`, '-addext', 'basicConstraints=critical,CA:TRUE',
    '-addext', 'keyUsage=critical,keyCertSign,cRLSign']);
  return {
    pem,
    async issue(stem, names = 'DNS:localhost,IP:127.0.0.1', { usage = 'serverAuth', days = 30 } = {}) {
      const cert = file(`${stem}.pem`);
      const key = file(`${stem}.key`);
      await must(['openssl', 'req', '-new', ...newKey, '-keyout', key, '-out', file(`${stem}.csr`),
        '-subj', `/CN=${stem}.example.test`]);
      fs.writeFileSync(file(`${stem}.ext`), `subjectAltName=${names}\nextendedKeyUsage=${usage}\n`
        + 'basicConstraints=CA:FALSE\n');
      await must(['openssl', 'x509', '-req', '-in', file(`${stem}.csr`), '-CA', pem, '-CAkey',
        file('ca.key'), '-set_serial', String(Date.now()), '-days', String(days), '-extfile',
        file(`${stem}.ext`), '-out', cert]);
      fs.chmodSync(key, 0o644); // the servers run as another user, and the key guards nothing
      return { cert, key };
    },
  };
}
