// A scripted browser: opens a connect page of replyd, presses its one button, follows the redirects
// through the authorization server with a cookie jar per host, and reports where it ended.

function attributes(tag) {
  const found = {};
  for (const [, name, , a, b, c] of tag.matchAll(/([a-z-]+)\s*=\s*("([^"]*)"|'([^']*)'|([^\s>]+))/gi))
    found[name.toLowerCase()] = (a ?? b ?? c).replaceAll('&amp;', '&').replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>');
  return found;
}

// theForm: the page's form with a method of POST, its hidden and preset fields
export function theForm(html, base) {
  const m = /<form\b([^>]*)>([\s\S]*?)<\/form>/i.exec(html);
  if (!m) return null;
  const { action = base, method = 'get' } = attributes(m[1]);
  const fields = new URLSearchParams();
  for (const [tag] of m[2].matchAll(/<(?:input|button)\b[^>]*>/gi)) {
    const { name, value = '', type } = attributes(tag);
    if (name && type !== 'checkbox') fields.append(name, value);
  }
  return { url: new URL(action, base).href, method: method.toUpperCase(), fields };
}

export class Browser {
  jars = new Map();

  // step: one request, its cookies kept, no redirect followed: { status, body, headers, url, to } (to: where it leads)
  async step(url, init = {}) {
    const { host } = new URL(url);
    const jar = this.jars.get(host) ?? this.jars.set(host, new Map()).get(host);
    const res = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(30000),
      headers: { ...init.headers, cookie: [...jar].map(([k, v]) => `${k}=${v}`).join('; ') } });
    for (const cookie of res.headers.getSetCookie()) {
      const [pair] = cookie.split(';');
      const cut = pair.indexOf('=');
      jar.set(pair.slice(0, cut), pair.slice(cut + 1));
    }
    const next = res.status >= 300 && res.status <= 399 ? res.headers.get('location') : null;
    return { status: res.status, body: await res.text(), headers: res.headers, url, finalUrl: url,
      to: next && new URL(next, url).href };
  }

  // open: follows redirects as a browser does, to the end or until `until(address)` says that it is to go there not yet
  async open(url, init = {}, until = () => false) {
    let page = await this.step(url, init);
    // after a POST a browser goes on with GET (303, and in practice 302)
    for (let hops = 0; page.to && !until(page.to); hops++) {
      if (hops === 20) throw new Error(`too many redirects, at last ${page.to}`);
      page = await this.step(page.to);
    }
    return page;
  }

  // press: the page's one form
  press(page, extra = {}, until = undefined) {
    const form = theForm(page.body, page.finalUrl);
    if (!form) throw new Error(`no form on ${page.finalUrl}: ${page.body.slice(0, 300)}`);
    for (const [k, v] of Object.entries(extra)) form.fields.set(k, v);
    return this.open(form.url, { method: form.method, body: form.fields,
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(form.url).origin } }, until);
  }
}

// connect: what a person does with a connect link, from the first page to the last
export async function connect(url, fields = {}) {
  const browser = new Browser();
  const page = await browser.open(url);
  if (page.status !== 200) return page;
  return browser.press(page, fields);
}
