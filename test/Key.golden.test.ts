/**
 * The generator: Random123's known answers, and the exact map from blocks to keys and uniforms.
 */
import { assert, describe, it } from "@effect/vitest"
import { InvalidArgument } from "../src/Errors.ts"
import { fold, type Key, make, threefry2x32, uniform } from "../src/random/Key.ts"

type Words = readonly [number, number]
type Cipher = (key: Words, counter: Words) => Words

/** Random123's kat_vectors, threefry2x32 with 20 rounds. */
const knownAnswers: ReadonlyArray<{ readonly key: Words; readonly counter: Words; readonly block: Words }> = [
  { key: [0, 0], counter: [0, 0], block: [0x6b200159, 0x99ba4efe] },
  {
    key: [0xffffffff, 0xffffffff],
    counter: [0xffffffff, 0xffffffff],
    block: [0x1cb996fc, 0xbb002be7]
  },
  {
    key: [0x13198a2e, 0x03707344],
    counter: [0x243f6a88, 0x85a308d3],
    block: [0xc4923a9c, 0x483df7a0]
  }
]

const rotations = [13, 15, 26, 6, 17, 29, 16, 24]

const keyWords = ([k0, k1]: Words): ReadonlyArray<number> => [k0, k1, (k0 ^ k1 ^ 0x1bd11bda) >>> 0]

/** The definition as a loop over rounds, for any number of rounds and any rotations. */
const cipher =
  (rounds: number, distances: ReadonlyArray<number>): Cipher =>
  (key, [c0, c1]) => {
    const k = keyWords(key)
    let x = (c0 + k[0]!) >>> 0
    let y = (c1 + k[1]!) >>> 0
    for (let round = 0; round < rounds; round++) {
      const d = distances[round % 8]!
      x = (x + y) >>> 0
      y = (((y << d) | (y >>> (32 - d))) ^ x) >>> 0
      if (round % 4 === 3) {
        const s = (round + 1) / 4
        x = (x + k[s % 3]!) >>> 0
        y = (y + k[(s + 1) % 3]! + s) >>> 0
      }
    }
    return [x, y]
  }

/** The counter that a key maps to a block: the twenty rounds undone. */
const decipher: Cipher = (key, [b0, b1]) => {
  const k = keyWords(key)
  let x = b0
  let y = b1
  for (let round = 19; round >= 0; round--) {
    if (round % 4 === 3) {
      const s = (round + 1) / 4
      x = (x - k[s % 3]!) >>> 0
      y = (y - k[(s + 1) % 3]! - s) >>> 0
    }
    const d = rotations[round % 8]!
    y = (y ^ x) >>> 0
    y = ((y >>> d) | (y << (32 - d))) >>> 0
    x = (x - y) >>> 0
  }
  return [(x - k[0]!) >>> 0, (y - k[1]!) >>> 0]
}

const ours: Cipher = ([hi, lo], [c0, c1]) => threefry2x32({ hi, lo }, c0, c1)

const answered = (candidate: Cipher): number =>
  knownAnswers.filter(({ key, counter, block }) => candidate(key, counter).join() === block.join()).length

/** The uniform of a block, in integers. */
const uniformOf = ([b0, b1]: Words): number => Number((BigInt(b0) << 21n) | (BigInt(b1) >> 11n)) / 2 ** 53

describe("threefry2x32", () => {
  it("gives Random123's three known answers", () => {
    assert.strictEqual(answered(ours), 3)
  })

  it("control: 13 rounds, or one rotation changed, give none of them", () => {
    assert.strictEqual(answered(cipher(20, rotations)), 3)
    assert.strictEqual(answered(cipher(13, rotations)), 0)
    assert.strictEqual(answered(cipher(20, [13, 15, 26, 6, 17, 29, 16, 25])), 0)
  })

  it("equals the definition on 1,000 counters, each the input of the next", () => {
    let words: Words = [1, 2]
    for (let i = 0; i < 1000; i++) {
      const next = ours([i, words[1]], words)
      assert.deepStrictEqual(next, cipher(20, rotations)([i, words[1]], words))
      assert.deepStrictEqual(decipher([i, words[1]], next), words)
      words = next
    }
  })
})

describe("make", () => {
  it("gives every seed its own key, the seed's 64 bits", () => {
    const cases: ReadonlyArray<readonly [number, Key]> = [
      [0, { hi: 0, lo: 0 }],
      [1, { hi: 0, lo: 1 }],
      [2 ** 32 - 1, { hi: 0, lo: 0xffffffff }],
      [2 ** 32, { hi: 1, lo: 0 }],
      [2 ** 53 - 1, { hi: 0x1fffff, lo: 0xffffffff }]
    ]
    for (const [seed, key] of cases) assert.deepStrictEqual(make(seed), key)
  })

  it("throws InvalidArgument, naming seed and value, on what is no integer in [0, 2^53)", () => {
    const bad: ReadonlyArray<unknown> = [
      -1,
      1.5,
      Number.NaN,
      2 ** 53,
      Number.POSITIVE_INFINITY,
      "1",
      undefined,
      null
    ]
    for (const seed of bad) {
      try {
        make(seed as number)
        assert.fail(`seed ${String(seed)} was accepted`)
      } catch (error) {
        assert.instanceOf(error, InvalidArgument)
        assert.strictEqual(error.argument, "seed")
        assert.strictEqual(error.value, String(seed))
        assert.include(error.message, "2^53")
      }
    }
  })
})

describe("fold", () => {
  it("is the block of the counter 2^31 + n / 2^32, n mod 2^32", () => {
    for (const n of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
      const [hi, lo] = ours([3, 4], [(2 ** 31 + Math.floor(n / 2 ** 32)) >>> 0, n >>> 0])
      assert.deepStrictEqual(fold({ hi: 3, lo: 4 }, n), { hi, lo })
    }
  })

  it("gives 10,000 different keys for 100 seeds and 100 parts, none of them the key of a seed", () => {
    const keys = new Set<string>()
    for (let seed = 0; seed < 100; seed++) {
      keys.add(JSON.stringify(make(seed)))
      for (let n = 0; n < 100; n++) keys.add(JSON.stringify(fold(make(seed), n)))
    }
    assert.strictEqual(keys.size, 100 + 10_000)
  })

  it("throws InvalidArgument on what is no integer in [0, 2^53)", () => {
    for (const n of [-1, 0.5, Number.NaN, 2 ** 53]) assert.throws(() => fold(make(0), n), InvalidArgument)
  })
})

describe("uniform", () => {
  it("is the first 53 bits of its block, for 1,000 draws and slots", () => {
    for (let i = 0; i < 1000; i++) {
      const [draw, slot] = [(i * 2_147_483) >>> 0, (i * 4_294_967) >>> 0]
      assert.strictEqual(uniform(make(7), draw, slot), uniformOf(ours([0, 7], [draw, slot])))
    }
  })

  it("is 2^-54 for a block of zeros and 1 - 2^-53 for one of ones: the interval is open", () => {
    const at = (block: Words): number => {
      const [draw, slot] = decipher([0, 7], block)
      return uniform(make(7), draw, slot)
    }
    assert.strictEqual(at([0, 0]), 2 ** -54)
    assert.strictEqual(at([0, 2047]), 2 ** -54)
    assert.strictEqual(at([0, 2048]), 2 ** -53)
    assert.strictEqual(at([0xffffffff, 0xffffffff]), 1 - 2 ** -53)
  })

  it("control: half a step added to 53 bits, the usual way to open the interval, reaches 1", () => {
    assert.strictEqual((2 ** 53 - 1 + 0.5) / 2 ** 53, 1)
  })

  it("does not change with the calls before it", () => {
    const alone = uniform(make(1), 2, 3)
    uniform(make(9), 8, 7)
    fold(make(5), 4)
    assert.strictEqual(uniform(make(1), 2, 3), alone)
  })
})
