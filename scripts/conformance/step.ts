/**
 * The natural-gradient steps of a file: the loss and its gradient at the data's own labels, and for each structure the direction, the new
 * parameters and the loss there.
 *
 * The files' Gaussian loss is |y - f|^2 / 2; ours has the constant C/2 log(2 pi) too, which is taken off.
 */
import { Effect } from "effect"
import { Conditional, type Cotangent, Damping, Fisher, NaturalGradient } from "../../src/index.ts"
import { type EigenLayer, ofVectors } from "./eigenbasis.ts"
import { type Field, figure, given, needing, record, requiring, solve, type Tree } from "./field.ts"
import { toFile } from "./order.ts"
import { inFileOrder, type Ours, type Subject } from "./subject.ts"

/** What the files leave out of the loss. */
const constant = ({ conditional: { network }, reference: { head } }: Subject): number =>
  head === "gaussian" ? (network.outputs / 2) * Math.log(2 * Math.PI) : 0

interface Options {
  readonly learningRate: number
  readonly damping: number
}

interface Stepped {
  readonly direction: Float64Array
  readonly params: NaturalGradient.Step<string>["params"]
}

type Stepping = (gradient: Cotangent.Cotangent<string>, options: Options) => Ours<Stepped>

/** A step with a structure, damped as `damp` says. */
const stepping =
  <const D extends Damping.Damping>(
    subject: Subject,
    fisher: Ours<Fisher.Fisher<string, Fisher.SolveWith<D> | "apply">>,
    damp: (value: number) => D
  ): Stepping =>
  (gradient, { damping, learningRate }) =>
    Effect.gen(function* () {
      const of = yield* fisher
      const damped = damp(damping)
      const direction = yield* Effect.fromResult(Fisher.solve(of, gradient, damped))
      const options = { learningRate, damping: damped }
      const { params } = yield* Effect.fromResult(NaturalGradient.step(subject.params, gradient, of, options))
      return { direction: inFileOrder(subject, direction), params }
    })

/** The steps that a file may have, by its names of them. */
const steppings = (subject: Subject): Readonly<Record<string, Stepping>> => {
  const { blockDiagonal, dense, diagonal, ekfac, kfac } = subject.exact
  return {
    dense: stepping(subject, dense, Damping.absolute),
    diag: stepping(subject, diagonal, Damping.absolute),
    blockdiag: stepping(subject, blockDiagonal, Damping.absolute),
    kfac_pi: stepping(subject, kfac, Damping.factored),
    ekfac: stepping(subject, ekfac, Damping.absolute)
  }
}

/** The fields of `natural_gradient_step`. */
export const steps = Effect.fnUntraced(function* (
  subject: Subject,
  eigen: Ours<ReadonlyArray<EigenLayer>>
): Effect.fn.Return<Tree> {
  const { conditional, order, params, reference, withData } = subject
  const number = (key: string): number | undefined => {
    const value = reference.at("natural_gradient_step", key)
    return typeof value === "number" ? value : undefined
  }
  const before = yield* Effect.cached(withData(Conditional.lossAndGradient(conditional, params)))
  const withOptions = (field: (options: Options) => Field): Field =>
    needing("natural_gradient_step.lr", number("lr"), (learningRate) =>
      needing("natural_gradient_step.damping", number("damping"), (damping) =>
        field({ learningRate, damping })
      )
    )
  const after = ({ params }: Stepped) =>
    Effect.map(
      withData(Conditional.negativeLogLikelihood(conditional, params)),
      (loss) => loss - constant(subject)
    )
  const stepFields = (name: string, stepping: Stepping): Tree => {
    const field = (of: (stepped: Ours<Stepped>) => Ours<number | Float64Array>): Field =>
      withOptions((options) => {
        const stepped = Effect.flatMap(before, ({ gradient }) => stepping(gradient, options))
        const made = figure(of(stepped), solve)
        return name === "ekfac" ? ofVectors(eigen, made, options.damping) : made
      })
    return record({
      direction: field((stepped) => Effect.map(stepped, ({ direction }) => direction)),
      theta_new: field((stepped) => Effect.map(stepped, ({ params }) => inFileOrder(subject, params))),
      loss_after: field((stepped) => Effect.flatMap(stepped, after))
    })
  }
  const fields = record({
    note: given,
    lr: given,
    damping: given,
    loss_before: figure(Effect.map(before, ({ loss }) => loss - constant(subject))),
    grad: figure(Effect.map(before, ({ gradient }) => toFile(order, gradient.values))),
    ...Object.fromEntries(
      Object.entries(steppings(subject)).map(([name, stepping]) => [name, stepFields(name, stepping)])
    )
  })
  return requiring("y", reference.y, fields)
})
