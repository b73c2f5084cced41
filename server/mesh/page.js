'use strict';

// The server renders everything. This asks for the page again and puts the new parts in place of the old, orders and filters the matrix,
// and opens cells in a dialog.
const select = (name) => document.querySelector(name);
const controls = select('#controls');
const dialog = select('dialog');

async function load(path) {
  const response = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(20000) });
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  if (!response.ok && !page.querySelector('main')) throw new Error(`HTTP status ${response.status}`);
  return page;
}

async function refresh() {
  const page = await load('/');
  const scrolled = select('.matrix');
  const [left, top] = scrolled ? [scrolled.scrollLeft, scrolled.scrollTop] : [0, 0];
  const open = select('details')?.open;
  if (open) page.querySelector('details')?.setAttribute('open', '');
  arrange(page);
  for (const part of ['#now', '#figures']) select(part).replaceWith(page.querySelector(part));
  document.title = page.title;
  document.body.classList.remove('lapsed');
  select('.matrix')?.scrollTo(left, top);
  if (dialog.open) await openFigures();
}

async function again() {
  try {
    if (!document.hidden) await refresh();
  } catch (error) {
    document.body.classList.add('lapsed');
    select('[role=status]').textContent = `– this server does not answer (${error.message}): figures are of that time`;
  }
  setTimeout(again, 1000 * Number(select('#now').dataset.refresh));
}

// The address says how the matrix is arranged, so that it can be kept and passed on.
function wishes() {
  const query = new URLSearchParams(location.search);
  return Object.fromEntries(['from', 'to', 'sort', 'trouble'].map((name) => [name, query.get(name) ?? '']));
}

function wish() {
  const query = new URLSearchParams([...new FormData(controls)].filter(([, value]) => value !== ''));
  history.replaceState(null, '', `${location.pathname}${query.size ? `?${query}` : ''}${location.hash}`);
  arrange(document);
}

const orders = { down: ['down', 'lost'], lost: ['lost', 'down'], slow: ['ms', 'down'] };

// ordered are the places of heads, sorted as wished. The server sorts by name.
function ordered(heads, sort) {
  const keys = orders[sort] ?? [];
  return heads.map((_, at) => at).sort((a, b) => {
    for (const key of keys) {
      const more = Number(heads[b].dataset[key]) - Number(heads[a].dataset[key]);
      if (more) return more;
    }
    return a - b;
  });
}

function shown(head, text, trouble) {
  const matches = head.title.toLowerCase().includes(text.toLowerCase());
  return matches && (!trouble || Number(head.dataset.down) > 0 || Number(head.dataset.lost) > 0);
}

// places numbers elements as the server has them, and returns them in that order.
function places(elements) {
  const list = [...elements];
  list.forEach((one, at) => { one.dataset.at ??= String(at); });
  return list.sort((a, b) => a.dataset.at - b.dataset.at);
}

function arrange(page) {
  const table = page.querySelector('.matrix table');
  if (!table) return;
  const { from, to, sort, trouble } = wishes();
  const head = table.tHead.rows[0];
  const columns = places([...head.cells].slice(1));
  const seen = columns.map((column) => shown(column, to, trouble));
  const order = ordered(columns, sort);
  const rows = places(table.tBodies[0].rows);
  for (const row of [head, ...rows]) {
    const cells = places([...row.cells].slice(1));
    cells.forEach((cell, at) => { cell.hidden = !seen[at]; });
    row.append(...order.map((at) => cells[at]));
  }
  const heads = rows.map((row) => row.cells[0]);
  rows.forEach((row, at) => { row.hidden = !shown(heads[at], from, trouble); });
  table.tBodies[0].append(...ordered(heads, sort).map((at) => rows[at]));
  const visible = rows.filter((row) => !row.hidden).length;
  select('output').textContent = `${visible} of ${rows.length} rows, ${seen.filter(Boolean).length} of ${seen.length} columns`;
}

// The part of the address after # is the pair that is open: from=…&to=….
async function openFigures() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  if (!wanted.has('from')) return dialog.close();
  const figures = (await load(`/v1/figures?${wanted}`)).querySelector('main');
  figures.querySelector('footer')?.remove();
  const close = document.createElement('button');
  close.textContent = 'close';
  close.addEventListener('click', () => dialog.close());
  dialog.replaceChildren(close, figures);
  if (!dialog.open) dialog.showModal();
}

function openPair(event) {
  const link = event.target.closest?.('a[href^="/v1/figures?"]');
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  location.hash = new URL(link.href).search.slice(1);
}

document.addEventListener('click', openPair);
addEventListener('hashchange', () => openFigures().catch(() => {}));
dialog.addEventListener('close', () => history.replaceState(null, '', location.pathname + location.search));
dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());

for (const [name, value] of Object.entries(wishes())) {
  const control = controls.elements[name];
  if (control.type === 'checkbox') control.checked = value !== '';
  else control.value = value;
}
controls.hidden = false;
controls.addEventListener('input', wish);
controls.addEventListener('submit', (event) => event.preventDefault());
arrange(document);
if (location.hash.length > 1) openFigures().catch(() => {});
setTimeout(again, 1000 * Number(select('#now').dataset.refresh));
