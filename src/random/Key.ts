/**
 * A counter-based random generator: a number is a pure function of a key and a counter, and there is no
 * state.
 *
 * *Math* Threefry-2x32 with 20 rounds: for each key a bijection of 64-bit counters that is statistically
 * random. The first word of the counter says what it is for, so two uses of one key never see the same block:
 * below 2^31 a uniform (`draw`, `slot`), above 2^31 the key of `fold`, above 3 * 2^30 the words of a
 * permutation.
 *
 * *Source* Salmon, Moraes, Dror and Shaw, Parallel random numbers: as easy as 1, 2, 3, 2011, section 4.2.
 */
import { InvalidArgument } from "../Errors.ts"

/** 64 bits as two unsigned words: the name of one stream of random numbers. */
export interface Key {
  readonly hi: number
  readonly lo: number
}

const foldDomain = 0x80000000
const permutationDomain = 0xc0000000

/**
 * The last block: two words. One array serves all calls, so that nothing is allocated; a worker has its own.
 */
const block = new Int32Array(2)

/** block <- Threefry-2x32-20. Five times four rounds, a key word added after every four. */
const encrypt = (k0: number, k1: number, c0: number, c1: number): void => {
  const k2 = k0 ^ k1 ^ 0x1bd11bda
  let x = (c0 + k0) | 0
  let y = (c1 + k1) | 0
  x = (x + y) | 0
  y = ((y << 13) | (y >>> 19)) ^ x
  x = (x + y) | 0
  y = ((y << 15) | (y >>> 17)) ^ x
  x = (x + y) | 0
  y = ((y << 26) | (y >>> 6)) ^ x
  x = (x + y) | 0
  y = ((y << 6) | (y >>> 26)) ^ x
  x = (x + k1) | 0
  y = (y + k2 + 1) | 0
  x = (x + y) | 0
  y = ((y << 17) | (y >>> 15)) ^ x
  x = (x + y) | 0
  y = ((y << 29) | (y >>> 3)) ^ x
  x = (x + y) | 0
  y = ((y << 16) | (y >>> 16)) ^ x
  x = (x + y) | 0
  y = ((y << 24) | (y >>> 8)) ^ x
  x = (x + k2) | 0
  y = (y + k0 + 2) | 0
  x = (x + y) | 0
  y = ((y << 13) | (y >>> 19)) ^ x
  x = (x + y) | 0
  y = ((y << 15) | (y >>> 17)) ^ x
  x = (x + y) | 0
  y = ((y << 26) | (y >>> 6)) ^ x
  x = (x + y) | 0
  y = ((y << 6) | (y >>> 26)) ^ x
  x = (x + k0) | 0
  y = (y + k1 + 3) | 0
  x = (x + y) | 0
  y = ((y << 17) | (y >>> 15)) ^ x
  x = (x + y) | 0
  y = ((y << 29) | (y >>> 3)) ^ x
  x = (x + y) | 0
  y = ((y << 16) | (y >>> 16)) ^ x
  x = (x + y) | 0
  y = ((y << 24) | (y >>> 8)) ^ x
  x = (x + k1) | 0
  y = (y + k2 + 4) | 0
  x = (x + y) | 0
  y = ((y << 13) | (y >>> 19)) ^ x
  x = (x + y) | 0
  y = ((y << 15) | (y >>> 17)) ^ x
  x = (x + y) | 0
  y = ((y << 26) | (y >>> 6)) ^ x
  x = (x + y) | 0
  y = ((y << 6) | (y >>> 26)) ^ x
  block[0] = x + k2
  block[1] = y + k0 + 5
}

/** The two words of Threefry-2x32-20 for a key and the counter (c0, c1), words taken modulo 2^32. */
export const threefry2x32 = (key: Key, c0: number, c1: number): readonly [number, number] => {
  encrypt(key.hi | 0, key.lo | 0, c0 | 0, c1 | 0)
  return [block[0]! >>> 0, block[1]! >>> 0]
}

const requireCount = (argument: string, value: number): void => {
  if (Number.isSafeInteger(value) && value >= 0) return
  throw new InvalidArgument({
    argument,
    value: String(value),
    message: `${argument} is ${value}, which names no random stream. Pass an integer from 0 to 2^53 - 1.`
  })
}

/**
 * The key of a seed. Different seeds have different keys; 0 is a seed like any other.
 *
 * *Fails* throws `InvalidArgument` unless the seed is an integer in [0, 2^53).
 */
export const make = (seed: number): Key => {
  requireCount("seed", seed)
  // `>>> 0` also turns a seed of -0 into the key of 0.
  return { hi: Math.floor(seed / 2 ** 32) >>> 0, lo: seed >>> 0 }
}

/**
 * The key of the n-th part of what `key` names: an example, a layer, a pass. Different n of one key give
 * different keys.
 *
 * *Fails* throws `InvalidArgument` unless n is an integer in [0, 2^53).
 */
export const fold = (key: Key, n: number): Key => {
  requireCount("n", n)
  encrypt(key.hi | 0, key.lo | 0, foldDomain | Math.floor(n / 2 ** 32) | 0, n | 0)
  return { hi: block[0]! >>> 0, lo: block[1]! >>> 0 }
}

/**
 * A uniform number in the open interval (0, 1), a function of its arguments alone.
 *
 * *Math* k 2^-53 with k uniform on 0 .. 2^53 - 1, except that 2^-54 stands for 0: a quantile function is
 * finite on it, and u < p has probability p to within 2^-53.
 * *Shapes* `draw` is an integer in [0, 2^31) and `slot` one in [0, 2^32); neither is checked, this is the
 * inner loop.
 */
export const uniform = (key: Key, draw: number, slot: number): number => {
  encrypt(key.hi | 0, key.lo | 0, draw | 0, slot | 0)
  const k = (block[0]! >>> 0) * 2 ** 21 + (block[1]! >>> 11)
  return k === 0 ? 2 ** -54 : k * 2 ** -53
}

/**
 * An integer uniform on 0 .. bound - 1, exactly: words in the incomplete last multiple of `bound` are drawn
 * again.
 *
 * *Shapes* `bound` is an integer in [1, 2^32], `slot` one in [0, 2^32); neither is checked. The blocks are
 * those of permutations, not of `uniform`.
 */
export const below = (key: Key, bound: number, slot: number): number => {
  const limit = 2 ** 32 - (2 ** 32 % bound)
  for (let attempt = 0; ; attempt++) {
    encrypt(key.hi | 0, key.lo | 0, (permutationDomain + attempt) | 0, slot | 0)
    const word = block[0]! >>> 0
    if (word < limit) return word % bound
  }
}
