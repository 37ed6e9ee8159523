/** The geometry of parameter space in the types: what maps updates to gradients, what maps them back, and whose they are. */
import { pipe, type Result } from "effect"
import { describe, expect, test } from "tstyche"
import {
  Accumulator,
  Conditional,
  Cotangent,
  Damping,
  type Errors,
  Fisher,
  NaturalGradient,
  Network,
  type ParamSpace,
  Params,
  type Structure,
  Tangent
} from "../src/index.ts"

type A = "784 > dense(64) > tanh > dense(10)"
type B = "784 > dense(32) > tanh > dense(10)"
type Every = Structure.Operation
type Dense = Structure.OperationsOf<typeof Structure.dense>

declare const space: ParamSpace.ParamSpace<A>
declare const params: Params.Params<A>
declare const otherParams: Params.Params<B>
declare const update: Tangent.Tangent<A>
declare const otherUpdate: Tangent.Tangent<B>
declare const gradient: Cotangent.Cotangent<A>
declare const otherGradient: Cotangent.Cotangent<B>
declare const dense: Fisher.Fisher<A, Dense>
declare const kfac: Fisher.Fisher<A, Every>
declare const a: Conditional.Conditional<A>
declare const otherFisher: Fisher.Fisher<B, Every>

const absolute = Damping.absolute(1)
const factored = Damping.factored(1)

describe("points, movements and gradients", () => {
  test("of one network are three types, none of them assignable to another", () => {
    expect(Params.make(space, [])).type.toBe<Params.Params<A>>()
    expect(Tangent.make(space, [])).type.toBe<Tangent.Tangent<A>>()
    expect(Cotangent.make(space, [])).type.toBe<Cotangent.Cotangent<A>>()
    expect<Tangent.Tangent<A>>().type.not.toBeAssignableTo<Cotangent.Cotangent<A>>()
    expect<Cotangent.Cotangent<A>>().type.not.toBeAssignableTo<Tangent.Tangent<A>>()
    expect<Params.Params<A>>().type.not.toBeAssignableTo<Tangent.Tangent<A>>()
    expect<Tangent.Tangent<A>>().type.not.toBeAssignableTo<Params.Params<A>>()
  })
  test("of two networks have no common type", () => {
    expect<Params.Params<A>>().type.not.toBeAssignableTo<Params.Params<B>>()
    expect<Tangent.Tangent<A>>().type.not.toBeAssignableTo<Tangent.Tangent<B>>()
    expect<Cotangent.Cotangent<A>>().type.not.toBeAssignableTo<Cotangent.Cotangent<B>>()
    expect<Params.Params<A>>().type.not.toBeAssignableTo<Params.Params<A | B>>()
    expect<Fisher.Fisher<A, Every>>().type.not.toBeAssignableTo<Fisher.Fisher<B, Every>>()
  })
  test("move by an update, not by a gradient, nor by another network's update", () => {
    expect(Params.move(params, update)).type.toBe<Params.Params<A>>()
    expect(Params.move).type.not.toBeCallableWith(params, gradient)
    expect(Params.move).type.not.toBeCallableWith(params, otherUpdate)
    expect(Params.move).type.not.toBeCallableWith(update, update)
  })
  test("pair a gradient with an update of the same network, in this order", () => {
    expect(Cotangent.pair(gradient, update)).type.toBe<number>()
    expect(Cotangent.pair).type.not.toBeCallableWith(update, gradient)
    expect(Cotangent.pair).type.not.toBeCallableWith(gradient, gradient)
    expect(Cotangent.pair).type.not.toBeCallableWith(update, update)
    expect(Cotangent.pair).type.not.toBeCallableWith(gradient, otherUpdate)
  })
})

describe("a Fisher", () => {
  type Applied = Result.Result<Cotangent.Cotangent<A>, Errors.ShapeMismatch | Errors.NonFinite>
  type Solved = Result.Result<Tangent.Tangent<A>, Fisher.OperationError>

  test("maps an update to a gradient", () => {
    expect(Fisher.apply(dense, update)).type.toBe<Applied>()
    expect(pipe(dense, Fisher.apply(update))).type.toBe<Applied>()
    expect(Fisher.quadraticForm(dense, update)).type.toBe<
      Result.Result<number, Errors.ShapeMismatch | Errors.NonFinite>
    >()
  })
  test("is not applied to a gradient, to parameters, or to another network's update", () => {
    expect(Fisher.apply).type.not.toBeCallableWith(dense, gradient)
    expect(Fisher.apply).type.not.toBeCallableWith(dense, params)
    expect(Fisher.apply).type.not.toBeCallableWith(dense, otherUpdate)
    expect(Fisher.apply).type.not.toBeCallableWith(otherFisher, update)
    expect(Fisher.quadraticForm).type.not.toBeCallableWith(dense, gradient)
    expect(Fisher.quadraticForm).type.not.toBeCallableWith(dense, otherUpdate)
  })
  test("solved against a gradient gives an update", () => {
    expect(Fisher.solve(dense, gradient, absolute)).type.toBe<Solved>()
    expect(Fisher.solve(kfac, gradient, absolute)).type.toBe<Solved>()
    expect(Fisher.solve(kfac, gradient, factored)).type.toBe<Solved>()
    expect(pipe(kfac, Fisher.solve(gradient, factored))).type.toBe<Solved>()
  })
  test("is not solved against an update, nor against another network's gradient", () => {
    expect(Fisher.solve).type.not.toBeCallableWith(dense, update, absolute)
    expect(Fisher.solve).type.not.toBeCallableWith(dense, params, absolute)
    expect(Fisher.solve).type.not.toBeCallableWith(dense, otherGradient, absolute)
    expect(Fisher.solve).type.not.toBeCallableWith(otherFisher, gradient, absolute)
  })
  test("takes a damping that it can solve with, and none by default", () => {
    expect(Fisher.solve).type.not.toBeCallableWith(dense, gradient, factored)
    expect(Fisher.solve).type.not.toBeCallableWith(dense, gradient, 1)
    expect(Fisher.solve).type.not.toBeCallableWith(dense, gradient, { _tag: "Absolute" })
    expect(Fisher.solve).type.not.toBeCallableWith(dense, gradient, { _tag: "Relative", value: 1 })
    expect(Fisher.solve).type.not.toBeCallableWith(dense, gradient)
  })
  test("whose damping is chosen at run time must be able to solve with either", () => {
    expect(Fisher.solve).type.toBeCallableWith(kfac, gradient, absolute as Damping.Damping)
    expect(Fisher.solve).type.not.toBeCallableWith(dense, gradient, absolute as Damping.Damping)
  })
  test("lacks the operations that its structure lacks", () => {
    expect(Fisher.trace).type.toBeCallableWith(dense)
    expect(Fisher.trace).type.not.toBeCallableWith({} as Fisher.Fisher<A, "apply">)
    expect(Fisher.toDense).type.not.toBeCallableWith({} as Fisher.Fisher<A, "apply" | "solve">)
    expect(Fisher.apply).type.not.toBeCallableWith({} as Fisher.Fisher<A, "solve">, update)
    expect<typeof Structure.dense>().type.not.toBeAssignableTo<Structure.Structure<"factoredSolve">>()
  })
})

describe("a step", () => {
  const options = { learningRate: 1, damping: absolute }
  test("takes parameters, a gradient and a Fisher of one network", () => {
    expect(NaturalGradient.step(params, gradient, dense, options)).type.toBe<
      Result.Result<NaturalGradient.Step<A>, Fisher.OperationError>
    >()
    expect(NaturalGradient.step).type.toBeCallableWith(params, gradient, kfac, {
      learningRate: 1,
      damping: factored
    })
    expect(NaturalGradient.step).type.toBeCallableWith(params, gradient, dense, {
      ...options,
      momentum: 0.5,
      last: update
    })
  })
  test("mixes no two networks", () => {
    expect(NaturalGradient.step).type.not.toBeCallableWith(otherParams, gradient, dense, options)
    expect(NaturalGradient.step).type.not.toBeCallableWith(params, otherGradient, dense, options)
    expect(NaturalGradient.step).type.not.toBeCallableWith(params, gradient, otherFisher, options)
    expect(NaturalGradient.step).type.not.toBeCallableWith(params, gradient, dense, {
      ...options,
      last: otherUpdate
    })
  })
  test("takes no update for the gradient, nor a gradient for the last update", () => {
    expect(NaturalGradient.step).type.not.toBeCallableWith(params, update, dense, options)
    expect(NaturalGradient.step).type.not.toBeCallableWith(params, gradient, dense, {
      ...options,
      last: gradient
    })
  })
  test("takes no factored damping for a dense Fisher", () => {
    expect(NaturalGradient.step).type.not.toBeCallableWith(params, gradient, dense, {
      learningRate: 1,
      damping: factored
    })
  })
})

describe("two networks in one program", () => {
  test("have no KL divergence, no load, no gradient", () => {
    expect(Conditional.klDivergence).type.toBeCallableWith(a, params, params)
    expect(Conditional.klDivergence).type.not.toBeCallableWith(a, params, otherParams)
    expect(Conditional.klDivergence).type.not.toBeCallableWith(a, otherParams, params)
    expect(Conditional.load).type.not.toBeCallableWith(a, otherParams)
    expect(Conditional.gradient).type.not.toBeCallableWith(a, otherParams)
    expect(Conditional.predict).type.not.toBeCallableWith(a, otherParams, [[1]])
    expect(Conditional.gradient).type.not.toBeCallableWith(a, update)
  })
  test("have accumulators that do not combine", () => {
    expect(Accumulator.combine).type.not.toBeCallableWith(
      {} as Accumulator.Accumulator<A, Every>,
      {} as Accumulator.Accumulator<B, Every>
    )
  })
  test("are told apart by their layers, and not where their widths are numbers", () => {
    const literal = Network.sequential(784, [Network.dense(64), Network.tanh, Network.dense(10)])
    expect(literal).type.toBe<Network.Network<A>>()
    expect(literal).type.not.toBeAssignableTo<Network.Network<B>>()
    const width = 64 as number
    const open = Network.sequential(784, [Network.dense(width), Network.tanh, Network.dense(10)])
    expect(open).type.toBe<Network.Network<`784 > dense(${number}) > tanh > dense(10)`>>()
  })
})
