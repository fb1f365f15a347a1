// What the kernel says of processes, and what a bench says at its end.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { endAll } from '../sandbox/proc.mjs';
import { root } from '../sandbox/replyd.mjs';

const TICK_MS = 10; // USER_HZ is 100 on every Linux that we know

export function rssBytes(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) * 1024;
}

// peakBytes: the most since the last resetPeak()
export function peakBytes(pid) {
  return Number(/VmHWM:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) * 1024;
}
export function resetPeak(pid) { fs.writeFileSync(`/proc/${pid}/clear_refs`, '5'); }

const fields = (pid) => fs.readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').pop().split(' ');
export function cpuMs(pid) {
  const f = fields(pid);
  return (Number(f[11]) + Number(f[12])) * TICK_MS;
}

// treeCpuMs: of a process and its children, with those that have ended
export function treeCpuMs(parent) {
  return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).reduce((total, pid) => {
    try {
      const f = fields(pid);
      const mine = Number(pid) === parent;
      if (!mine && Number(f[1]) !== parent) return total;
      return total + (Number(f[11]) + Number(f[12]) + (mine ? Number(f[13]) + Number(f[14]) : 0)) * TICK_MS;
    } catch { return total; } // it ended meanwhile
  }, 0);
}

export const sum = (list) => list.reduce((a, b) => a + b, 0);
export const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
export const settle = (ms) => new Promise((done) => setTimeout(done, ms));
export const setting = (name, fallback) => Number(process.env[name] || fallback);

// Report: rows as they come, a table and build/bench/NAME.json at the end
//   goal  a number that `value` must not pass (or reach, with `atLeast`); none: only told
export class Report {
  constructor(name) { Object.assign(this, { name, rows: [] }); }

  add(figure, value, unit, { goal = null, atLeast = false, digits = 1 } = {}) {
    const rounded = Number(value.toFixed(digits));
    const ok = goal === null ? null : atLeast ? rounded >= goal : rounded <= goal;
    this.rows.push({ figure, value: rounded, unit, goal, ok });
    console.log(`  ${figure}: ${rounded} ${unit}${goal === null ? '' : ` (goal ${goal}${ok ? '' : ', MISSED'})`}`);
  }

  end() {
    const dir = path.join(root, 'build/bench');
    const width = Math.max(...this.rows.map((r) => r.figure.length));
    fs.mkdirSync(dir, { recursive: true });
    fs.writeFileSync(path.join(dir, `${this.name}.json`), `${JSON.stringify(this.rows, null, 1)}\n`);
    console.log(`\nbench-${this.name}, ${os.cpus().length} cores, load ${os.loadavg().map((l) => l.toFixed(1)).join(' ')}\n`);
    for (const r of this.rows)
      console.log(`${r.figure.padEnd(width)}  ${String(r.value).padStart(10)} ${r.unit.padEnd(10)} ${
        r.goal === null ? '' : `goal ${String(r.goal).padStart(6)}  ${r.ok ? 'ok' : 'MISSED'}`}`);
    console.log(`\nbuild/bench/${this.name}.json`);
  }
}

// conduct: a bench to its end, whatever becomes of it
export async function conduct(bench) {
  try { await bench(); } catch (e) {
    console.error(e);
    process.exitCode = 1;
  } finally {
    await endAll();
    process.exit();
  }
}
