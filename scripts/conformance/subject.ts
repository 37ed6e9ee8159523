/** What natgrad has of a reference file: its network, parameters and data, and a Fisher of every structure, estimated when it is asked for. */
import { Effect } from "effect"
import {
  Conditional,
  Cotangent,
  DataSource,
  type Device,
  Fisher,
  Likelihood,
  MatrixFree,
  type Network,
  Params,
  Sampler,
  Structure,
  Tangent
} from "../../src/index.ts"
import { inputRows } from "./architecture.ts"
import { networkOf } from "./network.ts"
import { fromFile, type Order, orderOf, toFile } from "./order.ts"
import { type Head, type Reference, UnusableFile } from "./reference.ts"

/** Why something of ours could not be computed. */
export interface Failure {
  readonly message: string
}
export type Ours<A> = Effect.Effect<A, Failure, Device>

const likelihoods: Readonly<Record<Head, Likelihood.Likelihood>> = {
  softmax: Likelihood.categorical,
  // The files' Gaussian has the identity for its covariance.
  gaussian: Likelihood.gaussian({ variance: 1 }),
  bernoulli: Likelihood.bernoulli
}

/** The Fishers that one rule over y gives. */
type Fishers = Effect.Success<ReturnType<typeof fishersWith>>

export interface Subject {
  readonly reference: Reference
  readonly order: Order
  readonly conditional: Conditional.Conditional<string>
  readonly params: Params.Params<string>
  readonly x: Float32Array
  readonly examples: number
  readonly data: ReturnType<typeof DataSource.fromArrays>
  /** `v` of the file, where it has one. */
  readonly tangent: Tangent.Tangent<string> | undefined
  readonly cotangent: Cotangent.Cotangent<string> | undefined
  readonly exact: Fishers
  /** With the data's own labels. */
  readonly empirical: Fishers
  /** With some y for each example, of one weight. */
  readonly sampled: (draws: ReadonlyArray<ReadonlyArray<ArrayLike<number>>>) => Effect.Effect<Fishers>
  readonly matrixFree: MatrixFree.MatrixFree<string>
  /** Provides the exact expectation over y, and the data. */
  readonly withData: <A, E extends Failure>(
    effect: Effect.Effect<A, E, DataSource | Sampler | Device>
  ) => Ours<A>
}

interface Given {
  readonly conditional: Conditional.Conditional<string>
  readonly params: Params.Params<string>
  readonly data: ReturnType<typeof DataSource.fromArrays>
}

const fishersWith = Effect.fnUntraced(function* (
  { conditional, data, params }: Given,
  sampler: typeof Sampler.exact
) {
  const provided = Effect.provide([data, sampler])
  return {
    dense: yield* Effect.cached(Fisher.estimate(conditional, params, Structure.dense).pipe(provided)),
    diagonal: yield* Effect.cached(Fisher.estimate(conditional, params, Structure.diagonal).pipe(provided)),
    blockDiagonal: yield* Effect.cached(
      Fisher.estimate(conditional, params, Structure.blockDiagonal).pipe(provided)
    ),
    quasiDiagonal: yield* Effect.cached(
      Fisher.estimate(conditional, params, Structure.quasiDiagonal).pipe(provided)
    ),
    kfac: yield* Effect.cached(Fisher.estimate(conditional, params, Structure.kfac).pipe(provided)),
    ekfac: yield* Effect.cached(Fisher.estimate(conditional, params, Structure.ekfac).pipe(provided)),
    gram: yield* Effect.cached(Fisher.estimate(conditional, params, Structure.gram).pipe(provided))
  }
})

/** The network, parameters and rows of x of a file. *Throws* where they do not fit together. */
const decoded = (reference: Reference) => {
  const { architecture, head, shape, theta, v, x, y } = reference
  const order = orderOf(architecture, shape)
  const network: Network.Network<string> = networkOf(architecture, shape)
  const conditional = Conditional.make(network, likelihoods[head])
  const count = (what: string, values: ReadonlyArray<number> | undefined, due: number): void => {
    if (values !== undefined && values.length !== due) {
      throw new Error(`${what} has ${values.length} numbers where ${due} are due`)
    }
  }
  const labels = shape[0]! * conditional.likelihood.labelSize(network.outputs)
  count("theta", theta, network.space.size)
  count("v", v, network.space.size)
  count("y", y, labels)
  const rows = inputRows(x, shape)
  const params = Params.make(network.space, fromFile(order, theta))
  const own = v === undefined ? undefined : fromFile(order, v)
  return {
    order,
    conditional,
    params,
    x: new Float32Array(rows.flat()),
    examples: rows.length,
    data: DataSource.fromArrays({
      x: rows,
      ...(y === undefined ? {} : { y: { data: y, shape: [rows.length, labels / rows.length] } })
    }),
    tangent: own === undefined ? undefined : Tangent.make(network.space, own),
    cotangent: own === undefined ? undefined : Cotangent.make(network.space, own)
  }
}

/** *Fails* `UnusableFile` for a module that natgrad has no layer for, and numbers that do not fit the network. */
export const make = Effect.fnUntraced(function* (
  reference: Reference
): Effect.fn.Return<Subject, UnusableFile> {
  const given = yield* Effect.try({
    try: () => decoded(reference),
    catch: (cause) => {
      const why = (cause instanceof Error ? cause.message : String(cause)).replaceAll("\n", " ")
      const remedy = "Correct the file, or give one of a network that natgrad has (docs/conformance.md)"
      const message = `${reference.file} cannot be compared: ${why.replace(/\.$/, "")}. ${remedy}.`
      return new UnusableFile({ file: reference.file, message })
    }
  })
  const { conditional, data, params } = given
  return {
    ...given,
    reference,
    exact: yield* fishersWith(given, Sampler.exact),
    empirical: yield* fishersWith(given, Sampler.empirical),
    sampled: (draws) =>
      fishersWith(
        given,
        Sampler.fromRule("y_samples of the file", ({ example }) =>
          draws[example]!.map((y, _, all) => ({ y, weight: 1 / all.length }))
        )
      ),
    matrixFree: MatrixFree.make(conditional, params),
    withData: (effect) => effect.pipe(Effect.provide([data, Sampler.exact]))
  }
})

/** A vector of ours in the file's order. */
export const inFileOrder = (
  { order }: Subject,
  { values }: { readonly values: Float32Array }
): Float64Array => toFile(order, values)
