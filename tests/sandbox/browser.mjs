// A real browser without a screen: Debian's Chromium, driven by Playwright.
import fs from 'node:fs';
import path from 'node:path';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { atEnd } from './proc.mjs';
import { root } from './replyd.mjs';

export const phone = { width: 390, height: 844 };
export const desktop = { width: 1280, height: 800 };

// startBrowser: { page(how) } gives a page of a person of its own, with cookies of its own.  how:
// { viewport, language, script (false: JavaScript is off), dark }, and what Playwright's newContext takes.
export async function startBrowser() {
  const executablePath = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((file) => fs.existsSync(file));
  if (!executablePath) throw new Error('no browser: install the package chromium (deploy/packages.txt)');
  // root may not use Chromium's own sandbox; what is visited here is ours
  const browser = await chromium.launch({ executablePath, chromiumSandbox: process.getuid() !== 0,
    args: ['--disable-gpu', '--disable-dev-shm-usage', '--force-color-profile=srgb'] });
  atEnd(() => browser.close());
  return {
    async page({ viewport = desktop, language = 'en-GB', script = true, dark = false, ...more } = {}) {
      const context = await browser.newContext({ viewport, locale: language, javaScriptEnabled: script,
        colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce', bypassCSP: false, ...more });
      context.setDefaultTimeout(20000);
      const page = await context.newPage();
      // what a strict policy refuses is told on the console
      page.refused = [];
      page.on('console', (m) => { if (/Content Security Policy/.test(m.text())) page.refused.push(m.text()); });
      return page;
    },
  };
}

// picture: a screenshot below build/screenshots, kept for people to look at
export async function picture(page, name) {
  const file = path.join(root, 'build', 'screenshots', `${name}.png`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  await page.screenshot({ path: file, fullPage: true });
  return file;
}

// complaints: what axe-core finds wrong with the page for people who hear it or use no mouse.  The
// protocol runs the script, not the page, whose policy allows none of it.
export async function complaints(page) {
  await page.evaluate(`${axe.source}; undefined`);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  return violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(' | ').slice(0, 300)}`);
}
