/**
 * Every operation of every structure on a network with blocks of different forms, against the same thing done on its own matrix.
 *
 * The network is 3x2 > masking > dense(4) > layerNorm > tanh > flatten > dense(3): blocks of 12 parameters at T = 3 positions, of which
 * an example may have one masked, of 4 units with scale and shift, and of 39 at one position. N = 7 examples in blocks of 3, 3 and 1.
 * Errors are in units of n eps, n = P = 59 and eps = 2^-24, times the condition of what is computed; the damping is 0.1.
 */
import { Effect, Result } from "effect"
import { describe, expect, it } from "vitest"
import {
  Accumulator,
  Conditional,
  Cotangent,
  Damping,
  Fisher,
  Snapshot,
  Structure,
  Tangent
} from "../src/index.ts"
import { reference } from "../src/kernels/reference.ts"
import { frobenius, kron, type Matrix, matvec, norm, scale, tabulate, trace } from "./oracle/linear.ts"
import { generator } from "./oracle/random.ts"
import { damped } from "./oracle/structures.ts"
import { operationErrors } from "./support/fisherLaws.ts"
import { formBlocks, forms } from "./support/formNets.ts"
import { bothCategorical, exactKfac, oracleFisher, runGraph } from "./support/graphFishers.ts"
import { graphCase, once, paramsOf } from "./support/graphLaws.ts"
import { eps32, matrixError, ratio, vectorError, worst } from "./support/measure.ts"
import {
  covarianceError,
  determinantError,
  eigenvaluesError,
  powerError,
  residual,
  restrictErrors,
  rootError,
  scaleErrors,
  type Written,
  writtenOut
} from "./support/operationLaws.ts"
import { deficit, negated } from "./support/psd.ts"
import { definiteMatrices } from "./support/randomStructures.ts"
import { type Common, type Spectral, sharing, spectralOf, structuresOf } from "./support/structures.ts"
import { rows } from "./support/subject.ts"

const c = graphCase(forms, 7)
const { space } = c.network
const conditional = Conditional.make(c.network, bothCategorical.library)
const params = paramsOf(c, c.theta)
const v = Tangent.make(space, Array.from(generator(21).normals(space.size)))
const g = Cotangent.make(space, Array.from(generator(22).normals(space.size)))
const damping = 0.1

const estimated = <Op extends Structure.Operation>(structure: Structure.AnyStructure<Op>) =>
  runGraph(c)(Fisher.estimate(conditional, params, structure, { blockSize: 3 }))
/** Estimated when the first test asks. */
const kept = <A>(make: () => Promise<A>): (() => Promise<A>) => once(make)

const all = { ...structuresOf(formBlocks), ...sharing }
const spectral = { ...spectralOf(formBlocks), ...sharing }

describe("the structures on blocks of every form", () => {
  it("are of the forms outer, unitwise, outer", () => {
    expect(space.blocks.map(({ form }) => form)).toEqual(["outer", "unitwise", "outer"])
  })

  for (const [name, structure] of Object.entries(all)) {
    const made = kept(async (): Promise<Written<Common>> => writtenOut(await estimated(structure)))

    it(`${name}: product, form, trace, norm and diagonal are its matrix's, ratio <= 1; control: 1 % more`, async () => {
      const { fisher } = await made()
      expect(worst(operationErrors(fisher, 1))).toBeLessThanOrEqual(1)
      expect(Math.min(...operationErrors(fisher, 1.01))).toBeGreaterThan(1)
    })

    it(`${name}: solve, draws and log-determinant are its matrix's, ratio <= 1; control: 1 % more damping`, async () => {
      const errors = async (times: number) => [
        residual(await made(), g, damping, times),
        covarianceError(await made(), damping, times),
        determinantError(await made(), damping, times)
      ]
      expect(worst(await errors(1))).toBeLessThanOrEqual(1)
      expect(Math.min(...(await errors(1.01)))).toBeGreaterThan(1)
    })

    it(`${name}: 2.5 F is 2.5 times its matrix, in trace and solve too, ratio <= 1; control: 2.55 F`, async () => {
      expect(worst(scaleErrors(await made(), g, 2.5))).toBeLessThanOrEqual(1)
      expect(Math.min(...scaleErrors(await made(), g, 2.5, 2.55))).toBeGreaterThan(1)
    })

    it(`${name}: each block's part is those rows and columns, in every operation, and can do what the whole can, ratio <= 1; control: one parameter off`, async () => {
      const { fisher } = await made()
      for (const [index] of space.blocks.entries()) {
        expect(worst(restrictErrors(await made(), v, g, index))).toBeLessThanOrEqual(1)
        const off = restrictErrors(await made(), v, g, index, index === formBlocks - 1 ? -1 : 1)
        // A trace and a determinant may be alike.
        expect(Math.min(...off.slice(0, 3), ...off.slice(4, 7))).toBeGreaterThan(1)
        const part = Result.getOrThrow(Fisher.restrict(fisher, index))
        const again = Result.getOrThrow(Fisher.restrict(part, 0))
        const able = Object.keys(fisher.operations)
        expect(Object.keys(part.operations)).toEqual(expect.arrayContaining(able))
        expect(Object.keys(again.operations)).toEqual(expect.arrayContaining(able))
        expect(again.means).toEqual(part.means)
      }
    })

    it(`${name}: what it stores and writes out is exactly symmetric and PSD, ratio <= 10; control: the sign`, async () => {
      const matrices = definiteMatrices((await made()).fisher)
      expect(worst(matrices.map(deficit))).toBeLessThanOrEqual(10)
      expect(worst(matrices.map((m) => deficit(negated(m))))).toBeGreaterThan(10)
    })

    it(`${name}: sums of two halves, one through a snapshot, are those of one walk, to the bit; control: of the first alone`, async () => {
      const { structure: single } = (await made()).fisher
      const part = (from: number, to: number) =>
        Fisher.accumulate(conditional, params, single, { blockSize: 3, from, to })
      const [first, second, whole] = await runGraph(c)(Effect.all([part(0, 3), part(3, 7), part(0, 7)]))
      const bytes = await Effect.runPromise(Snapshot.encode(Result.getOrThrow(Snapshot.of(first))))
      const read = await Effect.runPromise(Snapshot.decode(bytes, "the first half"))
      const again = Result.getOrThrow(Snapshot.toAccumulator(read, single, space))
      const means = (sums: typeof whole) => Result.getOrThrow(Accumulator.finish(sums, reference)).means
      expect(means(Result.getOrThrow(Accumulator.combine(again, second)))).toEqual(means(whole))
      expect(means(whole)).toEqual((await made()).fisher.means)
      expect(means(again)).not.toEqual(means(whole))
    })
  }

  for (const [name, structure] of Object.entries(spectral)) {
    const made = kept(async (): Promise<Written<Spectral>> => writtenOut(await estimated(structure)))

    it(`${name}: powers 2 to -1 and the square root twice are its matrix's, ratio <= 1; control: 0.01 off`, async () => {
      for (const exponent of [2, 0.5, -0.3, -1]) {
        const options = { exponent, damping }
        expect(powerError(await made(), v, options)).toBeLessThanOrEqual(1)
        expect(powerError(await made(), v, options, 0.01)).toBeGreaterThan(1)
      }
      expect(rootError(await made(), v, damping)).toBeLessThanOrEqual(1)
      expect(rootError(await made(), v, damping, 0.49)).toBeGreaterThan(1)
    })

    it(`${name}: the eigenvalues are its matrix's, ascending, the spectral norm the largest, ratio <= 1; control: descending, the Frobenius norm`, async () => {
      const of = await made()
      const values = Result.getOrThrow(Fisher.eigenvalues(of.fisher))
      expect(values).toEqual(values.slice().sort())
      expect(eigenvaluesError(of)).toBeLessThanOrEqual(1)
      expect(eigenvaluesError(of, of.values.slice().reverse())).toBeGreaterThan(1)
      const due = of.values.at(-1)!
      const largest = Result.getOrThrow(Fisher.spectralNorm(of.fisher))
      expect(ratio(Math.abs(largest - due), of.unit * due)).toBeLessThanOrEqual(1)
      expect(ratio(Math.abs(frobenius(of.matrix) - due), of.unit * due)).toBeGreaterThan(1)
    })
  }
})

describe("the unit-wise Fisher", () => {
  const due = once(() => oracleFisher(c, bothCategorical))
  /** F within the columns of each block, or within `wrong` places of it. */
  const within = (alike: (block: number, a: number, b: number) => boolean): Matrix => {
    const places = space.blocks.flatMap(({ columns, rows }, block) =>
      Array.from({ length: rows * columns }, (_, at) => ({ block, at }))
    )
    return tabulate(space.size, space.size, (i, j) => {
      const [a, b] = [places[i]!, places[j]!]
      return a.block === b.block && alike(a.block, a.at, b.at) ? due()[i]![j]! : 0
    })
  }
  const column = (block: number, at: number) => at % space.blocks[block]!.columns
  const row = (block: number, at: number) => Math.floor(at / space.blocks[block]!.columns)

  it("is the oracle's F within the columns of every block, of outer products too, to 1e-5; control: within rows, within blocks", async () => {
    const ours = rows(Fisher.toDense(await estimated(Structure.unitwise)))
    const error = (of: Matrix) => matrixError(ours, of, 1e-5)
    expect(error(within((block, a, b) => column(block, a) === column(block, b)))).toBeLessThanOrEqual(1)
    expect(error(within((block, a, b) => row(block, a) === row(block, b)))).toBeGreaterThan(1)
    expect(error(within(() => true))).toBeGreaterThan(1)
  })

  it("is the block of a layer of units in K-FAC and EKFAC, bit for bit; control: of another layer", async () => {
    const own = Result.getOrThrow(Fisher.restrict(await estimated(Structure.unitwise), 1))
    for (const structure of [Structure.kfac, Structure.ekfac, Structure.kfacReduce, Structure.ekfacReduce]) {
      const fisher: Fisher.Fisher<string, Common> = await estimated<Common>(structure)
      expect(Result.getOrThrow(Fisher.restrict(fisher, 1)).means).toEqual(own.means)
      expect(Result.getOrThrow(Fisher.restrict(fisher, 2)).means).not.toEqual(own.means)
    }
  })

  it("adds up: F + G is the sum of the matrices, ratio <= 1; control: 1 % more of one", async () => {
    const { fisher, matrix, unit } = writtenOut(await estimated(Structure.unitwise))
    const sum = Fisher.toDense(
      Result.getOrThrow(Fisher.sum(fisher, Result.getOrThrow(Fisher.scale(fisher, 2))))
    )
    const times = (factor: number) => scale(factor, matrix)
    expect(matrixError(rows(sum), times(3), unit)).toBeLessThanOrEqual(1)
    expect(matrixError(rows(sum), times(3.02), unit)).toBeGreaterThan(1)
  })
})

describe("the solve with factored damping", () => {
  for (const name of ["kfac", "kfacReduce"] as const) {
    it(`of ${name} is that of the damped factors, and of units with the damping itself, ratio <= 1; control: 1 % more damping`, async () => {
      const fisher = await estimated(Structure[name])
      const [a1, g1, units, a2, g2] = fisher.means
      const own = Array.from({ length: 4 }, (_, o) =>
        rows(Structure.unpacked(units!.subarray(3 * o, 3 * o + 3)))
      )
      const block = (a: Float32Array, g: Float32Array, value: number): Matrix => {
        const [A, G] = [rows(Structure.unpacked(a)), rows(Structure.unpacked(g))]
        const pi = Math.sqrt(trace(A) / A.length / (trace(G) / G.length))
        return kron(damped(A, pi * Math.sqrt(value)), damped(G, Math.sqrt(value) / pi))
      }
      const unitBlock = (value: number): Matrix =>
        tabulate(8, 8, (i, j) =>
          i % 4 === j % 4 ? damped(own[i % 4]!, value)[Math.floor(i / 4)]![Math.floor(j / 4)]! : 0
        )
      const matrixOf = (value: number): Matrix => {
        const parts = [block(a1!, g1!, value), unitBlock(value), block(a2!, g2!, value)]
        return tabulate(space.size, space.size, (i, j) => {
          const at = space.blocks.findLastIndex(({ offset }) => offset <= i)
          const { offset } = space.blocks[at]!
          return parts[at]![i - offset]![j - offset] ?? 0
        })
      }
      const x = Result.getOrThrow(Fisher.solve(fisher, g, Damping.factored(damping))).values
      const error = (value: number) => {
        const m = matrixOf(value)
        return vectorError(matvec(m, x), g.values, space.size * eps32, frobenius(m) * norm(x))
      }
      expect(error(damping)).toBeLessThanOrEqual(1)
      expect(error(1.01 * damping)).toBeGreaterThan(1)
    })
  }
})

describe("EKFAC", () => {
  it("has the trace of F and is no farther from what K-FAC stands for than K-FAC, expand and reduce; control: 10 times", async () => {
    const due = exactKfac(c, oracleFisher(c, bothCategorical))
    const distance = (of: Matrix, times = 1) =>
      frobenius(tabulate(of.length, of.length, (i, j) => times * of[i]![j]! - due[i]![j]!))
    for (const [first, second] of [
      ["kfac", "ekfac"],
      ["kfacReduce", "ekfacReduce"]
    ] as const) {
      const fisher = await estimated<Common>(Structure[second])
      const most = distance(rows(Fisher.toDense(await estimated<Common>(Structure[first])))) * (1 + 1e-5)
      expect(distance(rows(Fisher.toDense(fisher)))).toBeLessThanOrEqual(most)
      expect(distance(rows(Fisher.toDense(fisher)), 10)).toBeGreaterThan(most)
      expect(ratio(Math.abs(Fisher.trace(fisher) - trace(due)), 1e-5 * trace(due))).toBeLessThanOrEqual(1)
    }
  })

  it("takes in its first pass what K-FAC takes, bit for bit: K-FAC's sums go on to it; control: those of reduce", async () => {
    const sums = (structure: Structure.Structure<never>) =>
      runGraph(c)(Fisher.accumulate(conditional, params, structure, { blockSize: 3 }))
    for (const [first, second, other] of [
      [Structure.kfac, Structure.ekfac, Structure.kfacReduce],
      [Structure.kfacReduce, Structure.ekfacReduce, Structure.kfac]
    ] as const) {
      const own = await sums(first)
      expect((await sums(second.first)).sums).toEqual(own.sums)
      expect(second.first.name).toBe(first.name)
      const fisher = await estimated<Common>(second)
      const bases = (of: typeof own) =>
        Result.getOrThrow(Fisher.secondPass(second, of, fisher.kernels)).constants
      expect(bases(own)).toEqual(fisher.structure.constants)
      expect(bases(await sums(other))).not.toEqual(fisher.structure.constants)
    }
  })
})
