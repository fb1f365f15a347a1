// Mails for the sandbox, in our own words; every address is at example.test.
import crypto from 'node:crypto';

export const newId = (stem) => `<${stem}.${crypto.randomBytes(8).toString('hex')}@example.test>`;

// an id as replyd tells it: without the angle brackets
export const bareId = (id) => id.replace(/^<|>$/g, '');

const date = (at = new Date()) => at.toUTCString().replace('GMT', '+0000');
const crlf = (lines) => `${lines.flat(9).filter((l) => l !== null).join('\r\n')}\r\n`;

// what the sequence engine sent, as a copy: outbound = { id, inbox, prospect, subject }
export const outboundCopy = ({ id, inbox, prospect, subject, at }) => crlf([
  `From: ${inbox}`, `To: ${prospect}`, `Subject: ${subject}`, `Date: ${date(at)}`,
  `Message-ID: ${id}`, 'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', '',
  'Hello,', '', 'would a quarter of an hour next week suit you?', '', 'Kind regards',
]);

// a person answers
export const humanReply = (out, { text = 'Thursday at ten would be fine. Shall I call you?', id = newId('reply'),
  references = [out.id], inReplyTo = out.id, from = out.prospect } = {}) => ({ id, raw: crlf([
  `From: Pat Example <${from}>`, `To: ${out.inbox}`, `Subject: Re: ${out.subject}`, `Date: ${date()}`,
  `Message-ID: ${id}`, inReplyTo ? `In-Reply-To: ${inReplyTo}` : null,
  references.length ? `References: ${references.join(' ')}` : null,
  'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 8bit', '',
  text, '', `On ${date()}, ${out.inbox} wrote:`, '> Hello,', '>',
  '> would a quarter of an hour next week suit you?',
]) });

// a machine answers for a person who is away
export const outOfOffice = (out, { id = newId('away') } = {}) => ({ id, raw: crlf([
  `From: ${out.prospect}`, `To: ${out.inbox}`, `Subject: Automatic reply: ${out.subject}`,
  `Date: ${date()}`, `Message-ID: ${id}`, `In-Reply-To: ${out.id}`, `References: ${out.id}`,
  'Auto-Submitted: auto-replied', 'X-Auto-Response-Suppress: All', 'Precedence: bulk',
  'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', '',
  'I am out of the office and back on Monday. I read mail again then.',
]) });

// the prospect's server could not deliver (RFC 3464), with the headers of what it could not
export const bounce = (out, { id = newId('bounce'), status = '5.1.1', action = 'failed',
  diagnostic = '550 5.1.1 No such user here' } = {}) => {
  const mark = `sandbox-${crypto.randomBytes(6).toString('hex')}`;
  return { id, envelopeFrom: '', raw: crlf([
    'From: Mail Delivery System <mailer-daemon@example.test>', `To: ${out.inbox}`,
    'Subject: Undelivered mail returned', `Date: ${date()}`, `Message-ID: ${id}`,
    'Auto-Submitted: auto-replied', 'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=delivery-status; boundary="${mark}"`, '',
    'This report has three parts.', '',
    `--${mark}`, 'Content-Type: text/plain; charset=us-ascii', '',
    'Your mail could not be delivered to the address below.', '', `    ${out.prospect}`, '',
    `--${mark}`, 'Content-Type: message/delivery-status', '',
    'Reporting-MTA: dns; mx.example.test', `Arrival-Date: ${date()}`, '',
    `Final-Recipient: rfc822; ${out.prospect}`, `Action: ${action}`, `Status: ${status}`,
    `Diagnostic-Code: smtp; ${diagnostic}`, '',
    `--${mark}`, 'Content-Type: text/rfc822-headers', '',
    `From: ${out.inbox}`, `To: ${out.prospect}`, `Subject: ${out.subject}`, `Date: ${date()}`,
    `Message-ID: ${out.id}`, 'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', '',
    `--${mark}--`,
  ]) };
};

// a mail that concerns nobody; `traces` are the words that must be found nowhere afterwards
export const privateMail = (inbox, { from, subject, words, id = newId('private') }) => ({
  id, traces: [from, subject, bareId(id), ...words], raw: crlf([
    `From: ${from}`, `To: ${inbox}`, `Subject: ${subject}`, `Date: ${date()}`, `Message-ID: ${id}`,
    'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', '',
    `Dear neighbour, ${words.join(' and ')} as promised.`,
  ]) });

// isOf: is this event about that mail?  Events show ids in their normal form, without <>.
export const isOf = (event, mail) => event.data.message?.message_id === mail.id.slice(1, -1);
