// What an inbox may send today: the words for what binds, its bar, and when it lifts.
import { capacityBar } from './chart.js';
import { ahead, badge, h, number, table } from './dom.js';

const words = {
  removed: 'removed', paused: 'paused', draining: 'finishes its conversations only', reauth_required: 'needs consent', suspended: 'suspended by its provider', health: 'its health',
  away: 'it is not watched', inbox_behind: 'not all of its mail is seen', limited: 'its provider limits it', cap: 'the cap of today is used', new_share: "today's first mails are sent",
  rolling_24h: "the provider's ceiling of 24 hours", sending_domain: 'the ceiling of its domain', provider_tenant: "the ceiling of its provider's customer", window: 'outside its hours',
  gap: 'the gap between two mails', provider: "another provider than the recipient's" };
const limits = { cap: 'Cap of today', new_share: 'First mails of today', rolling_24h: "Provider's ceiling, 24 hours", sending_domain: 'Ceiling of the domain, 24 hours',
  provider_tenant: "Ceiling of the provider's customer, 24 hours" };
const givers = { policy: 'its policy', ramp: 'its ramp', health: 'its health', provider: 'its provider', limit_hit: "the provider's limit, met yesterday", return: 'its return after a rest' };
const bands = { healthy: 'live', watch: 'backing_off', throttled: 'backing_off', quarantined: 'held' };

export const because = (binds) => words[binds] ?? binds;
export const lifts = (m) => (m.lifts_at ? ahead(m.lifts_at) : 'not by itself');
export const sent = (c) => c.used - c.held;
export const told = (c) => `${number(sent(c))} sent, ${number(c.held)} promised, ${number(c.left)} left of ${number(c.cap)}`;
export const key = () => h('p', { class: 'soft' }, ['sent', 'promised', 'left'].map((name, i) => h('span', { class: 'key' },
  h('span', { class: `swatch part${i}`, 'aria-hidden': 'true' }), name)));

export const bar = (c, most) => h('div', {}, capacityBar([sent(c), c.held, c.left], c.cap, most), h('span', { class: 'soft' }, told(c)));

const may = (m) => (m.may ? 'may leave now' : [because(m.binds), ', ', m.lifts_at ? ['lifts ', lifts(m)] : lifts(m)]);
const factor = (f) => [f.signal, f.rate === undefined || f.rate === null ? '–' : `${(100 * f.rate).toFixed(1)} %`, f.factor === undefined || f.factor === null ? '–' : f.factor.toFixed(2)];

// Of one inbox, with all that counts.
export function whole(c) {
  return h('section', {}, h('h2', {}, 'What it may send today'), bar(c, c.cap), key(),
    h('dl', {}, h('dt', {}, 'A first mail'), h('dd', {}, may(c.first)), h('dt', {}, 'A follow-up'), h('dd', {}, may(c.follow_up)),
      h('dt', {}, 'The cap comes from'), h('dd', {}, givers[c.cap_by] ?? c.cap_by),
      h('dt', {}, 'Its hours'), h('dd', {}, c.window ? `${new Date(c.window.opens_at).toLocaleString()} to ${new Date(c.window.closes_at).toLocaleTimeString()}; its zone is ${c.time_zone}` : 'none today'),
      h('dt', {}, 'Health'), h('dd', {}, badge(bands[c.band], c.band), ` ${Math.round(c.score)} of 100, sure by ${Math.round(100 * c.confidence)} %`)),
    h('h3', {}, 'What counts'), table('Limits', ['Limit', 'Left', 'Lifts'], c.limits.map((l) => [limits[l.limit] ?? l.limit, number(l.left), lifts(l)])),
    c.factors.length ? [h('h3', {}, 'Why the health is what it is'), table('Factors of health', ['Signal', 'Rate', 'Factor'], c.factors.map(factor))] : null);
}
