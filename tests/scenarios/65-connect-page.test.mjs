// The hosted connect page, as a person meets it: in a real browser, on a phone and on a desk.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { complaints, desktop, phone, picture, startBrowser } from '../sandbox/browser.mjs';
import { endAll } from '../sandbox/proc.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

let box, browser;
before(async () => { [box, browser] = await Promise.all([startSandbox(), startBrowser()]); });
after(endAll);

for (const [size, viewport] of Object.entries({ phone, desktop })) {
  test(`one button, one consent: connected (${size})`, async () => {
    const address = `${size}@example.test`;
    const link = await box.api.post('/v1/connect-links', { provider: 'sandbox', address });
    const page = await browser.page({ viewport });
    await page.goto(link.url);
    await picture(page, `connect-${size}`);
    assert.deepEqual(await complaints(page), []);
    await page.getByRole('button').click();
    await page.getByRole('heading', { name: 'Connected' }).waitFor();
    await picture(page, `connected-${size}`);
    assert.deepEqual(await complaints(page), []);
    assert.deepEqual(page.refused, []);
    assert.equal((await box.api.waitForLink(link.id)).state, 'connected');
  });
}
