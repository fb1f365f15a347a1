// Follows a connection without loading the page anew: asks for the same page, whose answer waits
// until something has changed.  Without this script the page reloads itself.
'use strict';
(async () => {
  const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });
  for (let steps; (steps = document.getElementById('steps'));) {
    let next = null;
    try {
      const res = await fetch(`${location.pathname}?seen=${encodeURIComponent(steps.dataset.state)}`,
        { redirect: 'manual', cache: 'no-store', credentials: 'same-origin' });
      if (res.type === 'opaqueredirect') { location.reload(); return; } // it leads back to where the person came from
      if (res.ok) next = new DOMParser().parseFromString(await res.text(), 'text/html');
    } catch { /* the network is away */ }
    if (!next) { await pause(2000); continue; }
    const news = next.getElementById('steps');
    if (!news) { // it is over, one way or the other
      document.title = next.title;
      document.querySelector('main').replaceWith(document.adoptNode(next.querySelector('main')));
      document.querySelector('h1').focus();
      return;
    }
    if (news.dataset.state !== steps.dataset.state) {
      steps.dataset.state = news.dataset.state;
      steps.replaceChildren(...news.children);
    } else {
      await pause(500); // an answer that did not wait
    }
  }
})();
