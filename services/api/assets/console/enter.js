// Sign in: a link of the command line is good once, so that a program which looks at links must not use it up.
import { call } from './api.js';
import { deed, h } from './dom.js';

export const title = 'Sign in';

export function show(main, { params: [token], entered }) {
  main.append(h('div', { class: 'card' }, token
    ? [h('p', {}, 'This link signs you in to the console, once.'),
      h('button', { type: 'button', onclick: (e) => deed(e.currentTarget, async () => entered(await call('POST', '/v1/session', { link: token })), 'Signed in.') }, 'Sign in')]
    : [h('p', {}, 'Nobody is signed in here.'), h('p', {}, 'Ask whoever runs replyd for a link. It is made by'),
      h('p', {}, h('code', {}, 'replyd console link --workspace NAME --person YOU'))]));
}
