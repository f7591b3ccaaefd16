// The dialog that drops kept replies. The token is kept in this page's memory, and nowhere else.

import {count, number} from '/figures.js';
import {byId} from '/panels.js';

const scopeOf = () => document.querySelector('input[name="scope"]:checked').value;
const valueOf = (id) => byId(id).value.trim();

function tell(text, kind = '') {
  byId('purge-said').dataset.kind = kind;
  byId('purge-said').textContent = text;
}

// What is asked, or what is missing for it.
function request() {
  const scope = scopeOf();
  if (scope === 'all') return {body: {all: true}, words: 'everything that is kept'};
  if (scope === 'group') {
    const [upstream, name] = [valueOf('purge-upstream'), valueOf('purge-group')];
    if (!upstream || !name) return {missing: 'Say which upstream, and which of its groups.'};
    return {body: {group: {upstream, name}}, words: `the group ${name} of ${upstream}`};
  }
  const value = valueOf(`purge-${scope}`);
  if (!value) return {missing: scope === 'key' ? 'Say which key.' : 'Say which method.'};
  return {body: {[scope]: value}, words: scope === 'key' ? `the key ${value}` : value};
}

// What the reader can do about a refusal.
function advice(status, {message}) {
  if (status === 401) return `That is not allowed: ${message ?? 'the token is missing or wrong'}. Nothing was dropped.`;
  return `Nothing was dropped: ${message ?? `the proxy answered ${status}`}`;
}

async function send(body) {
  const response = await fetch('/api/purge', {
    method: 'POST', body: JSON.stringify(body), cache: 'no-store', credentials: 'omit',
    headers: {'Authorization': `Bearer ${valueOf('purge-token')}`, 'Content-Type': 'application/json'},
  });
  return [response.status, await response.json().catch(() => ({}))];
}

// The first press says what will happen, the second does it.
let confirmed = '';

function ask() {
  confirmed = '';
  byId('purge-do').textContent = 'Purge';
}

async function press(event) {
  event.preventDefault();
  const {body, words, missing} = request();
  if (missing) return tell(missing, 'bad');
  if (!valueOf('purge-token')) {
    byId('purge-token').focus();
    return tell('A purge wants the token: what the file behind admin.token_file holds.', 'bad');
  }
  if (confirmed !== words) {
    confirmed = words;
    byId('purge-do').textContent = 'Yes, purge';
    return tell(`This drops ${words}. Press again to do it.`);
  }
  ask();
  await purge(body);
}

async function purge(body) {
  byId('purge-do').disabled = true;
  tell('Purging…');
  try {
    const [status, answer] = await send(body);
    if (status !== 200) return tell(advice(status, answer), 'bad');
    const dropped = number(answer.dropped);
    tell(`Done: ${count(dropped)} ${dropped === 1 ? 'reply was' : 'replies were'} dropped.`, 'good');
  } catch {
    tell('The proxy does not answer. Nothing is known to be dropped.', 'bad');
  } finally {
    byId('purge-do').disabled = false;
  }
}

function showFields() {
  for (const field of document.querySelectorAll('.field[data-for]')) field.hidden = field.dataset.for !== scopeOf();
  ask();
  tell('');
}

export function openPurge(key = '') {
  if (key) {
    document.querySelector('input[name="scope"][value="key"]').checked = true;
    byId('purge-key').value = key;
  }
  showFields();
  byId('purge').showModal();
}

export function setUpPurge() {
  byId('purge-open').addEventListener('click', () => openPurge());
  byId('purge-cancel').addEventListener('click', () => byId('purge').close());
  byId('purge-form').addEventListener('submit', press);
  byId('purge-form').addEventListener('input', (event) => {
    if (event.target.name === 'scope') return showFields();
    ask();
  });
}
