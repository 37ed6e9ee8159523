/**
 * What the laws of the layers measure: a network of the graph oracle at parameters and inputs that float32 holds, its exact derivatives,
 * and what the library's own network gives there.
 */
import { Effect } from "effect"
import { Conditional, Device, Likelihood, Network, Params, Score, Tangent } from "../../src/index.ts"
import { derivative } from "../oracle/graph/derivatives.ts"
import {
  evaluate,
  type GraphNetwork,
  type Nudge,
  type OracleOp,
  type Plan,
  planOf,
  planSize
} from "../oracle/graph/graph.ts"
import { sizeOf } from "../oracle/graph/values.ts"
import {
  axpy,
  flatten,
  type Matrix,
  matvec,
  norm,
  type Rows,
  slope,
  transpose,
  type Vector
} from "../oracle/linear.ts"
import { generator } from "../oracle/random.ts"
import type { LayerNet } from "./layerRow.ts"
import { dyadic, eps32 } from "./measure.ts"

/** What is made at the first call, and kept. */
export const once = <A>(make: () => A): (() => A) => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}

export interface GraphCase {
  readonly plan: Plan
  readonly network: Network.Network<string>
  readonly theta: Float64Array
  readonly X: Matrix
  /** z at other parameters and inputs. */
  readonly at: (theta: Vector, x: Vector) => Float64Array
  /** dz/dtheta of example n, C x P. */
  readonly jacobian: (n: number) => Rows
}

/** Where an activation has a kink, in itself or in its derivatives. */
const kinks: Readonly<Record<string, ReadonlyArray<number>>> = {
  relu: [0],
  elu: [0],
  leakyRelu: [0],
  selu: [0],
  softsign: [0],
  relu6: [0, 6]
}

const kinksOf = (op: OracleOp): ReadonlyArray<number> =>
  op.kind === "activation" ? (kinks[op.name] ?? []) : []
const isMaximum = (op: OracleOp): boolean => op.kind.toLowerCase().includes("maxpool")

/** Whether z has no kink in the parameters. */
export const isSmooth = ({ nodes }: GraphNetwork): boolean =>
  nodes.every(({ op }) => kinksOf(op).length === 0 && !isMaximum(op))

/** On which sides of its kinks a network is, and what is largest where a maximum is taken. */
const sides = (plan: Plan, theta: Vector, x: Vector, nudge?: Nudge): string => {
  const { values } = evaluate(plan, theta, x, nudge)
  return plan.net.nodes
    .map(({ inputs, op }, i) => {
      const given = values[inputs[0]!]!.data
      if (isMaximum(op)) return Array.from(values[i + 1]!.data, (v) => given.indexOf(v)).join()
      return kinksOf(op)
        .map((kink) => Array.from(given, (v) => (v > kink ? 1 : 0)).join(""))
        .join()
    })
    .join(" ")
}

/** The oracle's differences go this far. */
const reach = 2 ** -10

/** Whether no step of the oracle's differences crosses a kink. */
const isApart = (plan: Plan, theta: Float64Array, x: Vector): boolean => {
  const own = sides(plan, theta, x)
  for (let p = 0; p < theta.length; p++) {
    for (const step of [reach, -reach]) {
      const moved = Float64Array.from(theta)
      moved[p]! += step
      if (sides(plan, moved, x) !== own) return false
    }
  }
  for (const [use, { abar, block }] of evaluate(plan, theta, x).uses.entries()) {
    for (let t = 0; t < abar.length; t++) {
      for (let column = 0; column < plan.blocks[block]!.columns; column++) {
        for (const delta of [reach, -reach]) {
          if (sides(plan, theta, x, { use, t, column, delta }) !== own) return false
        }
      }
    }
  }
  return true
}

/** Parameters and inputs for a row, away from the kinks of its network. */
export const graphCase = ({ inputs, library, oracle }: LayerNet, examples: number): GraphCase => {
  const plan = planOf(oracle)
  const random = generator(11)
  const drawn = () => ({
    theta: dyadic(
      random.normals(planSize(plan)).map((value) => 0.7 * value),
      12
    ),
    X: inputs(random, examples)
  })
  let point = drawn()
  for (let attempt = 1; !isSmooth(oracle); attempt++) {
    if (point.X.every((x) => isApart(plan, point.theta, x))) break
    if (attempt === mostAttempts)
      throw new RangeError("no point is apart from the kinks: make the network smaller")
    point = drawn()
  }
  const { X, theta } = point
  const jacobians = X.map((x) => once(() => jacobianOf(plan, theta, x)))
  return {
    plan,
    network: library(Network),
    theta,
    X,
    jacobian: (n) => jacobians[n]!(),
    at: (at, x) => evaluate(plan, at, x).z
  }
}

const mostAttempts = 10_000

const jacobianOf = (plan: Plan, theta: Float64Array, x: Vector): Rows =>
  transpose(
    Array.from(theta, (_, p) =>
      derivative((t) => {
        const moved = Float64Array.from(theta)
        moved[p]! += t
        return evaluate(plan, moved, x).z
      })
    )
  )

/** J^T w of example n. */
export const pulled = ({ jacobian, theta }: GraphCase, n: number, w: Vector): Float64Array => {
  const rows = jacobian(n)
  return Float64Array.from(theta, (_, p) => rows.reduce((sum, row, c) => sum + row[p]! * w[c]!, 0))
}

/** z of all examples. */
export const outputsAt = (c: GraphCase, theta: Vector): Float64Array =>
  Float64Array.from(c.X.flatMap((x) => Array.from(c.at(theta, x))))

/** J v of all examples. */
export const pushed = ({ X, jacobian }: GraphCase, v: Vector): Float64Array =>
  Float64Array.from(X.flatMap((_, n) => Array.from(matvec(jacobian(n), v))))

/** The terms in a chain through the operations: rows of a block, and what a normalisation, a softmax or a pooling sums over. */
export const terms = ({ blocks, net, operations, shapes }: Plan): number =>
  blocks.reduce((sum, { rows }) => sum + rows, 0) +
  net.nodes.reduce((sum, { inputs, op }, i) => {
    const pointwise = ["activation", "add", "multiply", "concatenate", "flatten", "reshape", "dropout"]
    const own = pointwise.includes(op.kind) || operations[i]!.slots.some(({ form }) => form === "outer")
    return sum + (own ? 1 : sizeOf(shapes[inputs[0]!]!))
  }, 0)

/** How many positions share a block, the most of any block. */
export const mostPositions = ({ blocks }: Plan): number =>
  Math.max(...blocks.map(({ positions }) => positions))

export const batchOf = ({ X, network }: GraphCase) => ({
  x: Float32Array.from(flatten(X)),
  examples: X.length,
  features: network.features,
  indices: Float64Array.from(X.keys())
})

export const paramsOf = ({ network }: GraphCase, theta: Vector) =>
  Params.make(network.space, Array.from(theta))
export const tangentOf = ({ network }: GraphCase, v: Vector) => Tangent.make(network.space, Array.from(v))

/** What one linearisation on the device gives for some tangents v and cotangents w `[K, N, C]`. */
export const graphMaps = (c: GraphCase, vs: ReadonlyArray<Vector>, w: Float32Array, columns: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const conditional = Conditional.make(c.network, Likelihood.gaussian({ variance: 1 }))
      const device = yield* Device
      const loaded = yield* Conditional.load(conditional, paramsOf(c, c.theta))
      const map = yield* Conditional.linearize(loaded, batchOf(c))
      const scores = yield* map.backprop(w, columns)
      const written = yield* device.compute("gradients", (keep) =>
        scores.layers.map((layer) => keep(Score.gradients(layer, 0, columns)))
      )
      const layers = yield* device.read("gradients", written)
      return {
        z: map.outputs.z,
        predicted: (yield* Conditional.evaluate(loaded, batchOf(c))).z,
        jvs: yield* Effect.forEach(vs, (v) => map.pushforward(tangentOf(c, v))),
        sum: yield* Conditional.sumScores(scores),
        /** The gradient of column k at example n. */
        gradient: (k: number, n: number): Vector => {
          const at = k * c.X.length + n
          return scores.layers.flatMap(({ block }, l) => {
            const width = block.rows * block.columns
            return Array.from(layers[l]!.subarray(at * width, (at + 1) * width))
          })
        }
      }
    })
  )

/** z on the device at other parameters, `[N, C]`. */
export const predictions = (c: GraphCase, thetas: Matrix) => {
  const conditional = Conditional.make(c.network, Likelihood.gaussian({ variance: 1 }))
  const x = { data: c.X.flatMap((row) => Array.from(row)), shape: [c.X.length, c.network.features] } as const
  return Effect.forEach(thetas, (theta) => Conditional.predict(conditional, paramsOf(c, theta), x))
}

/** Steps h for central differences in float32. */
export const steps = [2 ** -3, 2 ** -4, 2 ** -5, 2 ** -6]

const quotient = (up: Vector, down: Vector, h: number): Float64Array =>
  axpy(up, -1, down).map((change) => change / (2 * h))

/** |(z(theta + h v) - z(theta - h v)) / 2h - J v| for every step. */
const remainders = (zs: ReadonlyArray<readonly [Vector, Vector]>, exact: Vector): ReadonlyArray<number> =>
  zs.map(([up, down], i) => norm(axpy(quotient(up, down, steps[i]!), -1, exact)))

export interface Direction {
  readonly v: Vector
  /** Whether the remainder of central differences is of the second order, or there is none: z is at most quadratic in theta. */
  readonly order: "second" | "none"
}

/**
 * A direction along which central differences have the order 2.0 in exact arithmetic, and with J v off by 1 % have not, as long
 * as it can be: in float32 they lose eps |z| / h to rounding, of which the last remainder is to be 30 times.
 */
export const differenceDirection = (c: GraphCase): Direction => {
  const random = generator(5)
  let best: Vector | undefined
  for (let attempt = 0; attempt < 20; attempt++) {
    const unit = random.direction(c.theta.length)
    for (let length = 16; length > 0.5; length *= 0.8) {
      const v = dyadic(
        unit.map((entry) => length * entry),
        6
      )
      const exact = pushed(c, v)
      const zs = steps.map(
        (h) => [outputsAt(c, axpy(c.theta, h, v)), outputsAt(c, axpy(c.theta, -h, v))] as const
      )
      const errors = remainders(zs, exact)
      if (errors[0]! < 1e-9 * norm(exact)) {
        best = v
        continue
      }
      const rounding = (eps32 * norm(outputsAt(c, c.theta))) / steps.at(-1)!
      if (errors.at(-1)! < 30 * rounding) break
      const wrong = remainders(
        zs,
        exact.map((entry) => 1.01 * entry)
      )
      const off = (of: ReadonlyArray<number>) => Math.abs(slope(steps, of) - 2)
      if (off(errors) <= 0.03 && off(wrong) >= 0.2) return { v, order: "second" }
    }
  }
  if (best === undefined) throw new RangeError("no direction has a remainder of order 2 over rounding")
  return { v: best, order: "none" }
}

/** The remainders of central differences on the device, as a function of a factor on the J v that it gave. */
export const deviceRemainders = (c: GraphCase, v: Vector, exact: Float32Array) =>
  Effect.map(
    predictions(
      c,
      steps.flatMap((h) => [axpy(c.theta, h, v), axpy(c.theta, -h, v)])
    ),
    (zs) => (scaled: number) =>
      remainders(
        steps.map((_, i) => [zs[2 * i]!, zs[2 * i + 1]!] as const),
        exact.map((entry) => scaled * entry)
      )
  )
