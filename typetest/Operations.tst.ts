/** What a structure can do, in the types: an operation that it lacks does not compile, and what is chosen at run time can do what each choice can. */
import { type Effect, pipe, type Result } from "effect"
import { describe, expect, test } from "tstyche"
import {
  Accumulator,
  type Conditional,
  Cotangent,
  Damping,
  type Errors,
  Fisher,
  NaturalGradient,
  type ParamSpace,
  type Params,
  Structure,
  Tangent,
  Training
} from "../src/index.ts"

type A = "784 > dense(64) > tanh > dense(10)"
type B = "784 > dense(32) > tanh > dense(10)"
type Able<T extends Structure.AnyStructure<never>> = Structure.OperationsOf<T>
type Of<T extends Structure.AnyStructure<never>, S extends string = A> = Fisher.Fisher<S, Able<T>>
type Estimated<E> = E extends Effect.Effect<infer F, infer _E, infer _R> ? F : never
type Fail = Structure.SolveError | Errors.InvalidArgument | Errors.ShapeMismatch | Errors.NonFinite

declare const conditional: Conditional.Conditional<A>
declare const params: Params.Params<A>
declare const space: ParamSpace.ParamSpace<A>
declare const update: Tangent.Tangent<A>
declare const otherUpdate: Tangent.Tangent<B>
declare const gradient: Cotangent.Cotangent<A>
declare const otherGradient: Cotangent.Cotangent<B>
declare const dense: Of<typeof Structure.dense>
declare const blockDiagonal: Of<typeof Structure.blockDiagonal>
declare const diagonal: Of<typeof Structure.diagonal>
declare const quasiDiagonal: Of<typeof Structure.quasiDiagonal>
declare const kfac: Of<typeof Structure.kfac>
declare const ekfac: Of<typeof Structure.ekfac>
declare const gram: Of<typeof Structure.gram>
declare const unitwise: Of<typeof Structure.unitwise>
declare const kfacReduce: Of<typeof Structure.kfacReduce>
declare const ekfacReduce: Of<typeof Structure.ekfacReduce>
declare const otherDense: Of<typeof Structure.dense, B>
declare const flag: boolean

const absolute = Damping.absolute(1)
const factored = Damping.factored(1)
const half = { exponent: 0.5, damping: 0 }
const draw = { damping: 1, seed: 0 }

describe("what a structure can do", () => {
  test("is everything but what its mathematics lacks", () => {
    type Every = Structure.Operation
    expect<Able<typeof Structure.dense>>().type.toBe<Exclude<Every, "factoredSolve">>()
    expect<Able<typeof Structure.blockDiagonal>>().type.toBe<Exclude<Every, "factoredSolve">>()
    expect<Able<typeof Structure.diagonal>>().type.toBe<Exclude<Every, "factoredSolve">>()
    expect<Able<typeof Structure.gram>>().type.toBe<Exclude<Every, "factoredSolve">>()
    expect<Able<typeof Structure.kfac>>().type.toBe<Exclude<Every, "sum">>()
    expect<Able<typeof Structure.ekfac>>().type.toBe<Exclude<Every, "factoredSolve" | "sum">>()
    expect<Able<typeof Structure.kfacReduce>>().type.toBe<Able<typeof Structure.kfac>>()
    expect<Able<typeof Structure.ekfacReduce>>().type.toBe<Able<typeof Structure.ekfac>>()
    expect<Able<typeof Structure.unitwise>>().type.toBe<Exclude<Every, "factoredSolve">>()
    expect<Able<typeof Structure.quasiDiagonal>>().type.toBe<
      Exclude<Every, "factoredSolve" | "sum" | "power" | "spectralNorm" | "eigenvalues">
    >()
  })
  test("lets every Fisher of it be solved, drawn from, scaled and restricted", () => {
    for (const fisher of [dense, blockDiagonal, diagonal, quasiDiagonal, kfac, ekfac, gram] as const) {
      expect(Fisher.solve).type.toBeCallableWith(fisher, gradient, absolute)
      expect(Fisher.sample).type.toBeCallableWith(fisher, draw)
      expect(Fisher.logDeterminant).type.toBeCallableWith(fisher, 1)
    }
    expect(Fisher.scale(quasiDiagonal, 2)).type.toBe<
      Result.Result<Of<typeof Structure.quasiDiagonal>, Errors.InvalidArgument | Errors.NonFinite>
    >()
  })
})

describe("an operation that a structure lacks", () => {
  test("is no power, eigenvalue, norm or comparison of a quasi-diagonal one", () => {
    expect(Fisher.power).type.toBeCallableWith(dense, update, half)
    expect(Fisher.power).type.not.toBeCallableWith(quasiDiagonal, update, half)
    expect(Fisher.eigenvalues).type.not.toBeCallableWith(quasiDiagonal)
    expect(Fisher.spectralNorm).type.not.toBeCallableWith(quasiDiagonal)
    expect(Fisher.compare).type.toBeCallableWith(kfac, dense)
    expect(Fisher.compare).type.not.toBeCallableWith(quasiDiagonal, dense)
    expect(Fisher.compare).type.not.toBeCallableWith(dense, quasiDiagonal)
  })
  test("is a factored solve of what has no factors", () => {
    expect(Fisher.solve).type.toBeCallableWith(kfac, gradient, factored)
    expect(Fisher.solve).type.not.toBeCallableWith(dense, gradient, factored)
    expect(Fisher.solve).type.not.toBeCallableWith(ekfac, gradient, factored)
    expect(Fisher.solve).type.not.toBeCallableWith(gram, gradient, factored)
    expect(Fisher.solve).type.toBeCallableWith(kfacReduce, gradient, factored)
    expect(Fisher.solve).type.not.toBeCallableWith(ekfacReduce, gradient, factored)
    expect(Fisher.solve).type.not.toBeCallableWith(unitwise, gradient, factored)
    expect(NaturalGradient.step).type.not.toBeCallableWith(params, gradient, ekfac, {
      learningRate: 1,
      damping: factored
    })
  })
  test("is a sum of what is not linear in its moments", () => {
    expect(Fisher.sum).type.toBeCallableWith(dense, dense)
    expect(Fisher.sum).type.toBeCallableWith(gram, gram)
    expect(Fisher.sum).type.not.toBeCallableWith(kfac, kfac)
    expect(Fisher.sum).type.not.toBeCallableWith(ekfac, ekfac)
    expect(Fisher.sum).type.toBeCallableWith(unitwise, unitwise)
    expect(Fisher.sum).type.not.toBeCallableWith(kfacReduce, kfacReduce)
    expect(Fisher.sum).type.not.toBeCallableWith(quasiDiagonal, quasiDiagonal)
  })
  test("is an accumulator or a training of two passes", () => {
    expect(Accumulator.empty).type.toBeCallableWith(Structure.gram, space)
    expect(Accumulator.empty).type.not.toBeCallableWith(Structure.ekfac, space)
    expect(Accumulator.empty).type.toBeCallableWith(Structure.kfacReduce, space)
    expect(Accumulator.empty).type.not.toBeCallableWith(Structure.ekfacReduce, space)
    expect(Fisher.accumulate).type.toBeCallableWith(conditional, params, Structure.kfac)
    expect(Fisher.accumulate).type.not.toBeCallableWith(conditional, params, Structure.ekfac)
    const settings = { learningRate: 1, damping: absolute }
    expect(Training.run).type.toBeCallableWith(conditional, params, {
      ...settings,
      structure: Structure.quasiDiagonal
    })
    expect(Training.run).type.not.toBeCallableWith(conditional, params, {
      ...settings,
      structure: Structure.ekfac
    })
  })
})

describe("the vectors of an operation", () => {
  test("are of the Fisher's own network", () => {
    expect(Fisher.power).type.not.toBeCallableWith(dense, otherUpdate, half)
    expect(Fisher.power).type.not.toBeCallableWith(otherDense, gradient, half)
    expect(Fisher.solve).type.not.toBeCallableWith(gram, otherGradient, absolute)
    expect(Fisher.sum).type.not.toBeCallableWith(dense, otherDense)
    expect(Fisher.compare).type.not.toBeCallableWith(dense, otherDense)
  })
  test("are an update or a gradient for a power, which gives plain numbers; a draw is an update", () => {
    expect(Fisher.power(ekfac, update, half)).type.toBe<Result.Result<Float32Array, Fail>>()
    expect(Fisher.power(ekfac, gradient, half)).type.toBe<Result.Result<Float32Array, Fail>>()
    expect(Fisher.power).type.not.toBeCallableWith(ekfac, params, half)
    expect(Fisher.sample(gram, draw)).type.toBe<Result.Result<Tangent.Tangent<A>, Fail>>()
    expect(pipe(kfac, Fisher.sample(draw))).type.toBe<Result.Result<Tangent.Tangent<A>, Fail>>()
  })
  test("have options without defaults, but for the number of a draw", () => {
    expect(Fisher.power).type.not.toBeCallableWith(dense, update, { exponent: 1 })
    expect(Fisher.power).type.not.toBeCallableWith(dense, update, { damping: 1 })
    expect(Fisher.sample).type.not.toBeCallableWith(dense, { damping: 1 })
    expect(Fisher.sample).type.not.toBeCallableWith(dense, { seed: 1 })
    expect(Fisher.sample).type.toBeCallableWith(dense, { ...draw, draw: 3 })
    expect(Fisher.logDeterminant).type.not.toBeCallableWith(dense, absolute)
  })
})

describe("a structure chosen at run time", () => {
  test("can do what each of the choices can", () => {
    const chosen = flag ? Structure.dense : Structure.kfac
    const estimate = Fisher.estimate(conditional, params, chosen)
    type Chosen = Estimated<typeof estimate>
    expect<Chosen>().type.toBe<Fisher.Fisher<A, Exclude<Structure.Operation, "factoredSolve" | "sum">>>()
    const fisher = {} as Chosen
    expect(Fisher.power).type.toBeCallableWith(fisher, update, half)
    expect(Fisher.solve).type.toBeCallableWith(fisher, gradient, absolute)
    expect(Fisher.solve).type.not.toBeCallableWith(fisher, gradient, factored)
    expect(Fisher.sum).type.not.toBeCallableWith(fisher, fisher)
  })
  test("may take one pass or two", () => {
    const chosen = flag ? Structure.ekfac : flag ? Structure.quasiDiagonal : Structure.gram
    const estimate = Fisher.estimate(conditional, params, chosen)
    expect<Estimated<typeof estimate>>().type.toBe<Of<typeof Structure.quasiDiagonal>>()
    expect(Accumulator.empty).type.not.toBeCallableWith(chosen, space)
  })
  test("by itself can do all that it can", () => {
    const estimate = Fisher.estimate(conditional, params, Structure.ekfac)
    expect<Estimated<typeof estimate>>().type.toBe<typeof ekfac>()
    const other = Fisher.estimate(conditional, params, Structure.gram)
    expect<Estimated<typeof other>>().type.toBe<typeof gram>()
  })
})

const mixture = () => Structure.mixed([Structure.kfacReduce, Structure.unitwise])

describe("a mixture", () => {
  test("can do what all of its parts can", () => {
    const { dense, gram, kfac, quasiDiagonal } = Structure
    expect<Able<ReturnType<typeof mixture>>>().type.toBe<
      Exclude<Structure.Operation, "factoredSolve" | "sum">
    >()
    expect(Structure.mixed([kfac, kfac])).type.toBe<
      Structure.Structure<Able<typeof kfac>> & Structure.OfLayers
    >()
    expect(Structure.mixed([dense, gram])).type.toBe<Structure.Structure<Able<typeof dense>>>()
    expect(Structure.mixed([kfac, dense])).type.toBe<
      Structure.Structure<Exclude<Structure.Operation, "factoredSolve" | "sum">> & Structure.OfLayers
    >()
    expect(Structure.mixed([kfac, quasiDiagonal])).type.toBe<
      Structure.Structure<Able<typeof quasiDiagonal>> & Structure.OfLayers
    >()
  })
  test("takes two passes where one of its parts does", () => {
    const { dense, ekfac, kfac } = Structure
    expect(Structure.mixed([ekfac, dense])).type.toBe<
      Structure.TwoPass<Able<typeof ekfac>> & Structure.OfLayers
    >()
    expect(Structure.mixed([ekfac])).type.toBe<Structure.TwoPass<Able<typeof ekfac>> & Structure.OfLayers>()
    expect(Accumulator.empty).type.toBeCallableWith(Structure.mixed([kfac, dense]), space)
    expect(Accumulator.empty).type.not.toBeCallableWith(Structure.mixed([kfac, ekfac]), space)
  })
  test("gives a Fisher of those operations", () => {
    const estimate = Fisher.estimate(conditional, params, Structure.mixed([Structure.kfac, Structure.ekfac]))
    expect<Estimated<typeof estimate>>().type.toBe<Of<typeof Structure.ekfac>>()
  })
  test("is of structures alone", () => {
    expect(Structure.mixed).type.not.toBeCallableWith(["kfac", "dense"])
    expect(Structure.mixed).type.not.toBeCallableWith(Structure.kfac)
    expect(Structure.mixed).type.not.toBeCallableWith([Structure.mixed])
  })
})

describe("one layer's part", () => {
  type First = `${A}, block 0`
  type Second = `${A}, block 1`

  test("is a Fisher of that layer's own space, which can do what the whole can", () => {
    expect(Fisher.restrict(ekfac, 0)).type.toBe<
      Result.Result<Of<typeof Structure.ekfac, First>, Errors.InvalidArgument>
    >()
    expect(pipe(gram, Fisher.restrict(1))).type.toBe<
      Result.Result<Of<typeof Structure.gram, Second>, Errors.InvalidArgument>
    >()
    expect(Tangent.restrict(update, 0)).type.toBe<Tangent.Tangent<First>>()
    expect(Cotangent.restrict(gradient, 1)).type.toBe<Cotangent.Cotangent<Second>>()
  })
  test("takes vectors of that layer, and no others", () => {
    const first = {} as Of<typeof Structure.kfac, First>
    expect(Fisher.apply).type.toBeCallableWith(first, Tangent.restrict(update, 0))
    expect(Fisher.apply).type.not.toBeCallableWith(first, Tangent.restrict(update, 1))
    expect(Fisher.apply).type.not.toBeCallableWith(first, update)
    expect(Fisher.solve).type.toBeCallableWith(first, Cotangent.restrict(gradient, 0), factored)
    expect(Fisher.solve).type.not.toBeCallableWith(first, gradient, absolute)
    expect(Fisher.solve).type.not.toBeCallableWith(first, Tangent.restrict(update, 0), absolute)
    expect(Fisher.apply).type.not.toBeCallableWith(kfac, Tangent.restrict(update, 0))
  })
  test("of two layers is of two types, open where the layer is a number", () => {
    expect<Tangent.Tangent<First>>().type.not.toBeAssignableTo<Tangent.Tangent<Second>>()
    expect<Of<typeof Structure.dense, First>>().type.not.toBeAssignableTo<
      Of<typeof Structure.dense, Second>
    >()
    const index = 1 as number
    expect(Tangent.restrict(update, index)).type.toBe<Tangent.Tangent<`${A}, block ${number}`>>()
  })
})

describe("sums and multiples", () => {
  test("are Fishers that can do the same", () => {
    expect(Fisher.sum(gram, gram)).type.toBe<
      Result.Result<typeof gram, Errors.ShapeMismatch | Errors.NonFinite>
    >()
    expect(pipe(kfac, Fisher.scale(2))).type.toBe<
      Result.Result<typeof kfac, Errors.InvalidArgument | Errors.NonFinite>
    >()
    expect(pipe(dense, Fisher.sum(dense))).type.toBe<
      Result.Result<typeof dense, Errors.ShapeMismatch | Errors.NonFinite>
    >()
    expect(Fisher.compare(kfac, dense)).type.toBe<
      Result.Result<Fisher.Comparison, Structure.SolveError | Errors.ShapeMismatch | Errors.InvalidArgument>
    >()
  })
})
