/** Fishers made of Fishers: multiples, sums, and the part of one layer. */
import { Effect, Result, Schema } from "effect"
import { dual } from "effect/Function"
import { type InvalidArgument, type NonFinite, ShapeMismatch } from "../../Errors.ts"
import type { Operator } from "../../linalg/Operator.ts"
import { block as blockSpace, mismatch } from "../../model/ParamSpace.ts"
import * as Tangent from "../../model/Tangent.ts"
import { attempt, decode, NonNegative } from "../../Options.ts"
import type { Operation, Structure } from "../Structure.ts"
import { finite } from "./checked.ts"
import { type Fisher, make } from "./value.ts"

/**
 * F as a linear operator, for `StochasticTrace`, `Lanczos` and `ConjugateGradient`. Its products *fail* with `ShapeMismatch` for a vector
 * of another size, `NonFinite` for what float32 does not hold.
 */
export const operator = <S extends string>(self: Fisher<S, "apply">): Operator<ShapeMismatch | NonFinite> => {
  const product = (vector: Float64Array) =>
    attempt<ShapeMismatch | NonFinite>()(() => Tangent.make(self.space, vector)).pipe(
      Result.flatMap(({ values }) => finite(self.operations.apply(values), "product")),
      Result.map((values) => new Float64Array(values))
    )
  return {
    size: self.space.size,
    apply: (vectors) => Effect.suspend(() => Effect.fromResult(Result.all(vectors.map(product))))
  }
}

const ScaleOptions = Schema.Struct({ factor: NonNegative })

const withMeans = <S extends string, Op extends Operation>(
  self: Fisher<S, Op>,
  means: ReadonlyArray<Float32Array>,
  examples = self.examples
): Result.Result<Fisher<S, Op>, NonFinite> =>
  Result.map(Result.all(means.map((mean) => finite(mean, "moment"))), () =>
    make({ ...self, means, examples })
  )

/**
 * c F, such as N F for the information of N examples. *Fails*: `InvalidArgument` for a factor that is no finite number of at least 0;
 * `NonFinite` where float32 overflows.
 */
export const scale: {
  (
    factor: number
  ): <S extends string, Op extends Operation>(
    self: Fisher<S, Op | "scale">
  ) => Result.Result<Fisher<S, Op | "scale">, InvalidArgument | NonFinite>
  <S extends string, Op extends Operation>(
    self: Fisher<S, Op | "scale">,
    factor: number
  ): Result.Result<Fisher<S, Op | "scale">, InvalidArgument | NonFinite>
} = dual(
  2,
  <S extends string, Op extends Operation>(
    self: Fisher<S, Op | "scale">,
    factor: number
  ): Result.Result<Fisher<S, Op | "scale">, InvalidArgument | NonFinite> =>
    Result.flatMap(decode(ScaleOptions, { factor }), () => withMeans(self, self.operations.scale(factor)))
)

/**
 * F + G, for two Fishers of one structure that is linear in its moments. For the Fisher of the examples of both, and for averages over
 * time, combine their accumulators: a sum of Kronecker products is none.
 *
 * *Fails*: `ShapeMismatch` for Fishers of different structures or networks; `NonFinite`.
 */
export const sum: {
  <S extends string, Op extends Operation>(
    that: Fisher<S, Op | "sum">
  ): (self: Fisher<S, Op | "sum">) => Result.Result<Fisher<S, Op | "sum">, ShapeMismatch | NonFinite>
  <S extends string, Op extends Operation>(
    self: Fisher<S, Op | "sum">,
    that: Fisher<S, Op | "sum">
  ): Result.Result<Fisher<S, Op | "sum">, ShapeMismatch | NonFinite>
} = dual(
  2,
  <S extends string, Op extends Operation>(
    self: Fisher<S, Op | "sum">,
    that: Fisher<S, Op | "sum">
  ): Result.Result<Fisher<S, Op | "sum">, ShapeMismatch | NonFinite> => {
    const other =
      mismatch("other Fisher", self.space, that.space) ?? otherStructure(self.structure, that.structure)
    if (other !== undefined) return Result.fail(other)
    return withMeans(self, self.operations.sum(that.means), self.examples + that.examples)
  }
)

const otherStructure = (due: Structure<never>, actual: Structure<never>): ShapeMismatch | undefined =>
  due.name === actual.name
    ? undefined
    : new ShapeMismatch({
        what: "structure",
        expected: due.name,
        actual: actual.name,
        message: `A ${actual.name} Fisher does not add to a ${due.name} one. Give two of one structure.`
      })

/**
 * The rows and columns of F that belong to one parameter block, a layer with its bias: a Fisher of that block's own space.
 *
 * *Fails*: `InvalidArgument` for a block that is not there.
 */
export const restrict: {
  <const I extends number>(
    block: I
  ): <S extends string, Op extends Operation>(
    self: Fisher<S, Op | "restrict">
  ) => Result.Result<Fisher<`${S}, block ${I}`, Op | "restrict">, InvalidArgument>
  <S extends string, Op extends Operation, const I extends number>(
    self: Fisher<S, Op | "restrict">,
    block: I
  ): Result.Result<Fisher<`${S}, block ${I}`, Op | "restrict">, InvalidArgument>
} = dual(
  2,
  <S extends string, Op extends Operation, const I extends number>(
    self: Fisher<S, Op | "restrict">,
    block: I
  ): Result.Result<Fisher<`${S}, block ${I}`, Op | "restrict">, InvalidArgument> =>
    Result.map(
      attempt<InvalidArgument>()(() => blockSpace(self.space, block)),
      (space) => {
        const { means, structure } = self.operations.restrict(block)
        // A structure's restriction can do what the structure can: `Operations.restrict` says so.
        return make({ ...self, space, means, structure: structure as Structure<Op | "restrict"> })
      }
    )
)
