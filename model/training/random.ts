/** A seeded source of random numbers, equal on every machine. */

/**
 * The generator sfc32 (Chris Doty-Humphrey, PractRand). Each place that needs chance makes its own stream from the
 * run's seed and its position (epoch, step), so nothing but the position has to be kept to go on exactly.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(...seeds: readonly number[]) {
    let hash = 0x9e3779b9;
    const mixed = (): number => {
      hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
      hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
      return (hash ^= hash >>> 16) >>> 0;
    };
    for (const seed of seeds) {
      hash = (hash ^ (seed >>> 0)) >>> 0;
      mixed();
      hash = (hash ^ (Math.floor(seed / 0x100000000) >>> 0)) >>> 0;
      mixed();
      hash = (hash + 0x9e3779b9) | 0;
    }
    this.#a = mixed();
    this.#b = mixed();
    this.#c = mixed();
    for (let round = 0; round < 12; round++) this.bits();
  }

  /** 32 random bits as an unsigned integer. */
  bits(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + sum) | 0;
    return sum >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    return this.bits() / 0x100000000;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** An integer in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** Standard normal (Box and Muller 1958). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  /** Fisher and Yates, in place. */
  shuffle(values: Uint32Array): Uint32Array {
    for (let index = values.length - 1; index > 0; index--) {
      const other = this.below(index + 1);
      const kept = values[index] ?? 0;
      values[index] = values[other] ?? 0;
      values[other] = kept;
    }
    return values;
  }
}
