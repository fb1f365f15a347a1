// Small charts as SVG: bars that stand on each other, and lines.  Beside each picture its numbers stand in
// a table for whoever cannot see it.
import { h, table } from './dom.js';

const space = 'http://www.w3.org/2000/svg';
const wide = 640, high = 170, left = 44, bottom = 22, top = 8;

function s(tag, attributes, ...children) {
  const e = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  e.append(...children);
  return e;
}

// a round number that is not below n, and whose half is one, too
function roundUp(n) {
  const step = 10 ** Math.floor(Math.log10(Math.max(n, 1)));
  return [1, 2, 4, 6, 10].map((x) => x * step).find((x) => x >= n && (x > 1 || step > 1));
}
const hour = (at) => new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });

function frame(title, points, most, unit) {
  const y = (n) => top + (high - top - bottom) * (1 - n / most);
  const step = (wide - left) / Math.max(points.length, 1);
  const marks = [0, most / 2, most].map((n) => s('g', {}, s('line', { class: 'grid', x1: left, x2: wide, y1: y(n), y2: y(n) }),
    s('text', { x: left - 6, y: y(n) + 4, 'text-anchor': 'end' }, unit(n))));
  const every = Math.ceil(points.length / 6);
  const hours = points.map((p, i) => (i % every ? '' : s('text', { x: left + step * (i + 0.5), y: high - 5, 'text-anchor': 'middle' }, hour(p.at))));
  return { y, step, picture: s('svg', { viewBox: `0 0 ${wide} ${high}`, role: 'img', 'aria-label': title }, ...marks, ...hours) };
}

function figure(title, picture, series, points, unit) {
  return h('figure', {}, h('figcaption', {}, h('strong', {}, title), ' ',
    series.map((x, i) => h('span', { class: 'key' }, h('span', { class: `swatch tone${i}`, 'aria-hidden': 'true' }), x.name))), picture,
  h('details', {}, h('summary', {}, 'as numbers'), table(title, ['Hour', ...series.map((x) => x.name)],
    points.map((p) => [hour(p.at), ...series.map((x) => unit(x.of(p)))]))));
}

// points: [{ at, ... }]; series: [{ name, of(point) }]
export function bars(title, points, series) {
  const unit = (n) => `${Math.round(n)}`;
  const most = roundUp(Math.max(1, ...points.map((p) => series.reduce((n, x) => n + x.of(p), 0))));
  const { y, step, picture } = frame(title, points, most, unit);
  points.forEach((p, i) => {
    let under = 0;
    series.forEach((x, k) => {
      const n = x.of(p);
      if (n > 0) picture.append(s('rect', { class: `tone${k}`, x: left + step * i + step * 0.12, width: step * 0.76, y: y(under + n), height: y(under) - y(under + n) },
        s('title', {}, `${hour(p.at)} ${x.name}: ${n}`)));
      under += n;
    });
  });
  return figure(title, picture, series, points, unit);
}

export function lines(title, points, series, unit) {
  const most = roundUp(Math.max(1, ...points.flatMap((p) => series.map((x) => x.of(p) ?? 0))));
  const { y, step, picture } = frame(title, points, most, unit);
  series.forEach((x, k) => {
    const known = points.map((p, i) => [left + step * (i + 0.5), x.of(p)]).filter(([, n]) => n !== null && n !== undefined);
    picture.append(s('polyline', { class: `line tone${k}`, points: known.map(([at, n]) => `${at},${y(n)}`).join(' ') }));
    for (const [at, n] of known) picture.append(s('circle', { class: `tone${k}`, cx: at, cy: y(n), r: 3 }, s('title', {}, `${x.name}: ${unit(n)}`)));
  });
  return figure(title, picture, series, points, unit);
}

// Parts of a whole on one bar, which is as long as the whole is beside the greatest; its numbers stand beside it as words.
export function capacityBar(parts, all, greatest) {
  const picture = s('svg', { class: 'bar', viewBox: '0 0 1000 12', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  const x = (n) => 1000 * Math.min(n, greatest) / Math.max(greatest, 1);
  let at = 0;
  picture.append(s('rect', { class: 'rest', x: 0, y: 0, width: x(all), height: 12 }));
  parts.forEach((n, i) => {
    picture.append(s('rect', { class: `part${i}`, x: x(at), y: 0, width: x(at + n) - x(at), height: 12 }));
    at += n;
  });
  return picture;
}

// Blind times of an inbox on a line of so many days up to now, with how far it is seen.
export function gapLine(gaps, seenThrough, days = 7) {
  const now = Date.now(), from = now - days * 86400e3;
  const x = (at) => 4 + (wide - 8) * Math.min(1, Math.max(0, (Date.parse(at) - from) / (now - from)));
  const title = `Blind times of the last ${days} days: ${gaps.length || 'none'}`;
  const picture = s('svg', { viewBox: `0 0 ${wide} 56`, role: 'img', 'aria-label': title },
    s('rect', { class: 'seen', x: 4, y: 16, width: Math.max(0, (seenThrough ? x(seenThrough) : 4) - 4), height: 14 }));
  for (const g of gaps) {
    const end = g.blind_to ?? new Date(now).toISOString();
    if (Date.parse(end) < from) continue;
    picture.append(s('rect', { class: g.verified ? 'gap verified' : 'gap', x: x(g.blind_from), y: 12, width: Math.max(3, x(end) - x(g.blind_from)), height: 22 },
      s('title', {}, `${g.cause}: ${g.blind_from} to ${g.blind_to ?? 'now'}`)));
  }
  for (let d = 0; d <= days; d++) {
    const at = new Date(from + d * 86400e3);
    picture.append(s('text', { x: 4 + (wide - 8) * d / days, y: 50, 'text-anchor': d === 0 ? 'start' : d === days ? 'end' : 'middle' },
      d === days ? 'now' : at.toLocaleDateString([], { weekday: 'short', day: 'numeric' })));
  }
  if (seenThrough) picture.append(s('line', { class: 'mark', x1: x(seenThrough), x2: x(seenThrough), y1: 6, y2: 38 }, s('title', {}, `seen through ${seenThrough}`)));
  return picture;
}
