'use strict';

// The server renders the page; this only asks for it again and puts the new one in place of the old, where the reader was.
async function refresh() {
  const old = document.querySelector('main');
  const scrolled = document.querySelector('.matrix');
  const [left, top] = scrolled ? [scrolled.scrollLeft, scrolled.scrollTop] : [0, 0];
  const open = document.querySelector('details')?.open;

  const response = await fetch('/', { cache: 'no-store', signal: AbortSignal.timeout(20000) });
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  const fresh = new DOMParser().parseFromString(await response.text(), 'text/html').querySelector('main');
  old.replaceWith(fresh);

  document.querySelector('.matrix')?.scrollTo(left, top);
  if (open) document.querySelector('details')?.setAttribute('open', '');
}

async function again() {
  try {
    if (!document.hidden) await refresh();
  } catch (error) {
    document.querySelector('[role=status]').textContent = `– out of date: ${error.message}`;
  }
  setTimeout(again, 1000 * Number(document.querySelector('main').dataset.refresh));
}

setTimeout(again, 1000 * Number(document.querySelector('main').dataset.refresh));
