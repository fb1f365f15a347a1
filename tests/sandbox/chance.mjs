// Chance that can be had again: everything drawn from one seed.

// chance: below(n), between(a, b), one(list), happens(p), weighted([[weight, thing], ...])
export function chance(seed) {
  let state = seed >>> 0;
  const draw = () => { // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const c = {
    below: (n) => Math.floor(draw() * n),
    between: (a, b) => a + Math.floor(draw() * (b - a + 1)),
    one: (list) => list[c.below(list.length)],
    happens: (p) => draw() < p,
    weighted(table) {
      let at = draw() * table.reduce((sum, [weight]) => sum + weight, 0);
      for (const [weight, thing] of table) if ((at -= weight) < 0) return thing;
      return table.at(-1)[1];
    },
  };
  return c;
}
