// The page /docs: openapi.json for people.  Everything is put in as text, never as HTML.
const make = (tag, props = {}, ...inside) => {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...inside.filter((x) => x !== null && x !== undefined));
  return node;
};
const methods = ['get', 'post', 'put', 'patch', 'delete'];
let api;

// a reference within the document; one that leads out of it stays what it is
function resolve(x) {
  if (!x?.$ref?.startsWith('#/')) return x ?? {};
  const found = x.$ref.slice(2).split('/').reduce((at, name) => at[name.replaceAll('~1', '/').replaceAll('~0', '~')], api);
  const { $ref: _, ...beside } = x;
  return { ...resolve(found), ...beside };
}

function bounds(s) {
  const said = [];
  if (s.minLength !== undefined || s.maxLength !== undefined) said.push(`${s.minLength ?? 0} to ${s.maxLength ?? 'any number of'} characters`);
  if (s.minimum !== undefined || s.maximum !== undefined) said.push(s.maximum === undefined ? `from ${s.minimum}` : `${s.minimum ?? ''} to ${s.maximum}`);
  if (s.minItems !== undefined || s.maxItems !== undefined) said.push(`${s.minItems ?? 0} to ${s.maxItems ?? 'any number of'} items`);
  if (s.default !== undefined) said.push(`otherwise ${s.default}`);
  return said.length ? `, ${said.join(', ')}` : '';
}

const wordOf = (s) => {
  if (s.const !== undefined) return JSON.stringify(s.const);
  if (s.enum) return s.enum.map((v) => JSON.stringify(v)).join(' | ');
  if (s.anyOf) return s.anyOf.map((v) => (v.$ref && !v.$ref.startsWith('#/') ? v.$ref.split('/').pop() : wordOf(resolve(v)))).join(' | ');
  const type = [s.type ?? 'any'].flat().join(' | ');
  return s.format ? `${type} (${s.format})` : type;
};

function schemaOf(given, depth = 0) {
  const outside = given.$ref && !given.$ref.startsWith('#/');
  if (outside) return make('a', { href: given.$ref, textContent: given.$ref });
  const s = resolve(given);
  if (s.anyOf?.some((v) => v.$ref && !v.$ref.startsWith('#/')))
    return make('span', {}, ...s.anyOf.flatMap((v) => [v.$ref ? make('a', { href: v.$ref, textContent: v.$ref.split('/').pop() }) : wordOf(v), ' ']));
  const told = s.anyOf ? s.anyOf.map(resolve).find((v) => v.properties || v.items) ?? s : s;
  if (depth > 6) return null;
  if (told.items) return schemaOf(told.items, depth + 1);
  if (!told.properties) return null;
  const list = make('dl');
  for (const [name, given2] of Object.entries(told.properties)) {
    const p = resolve(given2);
    list.append(make('dt', {}, make('code', { textContent: name }), ' ',
      make('span', { className: 'soft', textContent: `${p.$ref ? '' : wordOf(p)}${bounds(p)}${told.required?.includes(name) ? '' : ', optional'}` })));
    const below = p.$ref || p.anyOf || p.items || p.properties ? schemaOf(given2, depth + 1) : null;
    list.append(make('dd', {}, p.description ?? null, below));
  }
  return list;
}

function contentOf(content) {
  const [type, media] = Object.entries(content ?? {})[0] ?? [];
  if (!type) return [];
  const s = resolve(media.schema);
  return [make('p', { className: 'soft', textContent: `${type}${s.type === 'array' ? ', a list' : ''}` }), schemaOf(media.schema),
    s.example ? make('pre', { textContent: JSON.stringify(s.example, null, 2), tabIndex: 0 }) : null];
}

function callOf(path, method, op) {
  const scopes = (op.security ?? []).flatMap((x) => Object.values(x)).flat();
  const section = make('section', { className: 'call', id: op.operationId },
    make('h3', {}, make('code', { textContent: `${method.toUpperCase()} ${path}` })),
    make('p', { textContent: op.summary }), op.description ? make('p', { textContent: op.description }) : null,
    make('p', { className: 'soft', textContent: scopes.length ? `scope: ${scopes.join(', ')}` : 'no key' }));
  const params = (op.parameters ?? []).map(resolve);
  if (params.length) {
    section.append(make('h4', { textContent: 'Parameters' }), make('dl', {}, ...params.flatMap((p) => [
      make('dt', {}, make('code', { textContent: p.name }), ' ',
        make('span', { className: 'soft', textContent: `${p.in}, ${wordOf(resolve(p.schema))}${bounds(resolve(p.schema))}${p.required ? '' : ', optional'}` })),
      make('dd', { textContent: p.description ?? '' })])));
  }
  if (op.requestBody) section.append(make('h4', { textContent: 'Body' }), ...contentOf(resolve(op.requestBody).content).filter(Boolean));
  section.append(make('h4', { textContent: 'Answers' }));
  for (const [status, given] of Object.entries(op.responses)) {
    const r = resolve(given), headers = Object.keys(r.headers ?? {});
    const words = `${status}: ${r.description}${headers.length ? ` (${headers.join(', ')})` : ''}`;
    const inside = Number(status) < 400 ? contentOf(r.content).filter(Boolean) : [];
    section.append(inside.length ? make('details', {}, make('summary', { textContent: words }), ...inside) : make('p', { textContent: words }));
  }
  return section;
}

function show() {
  const main = document.getElementById('main'), nav = document.getElementById('nav');
  document.getElementById('state').remove();
  main.append(make('p', { textContent: api.info.description }), make('p', {}, make('a', { href: '/openapi.json', textContent: 'openapi.json' }), ' is the document itself.'));
  for (const tag of api.tags) {
    const list = make('ul');
    nav.append(make('h2', { textContent: tag.name }), list);
    main.append(make('h2', { textContent: tag.name }), make('p', { textContent: tag.description }));
    for (const [path, item] of Object.entries(api.paths))
      for (const method of methods) {
        const op = item[method];
        if (!op?.tags.includes(tag.name)) continue;
        list.append(make('li', {}, make('a', { href: `#${op.operationId}`, textContent: op.summary })));
        main.append(callOf(path, method, op));
      }
  }
  main.append(make('h2', { textContent: 'Problems' }), schemaOf({ $ref: '#/components/schemas/Problem' }));
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

try {
  const answer = await fetch('/openapi.json');
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  api = await answer.json();
  show();
} catch (e) {
  document.getElementById('state').textContent = `The document cannot be shown: ${e.message}`;
}
