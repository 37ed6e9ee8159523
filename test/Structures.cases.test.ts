/**
 * What each structure is by its own theory: rows and Woodbury's formula, units with a bias, eigenbases with true scalings, mixtures.
 *
 * Unless said, networks are 3-4-3-3 (P = 43) at N = 7 examples in blocks of 3, 3 and 1. eps is 2^-24.
 */
import { type Layer, Result } from "effect"
import { describe, expect, it } from "vitest"
import { make } from "../src/fisher/internal/value.ts"
import { Damping, Fisher, Sampler, Structure } from "../src/index.ts"
import { anyLabel, type Case, mlp } from "./oracle/cases.ts"
import { denseFisher, sampledFisher } from "./oracle/fisher.ts"
import { gaussian } from "./oracle/likelihoods.ts"
import {
  addScaled,
  axpy,
  dot,
  eigenvalues,
  frobenius,
  kron,
  type Matrix,
  matmul,
  matvec,
  norm,
  relativeError,
  solve,
  tabulate,
  trace,
  transpose,
  type Vector
} from "./oracle/linear.ts"
import { outputSize, size } from "./oracle/network.ts"
import { generator } from "./oracle/random.ts"
import {
  biasArrow,
  blockDiagonal,
  damped,
  diagonalPart,
  quasiDiagonal,
  quasiDiagonalSolve
} from "./oracle/structures.ts"
import { convolutionCase, convolutionNets } from "./support/convolutions.ts"
import { countingKernels } from "./support/counting.ts"
import { dyadic, eps32, matrixError, ratio, vectorError } from "./support/measure.ts"
import { outsideSpan, writtenOut } from "./support/operationLaws.ts"
import { estimate, likelihoods, pairs, problem } from "./support/problems.ts"
import { allStructures, condition, spectralOf, structuresOf } from "./support/structures.ts"
import { rows, subject } from "./support/subject.ts"

const bound = 1e-5
const tanh = { kind: "activation", name: "tanh" } as const
const dense = (units: number, bias: boolean) => ({ kind: "dense", units, bias }) as const

/** Cases of T > 1 positions, and of layers without bias. */
const shared: Readonly<Record<string, Case>> = {
  "no bias": problem(
    { likelihood: likelihoods[0]!, activation: "tanh" },
    {
      features: 3,
      layers: [dense(4, false), tanh, dense(3, false)]
    }
  ),
  "bias in one layer of two": problem(
    { likelihood: likelihoods[1]!, activation: "tanh" },
    {
      features: 3,
      layers: [dense(4, true), tanh, dense(3, false)]
    }
  ),
  "a convolution": convolutionCase(convolutionNets["strides 2 and 1"]!),
  "a convolution without bias": convolutionCase(
    convolutionNets["other padding on each end, no bias"]!,
    likelihoods[0]!
  ),
  "convolutions of convolutions": convolutionCase(convolutionNets["an image for its outputs"]!)
}

/** The cases of dense layers, one for each likelihood, and those. */
const cases: Readonly<Record<string, Case>> = {
  ...Object.fromEntries(
    likelihoods.map((likelihood) => [likelihood.name, problem({ likelihood, activation: "tanh" })])
  ),
  ...shared
}

/** The same network at other and more examples, so that the moments of every unit are far from singular. */
const atMore = (c: Case): Case => {
  const random = generator(31)
  const X = Array.from({ length: 13 }, () => dyadic(random.normals(c.net.features), 8))
  return { ...c, X, Y: X.map((_, n) => c.Y[n % c.Y.length]!) }
}

/** 4 draws for each example, the same whenever they are asked for. */
const drawsOf = ({ X, likelihood, net }: Case) => {
  const random = generator(12)
  return X.map(() =>
    Array.from({ length: 4 }, () => dyadic(anyLabel(random, likelihood, outputSize(net)), 12))
  )
}
const given = (draws: ReturnType<typeof drawsOf>): Layer.Layer<Sampler, unknown> =>
  Sampler.fromRule("given", ({ example }) => draws[example]!.map((y) => ({ y, weight: 1 / 4 })))

const matrixOf = async (
  c: Case,
  structure: Structure.AnyStructure<"toDense">,
  sampler?: Layer.Layer<Sampler, unknown>
) => rows(Fisher.toDense(await estimate(c, structure, sampler)))

describe("gram", () => {
  for (const [name, c] of Object.entries(cases)) {
    it(`written out it is the dense Fisher, exact and with 5 draws, ratio <= 1; control: 1e-4 more [${name}]`, async () => {
      const unit = size(c.net) * eps32
      for (const sampler of [Sampler.exact, Sampler.monteCarlo({ draws: 5, seed: 1 })]) {
        const due = await matrixOf(c, Structure.dense, sampler)
        const made = await matrixOf(c, Structure.gram, sampler)
        expect(matrixError(made, due, unit)).toBeLessThanOrEqual(1)
        expect(matrixError(addScaled(made, 1e-4, made), due, unit)).toBeGreaterThan(1)
      }
    })
  }

  /** P = 20, and 2 rows for each example. */
  const net = mlp(3, [3, 2], "tanh")
  for (const [examples, where] of [
    [7, "R = 14 rows under P = 20 parameters"],
    [10, "R = P = 20"],
    [13, "R = 26 rows over P = 20 parameters"]
  ] as const) {
    const c = problem({ likelihood: gaussian(0.49), activation: "tanh" }, net, examples)
    const g = generator(5).normals(size(net))

    it(`the solve is the dense Fisher's, for g inside and outside the span of the rows, ratio <= 1; control: without what is outside [${where}]`, async () => {
      const fisher = await estimate(c, Structure.gram)
      expect(fisher.means[0]!.length).toBe(2 * examples * size(net))
      const F = writtenOut(await estimate(c, Structure.dense))
      const largest = F.values.at(-1)!
      const outside = outsideSpan(F, g, 1e-5 * largest)
      const inside = axpy(g, -1, outside)
      for (const damping of [1e-2 * largest, largest]) {
        const m = damped(F.matrix, damping)
        const unit = size(net) * eps32 * condition(m)
        for (const right of [inside, outside, g]) {
          const single = Float32Array.from(right)
          // Rounding is all that there is outside of rows that span everything.
          if (norm(single) < 1e-3 * norm(g)) continue
          const due = solve(m, single)
          const made = Result.getOrThrow(
            Fisher.solve(fisher, subject(c).cotangent(single), Damping.absolute(damping))
          ).values
          expect(vectorError(made, due, unit)).toBeLessThanOrEqual(1)
        }
        // (F + damping)^-1 g for a g that is taken to lie in the span.
        const spanned = solve(m, inside)
        if (norm(outside) > 1e-3 * norm(g)) expect(vectorError(spanned, solve(m, g), unit)).toBeGreaterThan(1)
      }
      if (2 * examples < size(net)) expect(norm(outside)).toBeGreaterThan(1e-3 * norm(g))
    })
  }

  it("a damping of 1e-4 of the largest eigenvalue leaves g / damping outside the span, to 1e-5", async () => {
    const c = problem({ likelihood: gaussian(0.49), activation: "tanh" }, net, 7)
    const F = writtenOut(await estimate(c, Structure.gram))
    const largest = F.values.at(-1)!
    const outside = Float32Array.from(
      outsideSpan(F, outsideSpan(F, generator(5).normals(size(net)), 1e-5 * largest), 1e-5 * largest)
    )
    const { values } = Result.getOrThrow(
      Fisher.solve(F.fisher, subject(c).cotangent(outside), Damping.absolute(1e-4 * largest))
    )
    expect(
      relativeError(
        values.map((value) => value * 1e-4 * largest),
        outside
      )
    ).toBeLessThanOrEqual(1e-5)
  })
})

describe("what is factored", () => {
  for (const [name, structure] of Object.entries(spectralOf(3))) {
    it(`${name}: is factored once for each damping, and its eigenbasis once; control: a Fisher that is new`, async () => {
      const c = problem({ likelihood: likelihoods[0]!, activation: "tanh" })
      const fisher = await estimate(c, structure)
      const g = subject(c).cotangent(generator(5).normals(size(c.net)))
      const { calls, kernels } = countingKernels()
      const work = () => calls("cholesky") + calls("symmetricEigen")
      const first = make({ ...fisher, kernels })
      const solved = (of: typeof first, damping: number) =>
        Result.getOrThrow(Fisher.solve(of, g, Damping.absolute(damping)))
      solved(first, 0.1)
      const once = work()
      solved(first, 0.1)
      Result.getOrThrow(Fisher.logDeterminant(first, 0.1))
      expect(work()).toBe(once)
      const power = (exponent: number, damping: number) =>
        Result.getOrThrow(Fisher.power(first, g, { exponent, damping }))
      power(0.5, 0.1)
      const both = work()
      power(-0.5, 0.2)
      power(2, 0)
      expect(work()).toBe(both)
      solved(make({ ...fisher, kernels }), 0.1)
      expect(work()).toBe(both + once)
      // The diagonal and EKFAC have nothing to factor.
      const none = name === "diagonal" || name === "ekfac"
      expect(once > 0).toBe(!none)
    })
  }
})

describe("quasiDiagonal", () => {
  for (const [name, c] of Object.entries(cases)) {
    const parts = (f: Matrix) => ({ due: quasiDiagonal(c.net, f), arrow: biasArrow(c.net, f) })

    it(`is Ollivier's completion of the Fisher, exact and with 4 draws, to 1e-5; control: without the completion [${name}]`, async () => {
      const draws = drawsOf(c)
      for (const [sampler, f] of [
        [Sampler.exact, denseFisher(c.net, c.likelihood, c.theta, c.X)],
        [given(draws), sampledFisher(c.net, c.likelihood, c.theta, c.X, draws)]
      ] as const) {
        const made = await matrixOf(c, Structure.quasiDiagonal, sampler)
        const { arrow, due } = parts(f)
        expect(relativeError(made, due)).toBeLessThanOrEqual(bound)
        const without = name === "no bias" ? blockDiagonal(c.net, f) : arrow
        expect(relativeError(without, due)).toBeGreaterThan(bound)
      }
    })

    it(`its inverse without damping is Ollivier's formula, to 1e-4; control: the inverse of the diagonal [${name}]`, async () => {
      const fisher = await estimate(atMore(c), Structure.quasiDiagonal)
      const m = rows(Fisher.toDense(fisher))
      const g = Float64Array.from(generator(9).normals(size(c.net)), Math.fround)
      const due = quasiDiagonalSolve(c.net, m, g)
      const made = Result.getOrThrow(
        Fisher.solve(fisher, subject(c).cotangent(g), Damping.absolute(0))
      ).values
      expect(relativeError(made, due)).toBeLessThanOrEqual(1e-4)
      const alone = g.map((value, i) => value / m[i]![i]!)
      if (name !== "no bias") expect(relativeError(alone, due)).toBeGreaterThan(1e-4)
    })
  }

  it("is positive semidefinite, ratio <= 1, where the Fisher's own entries of bias and weights alone are not", async () => {
    const c = cases["categorical"]!
    const f = denseFisher(c.net, c.likelihood, c.theta, c.X)
    const least = (m: Matrix) => -eigenvalues(m)[0]! / (m.length * eps32 * frobenius(m))
    expect(least(await matrixOf(c, Structure.quasiDiagonal))).toBeLessThanOrEqual(1)
    expect(least(biasArrow(c.net, f))).toBeGreaterThan(1)
  })
})

/** U_A (x) U_G of each layer, from what an EKFAC Fisher is taken in. */
const basesOf = ({ space, structure }: Fisher.Fisher<string, never>) =>
  space.blocks.map(({ offset }, i) => ({
    offset,
    basis: kron(rows(structure.constants[2 * i]!), rows(structure.constants[2 * i + 1]!))
  }))

/** The diagonal of U^T F U, layer after layer. */
const rotatedDiagonal = (fisher: Fisher.Fisher<string, never>, f: Matrix): ReadonlyArray<number> =>
  basesOf(fisher).flatMap(({ basis, offset }) => {
    const block = tabulate(basis.length, basis.length, (i, j) => f[offset + i]![offset + j]!)
    const columns = transpose(basis)
    return columns.map((u) => dot(u, matvec(block, u)))
  })

describe("ekfac", () => {
  for (const [name, c] of Object.entries(cases)) {
    const unit = size(c.net) * eps32
    for (const [samplerName, sampler, other] of [
      ["exact", Sampler.exact, Sampler.monteCarlo({ draws: 4, seed: 1 })],
      ["4 draws", Sampler.monteCarlo({ draws: 4, seed: 0 }), Sampler.monteCarlo({ draws: 4, seed: 1 })]
    ] as const) {
      it(`its scalings are the diagonal of the dense Fisher of the same draws in its bases, from one call, ratio <= 1; control: other draws [${name}, ${samplerName}]`, async () => {
        const fisher = await estimate(c, Structure.ekfac, sampler)
        const scalings = fisher.means.flatMap((mean) => Array.from(mean))
        const due = rotatedDiagonal(fisher, await matrixOf(c, Structure.dense, sampler))
        expect(vectorError(scalings, due, unit)).toBeLessThanOrEqual(1)
        const wrong = rotatedDiagonal(fisher, await matrixOf(c, Structure.dense, other))
        expect(vectorError(scalings, wrong, unit)).toBeGreaterThan(1)
      })

      it(`its bases are those of K-FAC of the same draws, ratio <= 1; control: other draws [${name}, ${samplerName}]`, async () => {
        const { space, structure } = await estimate(c, Structure.ekfac, sampler)
        /** |off-diagonal of U^T M U| / (n eps |M|), the worst factor. */
        const coupling = async (of: Layer.Layer<Sampler, unknown>) => {
          const { means } = await estimate(c, Structure.kfac, of)
          return Math.max(
            ...structure.constants.map((flat, i) => {
              const [u, m] = [rows(flat), rows(Structure.unpacked(means[i]!))]
              const turned = matmul(transpose(u), matmul(m, u))
              const off = addScaled(turned, -1, diagonalPart(turned))
              return ratio(frobenius(off), u.length * eps32 * frobenius(m))
            })
          )
        }
        expect(structure.constants.length).toBe(2 * space.blocks.length)
        expect(await coupling(sampler)).toBeLessThanOrEqual(1)
        expect(await coupling(other)).toBeGreaterThan(1)
      })

      it(`its trace is that of the dense Fisher, ratio <= 1; control: K-FAC's, of the convolutions and of several examples [${name}, ${samplerName}]`, async () => {
        const due = trace(await matrixOf(c, Structure.dense, sampler))
        const error = async (of: typeof Structure.ekfac | typeof Structure.kfac) =>
          ratio(Math.abs(Fisher.trace(await estimate<"trace">(c, of, sampler)) - due), unit * due)
        expect(await error(Structure.ekfac)).toBeLessThanOrEqual(1)
        expect(await error(Structure.kfac)).toBeGreaterThan(1)
      })
    }
  }

  it("is never farther from the layers of the Fisher than K-FAC, in 18 pairs and 5 other networks, exact and with 4 draws; control: its scalings in another order", async () => {
    const all = [...pairs.map((pair) => problem(pair)), ...Object.values(shared)]
    for (const c of all) {
      for (const sampler of [Sampler.exact, Sampler.monteCarlo({ draws: 4, seed: 0 })]) {
        const f = blockDiagonal(c.net, await matrixOf(c, Structure.dense, sampler))
        const away = (m: Matrix) => frobenius(addScaled(m, -1, f))
        const ekfac = await estimate(c, Structure.ekfac, sampler)
        const ours = away(rows(Fisher.toDense(ekfac)))
        const theirs = away(await matrixOf(c, Structure.kfac, sampler))
        expect(ours).toBeLessThanOrEqual(theirs + size(c.net) * eps32 * frobenius(f))
        const turned = make({ ...ekfac, means: ekfac.means.map((mean) => mean.toReversed()) })
        expect(away(rows(Fisher.toDense(turned)))).toBeGreaterThan(theirs)
      }
    }
  })
})

describe("mixed", () => {
  const c = problem({ likelihood: likelihoods[0]!, activation: "tanh" })
  const unit = size(c.net) * eps32
  const g = subject(c).cotangent(generator(5).normals(size(c.net)))
  const draws = Sampler.monteCarlo({ draws: 5, seed: 4 })
  const names = Object.keys(allStructures)
  /** Each structure at each of the three layers once. */
  const turns = names.map((_, i) => [0, 1, 2].map((layer) => names[(i + layer) % names.length]!))

  for (const turn of turns) {
    it(`${turn.join(", ")}: each layer is that of its own structure, with nothing between, in solve and draws too, ratio <= 1; control: the structures in another order`, async () => {
      const parts = turn.map((name) => allStructures[name]!)
      const fisher = await estimate(c, Structure.mixed(parts), draws)
      expect(fisher.structure.name).toBe(`mixed(${turn.join(", ")})`)
      const due = async (of: typeof parts) => {
        const whole = Array.from({ length: size(c.net) }, () => new Float64Array(size(c.net)))
        const solved = new Float64Array(size(c.net))
        for (const [i, part] of of.entries()) {
          const own = Result.getOrThrow(Fisher.restrict(await estimate(c, part, draws), i))
          const { offset } = fisher.space.blocks[i]!
          rows(Fisher.toDense(own)).forEach((row, r) => whole[offset + r]!.set(Array.from(row), offset))
          const gradient = { ...g, space: own.space, values: g.values.slice(offset, offset + own.space.size) }
          const { values } = Result.getOrThrow(
            Fisher.solve(own, gradient as never, Damping.absolute(0.1))
          ) as { readonly values: Vector }
          solved.set(Array.from(values), offset)
        }
        return { whole, solved }
      }
      const made = rows(Fisher.toDense(fisher))
      const { values } = Result.getOrThrow(Fisher.solve(fisher, g, Damping.absolute(0.1)))
      const right = await due(parts)
      expect(matrixError(made, right.whole, unit)).toBeLessThanOrEqual(1)
      expect(vectorError(values, right.solved, unit)).toBeLessThanOrEqual(1)
      const wrong = await due([parts[1]!, parts[2]!, parts[0]!])
      expect(matrixError(made, wrong.whole, unit)).toBeGreaterThan(1)
      expect(vectorError(values, wrong.solved, unit)).toBeGreaterThan(1)
    })
  }

  it("of kfac alone is kfac, bit for bit, with its factored solve", async () => {
    const { kfac } = Structure
    const [ours, due] = [
      await estimate(c, Structure.mixed([kfac, kfac, kfac]), draws),
      await estimate(c, kfac, draws)
    ]
    expect(ours.means).toEqual(due.means)
    for (const damping of [Damping.absolute(0.1), Damping.factored(0.1)]) {
      expect(Result.getOrThrow(Fisher.solve(ours, g, damping))).toEqual(
        Result.getOrThrow(Fisher.solve(due, g, damping))
      )
    }
  })

  it("of ekfac alone is ekfac, bit for bit, in its own bases", async () => {
    const { ekfac } = Structure
    const ours = await estimate(c, Structure.mixed([ekfac, ekfac, ekfac]), draws)
    const due = await estimate(c, ekfac, draws)
    expect(ours.means).toEqual(due.means)
    expect(ours.structure.constants).toEqual(due.structure.constants)
  })

  it("may be of mixtures, and of convolutions", async () => {
    const net = convolutionCase(convolutionNets["strides 2 and 1"]!)
    const inner = Structure.mixed([Structure.ekfac])
    const fisher = await estimate(net, Structure.mixed([inner, Structure.quasiDiagonal]))
    const due = await estimate(net, Structure.mixed([Structure.ekfac, Structure.quasiDiagonal]))
    expect(fisher.means).toEqual(due.means)
    expect(Fisher.toDense(fisher)).toEqual(Fisher.toDense(due))
  })

  it("has the operations that all of its parts have, and no other", async () => {
    const has = async (...parts: ReadonlyArray<Structure.AnyStructure<never>>) =>
      Object.keys((await estimate<never>(c, Structure.mixed(parts))).operations).sort()
    const every = Object.keys((await estimate(c, Structure.kfac)).operations)
    const without = (...gone: ReadonlyArray<string>) =>
      [...every, "sum"].filter((name) => !gone.includes(name)).sort()
    const { dense, diagonal, ekfac, gram, kfac, quasiDiagonal } = Structure
    expect(await has(kfac, kfac, kfac)).toEqual(without("sum"))
    expect(await has(dense, gram, diagonal)).toEqual(without("factoredSolve"))
    expect(await has(dense, kfac, diagonal)).toEqual(without("factoredSolve", "sum"))
    expect(await has(dense, ekfac, diagonal)).toEqual(without("factoredSolve", "sum"))
    expect(await has(kfac, quasiDiagonal, kfac)).toEqual(
      without("factoredSolve", "sum", "power", "spectralNorm", "eigenvalues")
    )
  })
})

describe("0 F", () => {
  const c = problem({ likelihood: likelihoods[1]!, activation: "tanh" })
  const g = subject(c).cotangent(generator(5).normals(size(c.net)))
  for (const [name, structure] of Object.entries(structuresOf(3))) {
    it(`${name}: is 0, its solve divides by the damping and its draws by the root of it, ratio <= 1`, async () => {
      const fisher = Result.getOrThrow(Fisher.scale(await estimate(c, structure), 0))
      const unit = size(c.net) * eps32
      expect(Math.max(...Fisher.toDense(fisher).map(Math.abs))).toBe(0)
      expect([Fisher.trace(fisher), Fisher.frobeniusNorm(fisher)]).toEqual([0, 0])
      const solved = Result.getOrThrow(Fisher.solve(fisher, g, Damping.absolute(0.5))).values
      expect(
        vectorError(
          solved,
          g.values.map((value) => 2 * value),
          unit
        )
      ).toBeLessThanOrEqual(1)
      const drawn = Result.getOrThrow(Fisher.sample(fisher, { damping: 0.25, seed: 1 })).values
      const due = Result.getOrThrow(Fisher.sample(fisher, { damping: 1, seed: 1 })).values
      expect(
        vectorError(
          drawn,
          due.map((value) => 2 * value),
          unit
        )
      ).toBeLessThanOrEqual(1)
      const log = Result.getOrThrow(Fisher.logDeterminant(fisher, 0.5))
      expect(ratio(Math.abs(log - size(c.net) * Math.log(0.5)), unit)).toBeLessThanOrEqual(1)
    })
  }
  for (const [name, structure] of Object.entries(spectralOf(3))) {
    it(`${name}: has eigenvalues 0 and the powers of the damping, ratio <= 1`, async () => {
      const fisher = Result.getOrThrow(Fisher.scale(await estimate(c, structure), 0))
      expect(Result.getOrThrow(Fisher.eigenvalues(fisher))).toEqual(new Float64Array(size(c.net)))
      expect(Result.getOrThrow(Fisher.spectralNorm(fisher))).toBe(0)
      for (const [exponent, damping, factor] of [
        [0.5, 0.25, 0.5],
        [-0.5, 0.25, 2],
        [0.5, 0, 0],
        [0, 0, 1]
      ] as const) {
        const made = Result.getOrThrow(Fisher.power(fisher, g, { exponent, damping }))
        const due = g.values.map((value) => factor * value)
        expect(vectorError(made, due, size(c.net) * eps32)).toBeLessThanOrEqual(1)
      }
    })
  }
})
