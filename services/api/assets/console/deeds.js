// What somebody does about an inbox, from more than one page.
import { post } from './api.js';
import { button, deed, h, say } from './dom.js';

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // no permission, or no TLS
    return false;
  }
}

// A link by which only this inbox's own account can be connected again.
export function reconnect(row) {
  return button('Copy a reconnect link', (b) => deed(b, async () => {
    const link = await post('/v1/connect-links', { address: row.address });
    const place = h('p', { class: 'said link' }, 'Send this to the user; it connects once: ', h('a', { href: link.url }, link.url));
    b.closest('.deeds').parentElement.querySelector(':scope > .link')?.remove();
    b.closest('.deeds').after(place);
    return copy(link.url);
  }, (copied) => (copied ? 'The link is copied.' : 'The link is below.')), { quiet: false });
}

export function pauseOrResume(row, again) {
  const isPaused = row.admin_state === 'paused';
  return button(isPaused ? 'Resume' : 'Pause', (b) => deed(b, async () => {
    await post(`/v1/inboxes/${row.id}/${isPaused ? 'resume' : 'pause'}`);
    await again();
  }, isPaused ? 'It is watched again.' : 'It is left alone; its gates are unknown from now on.'));
}

export function probe(row, again) {
  return button('Probe now', async (b) => {
    say('Asking the server ...');
    await deed(b, async () => {
      const proof = await post(`/v1/inboxes/${row.id}/probe`);
      await again();
      return proof;
    }, (proof) => `Everything up to ${new Date(proof.gated_through).toLocaleTimeString()} is seen.`);
  });
}
