// What keeps a page fresh.

export const pause = (ms, signal) => new Promise((done) => {
  const timer = setTimeout(done, ms);
  signal.addEventListener('abort', () => { clearTimeout(timer); done(); }, { once: true });
});

// Runs `look` again and again until the page is left; not while nobody sees it, and slower while it fails.
export async function every(ms, look, signal) {
  let wait = ms;
  for (;;) {
    await pause(wait, signal);
    if (signal.aborted) return;
    if (document.hidden) continue;
    try {
      await look();
      wait = ms;
    } catch (e) {
      if (signal.aborted) return;
      wait = Math.min(wait * 2, 60000);
    }
  }
}
