// A name server on loopback that answers MX, SRV, A and AAAA questions from a table, over UDP.
import dgram from 'node:dgram';
import { atEnd } from './proc.mjs';

const types = { 1: 'A', 15: 'MX', 28: 'AAAA', 33: 'SRV' };

const name = (text) => Buffer.concat([...text.split('.').filter(Boolean)
  .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])), Buffer.from([0])]);
const u16 = (...n) => Buffer.from(n.flatMap((v) => [v >> 8, v & 255]));

function data(type, value) {
  const words = value.split(' ');
  const host = words.pop();
  if (type === 'A') return Buffer.from(host.split('.').map(Number));
  if (type === 'AAAA') { // written out in full: eight groups
    return u16(...host.split(':').map((g) => parseInt(g, 16)));
  }
  return Buffer.concat([u16(...words.map(Number)), name(host)]);
}

// startDns: { port, list, asked, zone }; zone: { 'example.test': { MX: ['10 mx.example.test'] } }.  A name that
// is not there does not exist; one that is null gets no answer.
export async function startDns(zone) {
  const socket = dgram.createSocket('udp4');
  const dns = { zone, asked: [] };
  socket.on('message', (q, from) => {
    const labels = [];
    let at = 12;
    for (; q[at]; at += q[at] + 1) labels.push(q.subarray(at + 1, at + 1 + q[at]).toString());
    const asked = labels.join('.').toLowerCase();
    const type = types[q.readUInt16BE(at + 1)];
    dns.asked.push(`${asked} ${type}`);
    if (zone[asked] === null) return;
    const records = zone[asked]?.[type] ?? [];
    const question = q.subarray(12, at + 5);
    const answers = records.map((value) => {
      const bytes = data(type, value);
      return Buffer.concat([u16(0xc00c, q.readUInt16BE(at + 1), 1, 0, 60, bytes.length), bytes]);
    });
    const head = u16(q.readUInt16BE(0), zone[asked] ? 0x8180 : 0x8183, 1, answers.length, 0, 0);
    socket.send(Buffer.concat([head, question, ...answers]), from.port, from.address);
  });
  await new Promise((done) => { socket.bind(0, '127.0.0.1', done); });
  dns.port = socket.address().port;
  dns.list = `127.0.0.1:${dns.port}`;
  atEnd(() => socket.close());
  return dns;
}
