/** An estimate with errors is of a structure that can be measured, and its directions are of its network. */
import { type Effect, pipe, type Result } from "effect"
import { describe, expect, test } from "tstyche"
import {
  type Conditional,
  type Cotangent,
  type DataSource,
  type Device,
  type Errors,
  Fisher,
  type Params,
  type Sampler,
  Structure,
  type Tangent
} from "../src/index.ts"

type A = "784 > dense(64) > tanh > dense(10)"
type B = "784 > dense(32) > tanh > dense(10)"

declare const a: Conditional.Conditional<A>
declare const params: Params.Params<A>
declare const otherParams: Params.Params<B>
declare const update: Tangent.Tangent<A>
declare const otherUpdate: Tangent.Tangent<B>
declare const gradient: Cotangent.Cotangent<A>
declare const solving: Structure.Structure<"apply" | "solve">
declare const measured: Structure.Structure<"trace" | "frobeniusNorm" | "apply">
declare const deviation: Fisher.Deviation
declare const uncertain: Fisher.Uncertain

describe("Fisher.estimateWithErrors", () => {
  const made = Fisher.estimateWithErrors(a, params, Structure.kfac)

  test("gives the Fisher that estimate gives, and the same services", () => {
    expect<Effect.Success<typeof made>["fisher"]>().type.toBe<
      Fisher.Fisher<A, Structure.OperationsOf<typeof Structure.kfac>>
    >()
    expect<Effect.Services<typeof made>>().type.toBe<DataSource | Sampler | Device>()
    expect<Effect.Success<typeof made>["errors"]>().type.toBe<Fisher.Uncertainty>()
  })
  test("takes every structure whose trace, norm and products there are, of one pass or two", () => {
    expect(Fisher.estimateWithErrors).type.toBeCallableWith(a, params, measured)
    expect(Fisher.estimateWithErrors).type.toBeCallableWith(a, params, Structure.ekfac)
    expect(Fisher.estimateWithErrors).type.toBeCallableWith(a, params, Structure.quasiDiagonal)
    expect(Fisher.estimateWithErrors).type.not.toBeCallableWith(a, params, solving)
  })
  test("takes directions of its own network", () => {
    expect(Fisher.estimateWithErrors).type.toBeCallableWith(a, params, Structure.kfac, { along: [update] })
    expect(Fisher.estimateWithErrors).type.not.toBeCallableWith(a, params, Structure.kfac, {
      along: [otherUpdate]
    })
    expect(Fisher.estimateWithErrors).type.not.toBeCallableWith(a, params, Structure.kfac, {
      along: [gradient]
    })
    expect(Fisher.estimateWithErrors).type.not.toBeCallableWith(a, params, Structure.kfac, { along: update })
    expect(Fisher.estimateWithErrors).type.not.toBeCallableWith(a, otherParams, Structure.kfac)
  })
  test("takes the options of an estimate, and groupSize", () => {
    expect(Fisher.estimateWithErrors).type.toBeCallableWith(a, params, Structure.kfac, {
      groupSize: 4,
      round: 1
    })
    expect(Fisher.estimateWithErrors).type.not.toBeCallableWith(a, params, Structure.kfac, { groups: 4 })
  })
})

describe("Fisher.interval", () => {
  type Interval = Result.Result<readonly [low: number, high: number], Errors.InvalidArgument>
  test("takes a deviation and a level, in either order of writing", () => {
    expect(Fisher.interval(deviation, 0.95)).type.toBe<Interval>()
    expect(pipe(deviation, Fisher.interval(0.95))).type.toBe<Interval>()
  })
  test("asks which error is meant", () => {
    expect(Fisher.interval).type.toBeCallableWith(uncertain.draws, 0.95)
    expect(Fisher.interval).type.not.toBeCallableWith(uncertain, 0.95)
    expect(Fisher.interval).type.not.toBeCallableWith(uncertain.data, 0.95)
  })
})
