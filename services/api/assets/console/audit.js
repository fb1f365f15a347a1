// Who changed what.
import { get } from './api.js';
import { button, clear, h, table, when } from './dom.js';

export const title = 'Audit';

export async function show(main, { signal }) {
  const list = h('div', {}), more = h('p', { class: 'deeds' });
  let lines = [];
  async function page(before) {
    const answer = await get(`/v1/audit?limit=100${before ? `&before=${before}` : ''}`, { signal });
    lines = [...lines, ...answer.lines];
    clear(list, table('Changes', ['When', 'Who', 'What', 'About', 'Fields', 'Answer'], lines.map((l) => [when(l.at), l.by.name || l.by.kind, h('code', {}, l.what),
      l.about.join(', '), l.fields.join(', '), l.status ?? '–'])));
    clear(more, answer.next ? button('Show older', () => page(answer.next)) : null);
  }
  main.append(h('section', {}, list, more));
  await page();
}
