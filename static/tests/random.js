/**
 * Random numbers that a seed makes repeatable (Lehmer's generator).
 * @param {number} seed 1 to 2^31 - 2
 * @returns {(n: number) => number} an integer from 0 to n - 1
 */
export function seeded(seed) {
  let state = seed;
  return (n) => (state = (state * 48271) % 2147483647) % n;
}
