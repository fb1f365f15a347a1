// Who runs replyd sits at a shell: it completes what he begins to write, and `man` shows the page.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { run } from '../sandbox/proc.mjs';
import { binary } from '../sandbox/replyd.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'replyd-shell-'));
after(() => fs.rmSync(folder, { recursive: true }));

const bin = path.dirname(path.resolve(binary()));
const shell = (argv) => run(argv, { cwd: folder, env: { ...process.env, PATH: `${bin}:${process.env.PATH}` } });

test('bash completes', async () => {
  fs.writeFileSync(path.join(folder, 'settings.conf'), '');
  // what readline sets before it calls the function
  const script = `source <(replyd completion bash)
ask() {
  COMP_LINE=$1 COMP_POINT=\${#1}
  read -ra COMP_WORDS <<<"\${1//=/ = }"
  [[ $1 != *' ' ]] || COMP_WORDS+=('')
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  _replyd
  echo "\${COMPREPLY[*]}"
}
ask 'replyd wor'
ask 'replyd worker '
ask 'replyd --json worker d'
ask 'replyd key rotate --group='
ask 'replyd key rotate --group=t'
ask 'replyd up --config s'
ask 'replyd nothing '
complete -p replyd`;
  const r = await shell(['bash', '--norc', '-c', script]);
  assert.equal(r.code, 0, r.stderr);
  assert.deepEqual(r.stdout.split('\n'), ['workspace worker', 'list drain undrain', 'drain', 'grant token webhook all',
    'token', 'settings.conf', '', 'complete -F _replyd replyd', '']);
});

test('zsh completes, in a terminal', async () => {
  const script = `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; autoload -U compinit; compinit -u -D; source <(replyd completion zsh); echo READ\\"\\"Y"
zpty -r -m z said "*READY*" || exit 1
zpty -n -w z $'replyd worker undr\\t; echo EN""D\\n'
zpty -r -m z said "*END*" || exit 1
print -r -- "$said"`;
  const r = await shell(['timeout', '60', 'zsh', '-f', '-c', script]);
  assert.equal(r.code, 0, r.stderr);
  assert.match(r.stdout, /undrain/);
});

test('the manual page is clean', async () => {
  const page = await shell([path.join(bin, 'replyd'), 'man']);
  assert.equal(page.code, 0, page.stderr);
  const at = path.join(folder, 'replyd.1');
  fs.writeFileSync(at, page.stdout);
  const lint = await shell(['mandoc', '-T', 'lint', '-W', 'warning', at]);
  assert.equal(lint.code, 0, lint.stdout);
  const shown = await shell(['mandoc', '-T', 'utf8', at]);
  assert.match(shown.stdout.replace(/.\u0008/g, ''), /replyd worker undrain ID\n +it takes inboxes again\./);
});

test('it says what it cannot do', async () => {
  const shells = await shell([path.join(bin, 'replyd'), 'completion', 'fish']);
  assert.equal(shells.code, 64);
  assert.match(shells.stderr, /bash or zsh/);
  const noun = await shell([path.join(bin, 'replyd'), 'help', 'nothing']);
  assert.equal(noun.code, 64);
  assert.match(noun.stderr, /nothing: no such command/);
});
