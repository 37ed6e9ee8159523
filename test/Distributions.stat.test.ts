/**
 * Distributions: accuracy of the quantile in exact arithmetic, and goodness of fit.
 *
 * Sample sizes and seeds are fixed beforehand. A statistic passes between its theoretical quantiles at 10^-6
 * and 1 - 10^-6: what fits too badly is wrong, and so is what fits too well.
 */
import { assert, describe, it } from "@effect/vitest"
import { InvalidArgument } from "../src/Errors.ts"
import { bernoulli, categorical, normal, permutation, vonMises } from "../src/random/Distributions.ts"
import { below, fold, make, uniform } from "../src/random/Key.ts"
import { fits } from "./support/statistics.ts"

const equal = (cells: number): Float64Array => new Float64Array(cells).fill(1 / cells)

const histogram = (size: number, cells: number, draw: (i: number) => number): Float64Array => {
  const counts = new Float64Array(cells)
  for (let i = 0; i < size; i++) counts[draw(i)]!++
  return counts
}

// Fixed-point numbers. The tail at 1e-308 is 1/2 minus a number that agrees with it to 1,022 bits, and that
// number is a product of 2^-1022 and 2^1022: 2,048 bits, and 256 for the digits of the answer.
const bits = 2304n
const one = 1n << bits
const times = (a: bigint, b: bigint): bigint => (a * b) >> bits

/** A finite double, exactly. */
const exactly = (x: number): bigint => {
  let exponent = 0
  let mantissa = x
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2
    exponent++
  }
  return BigInt(mantissa) << (bits - BigInt(exponent))
}

/** numerator / denominator, to 15 digits where it is not tiny. */
const quotient = (numerator: bigint, denominator: bigint): number =>
  Number((numerator << 120n) / denominator) / 2 ** 120

const squareRoot = (x: bigint): bigint => {
  let root = 1n << ((bits + BigInt(x.toString(2).length)) / 2n + 1n)
  for (;;) {
    const next = (root + (x << bits) / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

/** arctan(1 / n). */
const inverseTangent = (n: bigint): bigint => {
  let power = one / n
  let sum = power
  for (let k = 3n; power !== 0n; k += 2n) {
    power = -power / (n * n)
    sum += power / k
  }
  return sum
}

const pi = 4n * (4n * inverseTangent(5n) - inverseTangent(239n))

/** exp(-x): the series at x / 2^20, squared twenty times. */
const exponential = (x: bigint): bigint => {
  let term = one
  let sum = one
  for (let k = 1n; term !== 0n; k++) {
    term = -times(term, x >> 20n) / k
    sum += term
  }
  for (let i = 0; i < 20; i++) sum = times(sum, sum)
  return sum
}

/**
 * Density and lower tail of the standard normal at z. *Math* Phi(z) = 1/2 + phi(z) (z + z^3/3 + z^5/15 +
 * ...).
 */
const standardNormal = (z: bigint): { readonly density: bigint; readonly tail: bigint } => {
  const square = times(z, z)
  const density = (exponential(square >> 1n) << bits) / squareRoot(2n * pi)
  let term = z
  let sum = z
  for (let k = 3n; term !== 0n && term !== -1n; k += 2n) {
    term = times(term, square) / k
    sum += term
  }
  return { density, tail: (one >> 1n) + times(density, sum) }
}

/**
 * Relative error of z as the quantile of u <= 1/2, by one Newton step: it doubles the digits z has, so what
 * it leaves out is the square of what it finds.
 */
const quantileError = (u: number, z: number): number => {
  const { density, tail } = standardNormal(exactly(z))
  return Math.abs(quotient(((tail - exactly(u)) << bits) / density, exactly(z)))
}

const quantilePoints: ReadonlyArray<number> = [
  0.5 - 2 ** -53,
  0.5 - 2 ** -30,
  0.4999,
  0.3,
  0.25,
  0.1,
  0.0751,
  0.075,
  0.0749,
  0.025,
  1e-3,
  1e-6,
  1e-10,
  1.3887943e-11,
  1.3887e-11,
  2 ** -53,
  2 ** -54,
  1e-30,
  1e-100,
  1e-300,
  2 ** -1022,
  ...Array.from({ length: 200 }, (_, i) => uniform(make(1), i, 0) / 2),
  ...Array.from({ length: 100 }, (_, i) => 2 ** (-60 * uniform(make(2), i, 0) - 1))
]

const worstQuantile = (quantile: (u: number) => number): number =>
  Math.max(...quantilePoints.map((u) => quantileError(u, quantile(u))))

const quantileBound = 8 * 2 ** -53

/** Abramowitz and Stegun 26.2.23, the approximation of older libraries: 4.5e-4. */
const hastings = (u: number): number => {
  const t = Math.sqrt(-2 * Math.log(u))
  return (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t
}

describe("normal", () => {
  it("has a relative error of at most 8 * 2^-53 at 321 quantiles, from 2^-1022 to 1/2", () => {
    assert.strictEqual(quantilePoints.length, 321)
    assert.isAtMost(worstQuantile(normal), quantileBound)
  })

  it("is odd about 1/2, where it is 0, and 8.2 and -8.3 at the ends of `uniform`", () => {
    assert.strictEqual(normal(0.5), 0)
    for (let i = 1; i < 2 ** 10; i++) assert.strictEqual(normal(1 - i * 2 ** -53), -normal(i * 2 ** -53))
    for (let i = 1; i < 2 ** 10; i++) assert.strictEqual(normal(1 - i * 2 ** -11), -normal(i * 2 ** -11))
    assert.closeTo(normal(2 ** -54), -8.2924, 1e-4)
    assert.closeTo(normal(1 - 2 ** -53), 8.2095, 1e-4)
  })

  it("control: the bound rejects Hastings' approximation, and float32", () => {
    assert.isAbove(worstQuantile(hastings), quantileBound)
    assert.isAbove(
      worstQuantile((u) => Math.fround(normal(u))),
      quantileBound
    )
  })

  const edges = Array.from({ length: 13 }, (_, i) => (i - 6) / 2)
  const below = edges.map((z) => quotient(standardNormal(exactly(z)).tail, one))
  const cells = [...below, 1].map((p, i) => p - (i === 0 ? 0 : below[i - 1]!))
  const cellOf = (z: number): number => edges.filter((edge) => z >= edge).length
  // By power: the excess kurtosis of twelve uniforms, -0.1, moves the statistic by size * 0.1^2 / 24 = 218;
  // the threshold is 54.
  const size = 2 ** 19

  it("fits the normal distribution in 14 cells, chi-square of 524,288 draws", () => {
    const key = make(3)
    assert.isTrue(
      fits(
        histogram(size, 14, (i) => cellOf(normal(uniform(key, i, 0)))),
        cells
      )
    )
  })

  it("control: the fit rejects a sum of twelve uniforms, and a deviation of 1.02", () => {
    const key = make(3)
    const twelve = (i: number): number => {
      let sum = -6
      for (let slot = 0; slot < 12; slot++) sum += uniform(key, i, slot)
      return sum
    }
    assert.isFalse(
      fits(
        histogram(size, 14, (i) => cellOf(twelve(i))),
        cells
      )
    )
    assert.isFalse(
      fits(
        histogram(size, 14, (i) => cellOf(1.02 * normal(uniform(key, i, 0)))),
        cells
      )
    )
  })
})

describe("uniform", () => {
  const size = 2 ** 18
  const streams: Readonly<Record<string, (i: number) => number>> = {
    draws: (i) => uniform(make(0), i, 0),
    slots: (i) => uniform(make(0), 0, i),
    seeds: (i) => uniform(make(i), 0, 0),
    parts: (i) => uniform(fold(make(0), i), 0, 0)
  }
  for (const [name, stream] of Object.entries(streams)) {
    it(`fits 256 equal cells by its first and by its last 8 bits, along ${name}, chi-square of 262,144`, () => {
      assert.isTrue(
        fits(
          histogram(size, 256, (i) => Math.floor(stream(i) * 256)),
          equal(256)
        )
      )
      assert.isTrue(
        fits(
          histogram(size, 256, (i) => (stream(i) * 2 ** 53) % 256),
          equal(256)
        )
      )
    })

    it(`fits 16 x 16 equal cells by successive pairs along ${name}, chi-square of 131,072`, () => {
      const cell = (i: number) => 16 * Math.floor(stream(2 * i) * 16) + Math.floor(stream(2 * i + 1) * 16)
      assert.isTrue(fits(histogram(size / 2, 256, cell), equal(256)))
    })
  }

  it("control: the fit rejects a lattice, which is too even, and a generator with 1 % too many small numbers", () => {
    const golden = (Math.sqrt(5) - 1) / 2
    assert.isFalse(
      fits(
        histogram(size, 256, (i) => Math.floor(((i * golden) % 1) * 256)),
        equal(256)
      )
    )
    const skewed = (i: number) =>
      uniform(make(0), i, 1) < 0.01 ? 0 : Math.floor(uniform(make(0), i, 0) * 256)
    assert.isFalse(fits(histogram(size, 256, skewed), equal(256)))
  })
})

describe("categorical", () => {
  const p = [0, 0.125, 0, 0.5, 0.0625, 0.3125, 0]
  const size = 2 ** 17

  it("fits its probabilities, chi-square of 131,072 draws, and never draws a class of probability 0", () => {
    const key = make(4)
    assert.isTrue(
      fits(
        histogram(size, 7, (i) => categorical(uniform(key, i, 0), p)),
        p
      )
    )
  })

  it("control: the fit rejects a deviation of 3 % in one class, and one draw of a class of probability 0", () => {
    const key = make(4)
    const biased = p.map((value, c) => value + (c === 3 ? 0.015 : c === 5 ? -0.015 : 0))
    assert.isFalse(
      fits(
        histogram(size, 7, (i) => categorical(uniform(key, i, 0), biased)),
        p
      )
    )
    const impossible = (i: number) => (i === 0 ? 2 : categorical(uniform(key, i, 0), p))
    assert.isFalse(fits(histogram(size, 7, impossible), p))
  })

  it("gives an edge of the distribution function to the class above it", () => {
    assert.strictEqual(categorical(0.125, p), 3)
    assert.strictEqual(categorical(0.625, p), 4)
  })

  it("draws the one class of probability 1 at both ends of the interval", () => {
    for (const u of [2 ** -1074, 2 ** -54, 0.5, 1 - 2 ** -53]) {
      for (let c = 0; c < 3; c++)
        assert.strictEqual(
          categorical(
            u,
            [0, 1, 2].map((i) => (i === c ? 1 : 0))
          ),
          c
        )
    }
  })

  it("draws the last class of positive probability where rounding leaves the sum below u", () => {
    const tenths = new Float64Array(10).fill(0.1)
    assert.isBelow(
      tenths.reduce((sum, value) => sum + value, 0),
      1
    )
    assert.strictEqual(categorical(1 - 2 ** -53, tenths), 9)
    assert.strictEqual(categorical(1 - 2 ** -53, [...tenths, 0, 0]), 9)
    assert.strictEqual(categorical(1 - 2 ** -53, Float32Array.of(0.3, 0.7 - 1e-4, 0)), 1)
  })

  it("throws InvalidArgument where no probabilities are", () => {
    for (const none of [[], [0, 0], [Number.NaN, 1], [0.2, 0.3]]) {
      assert.throws(() => categorical(0.9, none), InvalidArgument, "probabilities")
    }
  })
})

describe("bernoulli", () => {
  it("is 1 for p = 1 and 0 for p = 0 at both ends of the interval", () => {
    for (const u of [2 ** -54, 1 - 2 ** -53]) {
      assert.strictEqual(bernoulli(u, 1), 1)
      assert.strictEqual(bernoulli(u, 0), 0)
    }
  })

  it("fits p = 0.01, 0.5 and 0.9, chi-square of 131,072 draws; control: 1 - p does not fit 0.9", () => {
    const counts = (p: number) => histogram(2 ** 17, 2, (i) => bernoulli(uniform(make(5), i, 0), p))
    for (const p of [0.01, 0.5, 0.9]) assert.isTrue(fits(counts(p), [1 - p, p]))
    assert.isFalse(fits(counts(0.1), [0.1, 0.9]))
  })
})

describe("permutation", () => {
  /** The place of a permutation of four among the 24, in the order of their digits. */
  const orders = [0, 1, 2, 3].flatMap((a) =>
    [0, 1, 2, 3].flatMap((b) =>
      [0, 1, 2, 3].flatMap((c) => {
        const d = 6 - a - b - c
        return new Set([a, b, c, d]).size === 4 ? [[a, b, c, d].join()] : []
      })
    )
  )
  const size = 48_000
  const shuffles = (shuffle: (i: number) => ArrayLike<number>): Float64Array =>
    histogram(size, 24, (i) => orders.indexOf(Array.from(shuffle(i)).join()))

  it("fits all 24 orders of four with equal probability, chi-square of 48,000 keys", () => {
    assert.strictEqual(orders.length, 24)
    assert.isTrue(
      fits(
        shuffles((i) => permutation(fold(make(6), i), 4)),
        equal(24)
      )
    )
  })

  it("control: the fit rejects the shuffle that swaps every place with any place", () => {
    const naive = (i: number) => {
      const order = [0, 1, 2, 3]
      const key = fold(make(6), i)
      for (let a = 0; a < 4; a++) {
        const b = below(key, 4, a)
        ;[order[a], order[b]] = [order[b]!, order[a]!]
      }
      return order
    }
    assert.isFalse(fits(shuffles(naive), equal(24)))
  })

  it("holds every index once for n = 0, 1, 2, 1000, differs by key, and is the same for the same key", () => {
    for (const n of [0, 1, 2, 1000]) {
      const order = permutation(make(8), n)
      assert.deepStrictEqual(
        order.toSorted(),
        Uint32Array.from({ length: n }, (_, i) => i)
      )
      assert.deepStrictEqual(permutation(make(8), n), order)
    }
    assert.notDeepEqual(permutation(make(8), 1000), permutation(make(9), 1000))
  })

  it("throws InvalidArgument on what is no number of things", () => {
    for (const n of [-1, 1.5, Number.NaN, 2 ** 32])
      assert.throws(() => permutation(make(0), n), InvalidArgument)
  })

  it("below: thirds of 3 * 2^30 fit 1/3 each, chi-square of 32,768; control: a remainder does not", () => {
    const bound = 3 * 2 ** 30
    const third = (word: number) => Math.floor(word / 2 ** 30)
    assert.isTrue(
      fits(
        histogram(2 ** 15, 3, (i) => third(below(make(10), bound, i))),
        equal(3)
      )
    )
    const remainder = (i: number) => Math.floor(uniform(make(10), i, 0) * 2 ** 32) % bound
    assert.isFalse(
      fits(
        histogram(2 ** 15, 3, (i) => third(remainder(i))),
        equal(3)
      )
    )
  })
})

describe("vonMises", () => {
  /** The means of 1 - cos and of sin over 65,536 draws, in units of their standard errors. */
  const scores = (kappa: number, mean: number, deviation: number, sine: number): ReadonlyArray<number> => {
    const size = 2 ** 16
    let [versine, sum] = [0, 0]
    for (let i = 0; i < size; i++) {
      let slot = 0
      const angle = vonMises(() => uniform(make(12), i, slot++), kappa)
      versine += 2 * Math.sin(angle / 2) ** 2
      sum += Math.sin(angle)
    }
    const root = Math.sqrt(size)
    return [((versine / size - mean) / deviation) * root, ((sum / size) * root) / sine]
  }

  // A = I1 / I0: 1 - cos has the mean 1 - A and the variance 1 - A / kappa - A^2, and sin the variance A / kappa.
  const resultants: ReadonlyArray<readonly [kappa: number, resultant: number]> = [
    [1e-6, 5e-7],
    [0.5, 0.24249961258080194],
    [5, 0.8933831370440852],
    [700, 0.9992854588183261]
  ]

  it("has the mean cosine I1 / I0 and the mean sine 0, within 5 standard errors; control: not that of 1.1 kappa", () => {
    for (const [kappa, a] of resultants) {
      const deviation = Math.sqrt(1 - a / kappa - a * a)
      for (const score of scores(kappa, 1 - a, deviation, Math.sqrt(a / kappa)))
        assert.isBelow(Math.abs(score), 5)
      if (kappa > 0.1) {
        assert.isAbove(Math.abs(scores(1.1 * kappa, 1 - a, deviation, 1)[0]!), 5)
      }
    }
  })

  it("at 1e4, and beyond 1e6 where another rejection draws it, 1 - cos has the mean 1 / 2 kappa (1 + 1 / 4 kappa)", () => {
    for (const kappa of [1e4, 9.99e5, 1.01e6, 1e12]) {
      const mean = (1 + 1 / (4 * kappa)) / (2 * kappa)
      for (const score of scores(kappa, mean, Math.SQRT1_2 / kappa, Math.sqrt(1 / kappa)))
        assert.isBelow(Math.abs(score), 5)
      assert.isAbove(Math.abs(scores(1.1 * kappa, mean, Math.SQRT1_2 / kappa, 1)[0]!), 5)
    }
  })

  it("ends, in [-pi, pi], when every uniform number is the same", () => {
    for (const kappa of [1e-6, 1, 1e4, 1e7]) {
      for (const u of [2 ** -54, 0.3, 0.7, 1 - 2 ** -53])
        assert.isAtMost(Math.abs(vonMises(() => u, kappa)), Math.PI)
    }
  })
})
