// Counting right answers, and what was taken for what.
export class Tally {
  constructor(name) {
    this.name = name;
    this.right = this.of = 0;
    this.wrong = []; // {id, expected, said}
    this.pairs = new Map(); // "expected\tsaid" -> how often
  }

  // One case; `table`: expected and said are labels, and go into the confusion table.
  count(id, right, expected, said, table = false) {
    this.of += 1;
    if (right) this.right += 1;
    else this.wrong.push({ id, expected, said });
    if (table) {
      const key = `${expected}\t${said}`;

      this.pairs.set(key, (this.pairs.get(key) ?? 0) + 1);
    }
  }

  get share() {
    return this.of ? this.right / this.of : 0;
  }

  // Rows {expected, said, n} of what went wrong, the most frequent first.
  confusions() {
    return [...this.pairs].map(([key, n]) => ({ expected: key.split('\t')[0], said: key.split('\t')[1], n }))
      .filter((row) => row.expected !== row.said).sort((a, b) => b.n - a.n || a.expected.localeCompare(b.expected));
  }
}

export const squeeze = (text) => (text ?? '').replace(/\s+/g, '');
export const plain = (text) => (text ?? '').replace(/<mailto:[^>]*>/g, '').replace(/\s+/g, ' ').trim();
