// The console: finds out who is signed in, shows the page that the address behind # names, and keeps it fresh.
import { call, get, me, may } from './api.js';
import { clear, h, say } from './dom.js';
import * as delivery from './delivery.js';
import * as enter from './enter.js';
import * as inbox from './inbox.js';
import * as inboxes from './inboxes.js';
import * as overview from './overview.js';
import * as replies from './replies.js';
import * as rotation from './rotation.js';
import * as audit from './audit.js';

const pages = [
  [/^$/, overview, 'overview'], [/^inboxes$/, inboxes, 'inboxes'], [/^inboxes\/([\w-]+)$/, inbox, 'inboxes'],
  [/^replies$/, replies, 'replies'], [/^delivery$/, delivery, 'delivery'], [/^delivery\/([\w-]+)$/, delivery, 'delivery'], [/^rotation$/, rotation, 'rotation'], [/^rotation\/([\w-]+)$/, rotation, 'rotation'], [/^audit$/, audit, 'audit'],
];
const places = [['', 'Overview', 'overview', 'viewer'], ['inboxes', 'Inboxes', 'inboxes', 'viewer'], ['replies', 'Replies', 'replies', 'viewer'],
  ['delivery', 'Delivery', 'delivery', 'viewer'], ['rotation', 'Rotation', 'rotation', 'viewer'], ['audit', 'Audit', 'audit', 'admin']];
const main = document.getElementById('main');
let leaving = new AbortController();

function frame(current) {
  clear(document.getElementById('places'), places.filter(([, , , role]) => me.person && may(role)).map(([path, words, name]) =>
    h('li', {}, h('a', { href: `#/${path}`, 'aria-current': name === current ? 'page' : null }, words))));
  clear(document.getElementById('who'), me.person ? [h('span', {}, `${me.person}, ${me.role}`),
    h('button', { type: 'button', class: 'quiet', onclick: signOut }, 'Sign out')] : []);
}

async function signOut() {
  await call('DELETE', '/v1/session').catch(() => {});
  delete me.person;
  location.hash = '#/';
  await show();
}

async function known() {
  if (me.person) return true;
  try {
    Object.assign(me, await get('/v1/session'));
    return true;
  } catch (e) {
    if (e.status === 401) return false;
    throw e;
  }
}

// A page is { title, show(main, { params, search, signal }) }; what it leaves running ends with the signal.
async function show({ keepFocus = false } = {}) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [path, search = ''] = location.hash.replace(/^#\/?/, '').split('?');
  say('');
  try {
    const token = /^enter\/([\w-]+)$/.exec(path)?.[1];
    const isKnown = !token && await known();
    if (signal.aborted) return;
    const [pattern, page, name] = isKnown ? pages.find(([p]) => p.test(path)) ?? pages[0] : [null, enter, ''];
    frame(name);
    document.title = `${page.title} – replyd`;
    clear(main, h('h1', { tabindex: '-1' }, page.title));
    if (!keepFocus) main.querySelector('h1').focus();
    await page.show(main, { params: pattern ? pattern.exec(path).slice(1) : [token], search: new URLSearchParams(search), signal,
      entered: (who) => { Object.assign(me, who); location.replace('#/'); } });
    main.dataset.ready = path;
  } catch (e) {
    if (signal.aborted) return;
    main.append(h('p', { role: 'alert' }, e.words ?? 'The server cannot be reached. '), h('button', { type: 'button', onclick: () => show() }, 'Try again'));
  }
}

document.querySelector('.skip').addEventListener('click', (e) => { e.preventDefault(); main.querySelector('h1')?.focus(); }); // the address behind # is the page's
window.addEventListener('hashchange', () => show());
window.addEventListener('signed-out', () => { if (me.person) { delete me.person; show(); } });
show({ keepFocus: true });
