/** Every field that a reference file may have, and what of natgrad it is compared with. */
import { Effect } from "effect"
import { quasiDiagonal } from "./arrow.ts"
import { implicit, jacobian, jacobianFields, outputs } from "./data.ts"
import { eigenLayers, ekfac } from "./eigenbasis.ts"
import { type Field, find, given, known, Lacking, record, requiring, type Tree } from "./field.ts"
import { kfac, meanFactors } from "./kronecker.ts"
import { layerField } from "./layers.ts"
import { operator } from "./operator.ts"
import { flattened, type Nested, type Path } from "./reference.ts"
import { lowRank } from "./span.ts"
import { steps } from "./step.ts"
import type { Subject } from "./subject.ts"

export interface Fields {
  readonly tree: Tree
  /** Figures that are compared once more, with another number of ours. */
  readonly again: ReadonlyArray<{ readonly path: Path; readonly as: string; readonly field: Field }>
}

/** The shapes and places of the layers with parameters. */
const layers = (subject: Subject): Tree =>
  layerField(subject, ["layers"], ({ bias, offset, units, weightShape }) => ({
    id: given,
    type: given,
    weight_shape: known(weightShape),
    bias_shape: bias ? known([units]) : Lacking({ input: "a bias" }),
    offset: known(offset)
  }))

const isNested = (value: unknown): value is Nested =>
  Array.isArray(value) && value.flat(Number.POSITIVE_INFINITY).every((entry) => typeof entry === "number")

/** Labels `[n, T]`, or `[n, T, labelSize]`, as the draws of each example. */
const drawsOf = (samples: unknown, { conditional, examples }: Subject) => {
  if (!isNested(samples)) return undefined
  const flat = flattened(samples)
  const size = conditional.likelihood.labelSize(conditional.network.outputs)
  const count = flat.length / (examples * size)
  if (!(Number.isInteger(count) && count > 0)) return undefined
  return Array.from({ length: examples }, (_, n) =>
    Array.from({ length: count }, (_, t) => flat.slice((n * count + t) * size, (n * count + t + 1) * size))
  )
}

/** The fields of `mc1`, `mc8` and so on: the Fisher at the samples that the file gives. */
const sampled = Effect.fnUntraced(function* (subject: Subject, name: string): Effect.fn.Return<Tree> {
  const draws = drawsOf(subject.reference.at(name, "y_samples"), subject)
  const { dense, kfac } = yield* subject.sampled(draws ?? [])
  const fields = record({
    ...operator(subject, dense),
    kfac: meanFactors(subject, [name, "kfac"], kfac),
    y_samples: given
  })
  return requiring(`${name}.y_samples`, draws, fields)
})

/** What a file says of itself, and what it computes its figures from. */
const texts = ["name", "head", "nng_variant", "architecture", "note"]
const inputs = ["theta", "x_shape", "x", "y", "v", "regul"]

/** All fields of a file. */
export const fieldsOf = Effect.fnUntraced(function* (subject: Subject): Effect.fn.Return<Fields> {
  const { conditional, empirical, exact, examples, order, reference } = subject
  const monteCarlo: Record<string, Tree> = {}
  for (const key of new Set(reference.leaves.map(({ path }) => path[0]!))) {
    if (/^mc\d+$/.test(key)) monteCarlo[key] = yield* sampled(subject, key)
  }
  const rows = yield* Effect.cached(jacobian(subject))
  const eigen = yield* Effect.cached(eigenLayers(subject))
  const empiricalFields = record({
    ...operator(subject, empirical.dense),
    kfac: meanFactors(subject, ["empirical_fisher", "kfac"], empirical.kfac)
  })
  const tree = record({
    ...Object.fromEntries([...texts, ...inputs].map((key) => [key, given])),
    n: known(examples),
    num_params: known(conditional.network.space.size),
    num_outputs: known(conditional.network.outputs),
    layers: layers(subject),
    perm_torch_to_tfjs: known(order.permutation),
    outputs: outputs(subject),
    dense: record(operator(subject, exact.dense)),
    diag: record(operator(subject, exact.diagonal)),
    blockdiag: record(operator(subject, exact.blockDiagonal)),
    quasidiag: quasiDiagonal(subject, exact.quasiDiagonal),
    kfac: kfac(subject, exact.kfac),
    ekfac: ekfac(subject, exact.ekfac, eigen),
    lowrank: lowRank(subject, exact.gram),
    implicit: implicit(subject),
    ...jacobianFields(subject, rows),
    empirical_fisher: requiring("y", reference.y, empiricalFields),
    ...monteCarlo,
    natural_gradient_step: yield* steps(subject, eigen)
  })
  // The rows solve through a matrix of their own size, which the files' low-rank solve does only in part.
  const whole = find(record(operator(subject, exact.gram)), ["solve"])!
  return { tree, again: [{ path: ["dense", "solve"], as: "Structure.gram", field: whole }] }
})
