// Whether words stand in a text, plainly or in one of the forms that programs write them in.

// base64 of bytes inside other bytes: its whole groups, at each of the three places in a group
const within64 = (bytes) => [0, 1, 2].map((pad) => Buffer.concat([Buffer.alloc(pad), bytes]).toString('base64')
  .slice(Math.ceil(pad * 4 / 3), Math.floor((pad + bytes.length) / 3) * 4)).filter((part) => part.length > 5);
const url64 = (part) => part.replaceAll('+', '-').replaceAll('/', '_');
const html = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

// [form, text, does upper case matter]; what looks like an earlier form is that
function formsOf(bytes) {
  const plain = bytes.toString('latin1'), text = bytes.toString(), escaped = JSON.stringify(text).slice(1, -1);
  const percent = [...bytes].map((b) => (/[\w.~-]/.test(String.fromCharCode(b)) ? String.fromCharCode(b)
    : `%${b.toString(16).padStart(2, '0')}`)).join('');
  const all = [['plain', plain], ['hex', bytes.toString('hex')],
    ...within64(bytes).map((part) => ['base64', part, true]), ...within64(bytes).map((part) => ['base64url', url64(part), true])];
  const isText = Buffer.from(text).equals(bytes);
  if (isText) all.push(['URL', percent], ['URL', encodeURIComponent(text)], ['form', percent.replaceAll('%20', '+')], ['JSON', Buffer.from(escaped).toString('latin1')],
    ['JSON', escaped.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)],
    ['JSON', Buffer.from(escaped.replaceAll('/', '\\/')).toString('latin1')],
    ['HTML', plain.replace(/[&<>"']/g, (c) => html[c])], ['SQL', plain.replaceAll("'", "''")],
    ['quoted', plain.replace(/["\\]/g, '\\$&')]);
  return all.filter(([, form], i) => all.findIndex(([, earlier]) => earlier === form) === i);
}

// tracesOf: which of these words (text or bytes) are in the text or bytes: ["word (form)", ...], with the names of a Map instead of its words
export function tracesOf(words, where) {
  const text = Buffer.isBuffer(where) ? where.toString('latin1') : Buffer.from(where).toString('latin1');
  const low = text.toLowerCase();
  return [...(words instanceof Map ? words : words.map((w) => [w, w]))].flatMap(([name, word]) => formsOf(Buffer.from(word))
    .filter(([, form, exact]) => (exact ? text.includes(form) : low.includes(form.toLowerCase())))
    .map(([form]) => `${name} (${form})`));
}
