/** What a run is asked for: the flags of the command line, checked. */
import { Option, Schema } from "effect"
import { Flag } from "effect/cli"

const check = (remedy: string, holds: (value: number) => boolean) =>
  Schema.Number.check(Schema.makeFilter((value) => holds(value) || remedy))

const Count = check("Give a whole number of at least 1.", (n) => Number.isSafeInteger(n) && n >= 1)
const SeedNumber = check("Give a whole number from 0 on.", (n) => Number.isSafeInteger(n) && n >= 0)
const OverZero = check("Give a finite number over 0.", (n) => Number.isFinite(n) && n > 0)
const Budget = check("Give a number of seconds from 20 to 3600.", (n) => n >= 20 && n <= 3600)

/** Sizes of the hidden layers from text such as `64,32`, or `none`. */
const hiddenSizes = (text: string): ReadonlyArray<number> | undefined => {
  if (text.trim() === "none") return []
  const sizes = text.split(",").map((part) => Number(part.trim() || Number.NaN))
  return sizes.every((size) => Number.isSafeInteger(size) && size >= 1) ? sizes : undefined
}

export const samplers = ["monte-carlo", "exact", "empirical"] as const
export const structures = ["kfac", "diagonal", "dense"] as const
export const activations = ["relu", "tanh", "sigmoid", "softplus", "gelu"] as const
export const devices = ["auto", "wasm", "cpu"] as const

/** The flags of the command, each with what `--help` says of it. */
export const flags = {
  seconds: Flag.Finite("seconds").pipe(
    Flag.withSchema(Budget),
    Flag.withDefault(70),
    Flag.withDescription("Seconds for everything, report included [default: 70]")
  ),
  seed: Flag.Int("seed").pipe(
    Flag.withSchema(SeedNumber),
    Flag.withDefault(0),
    Flag.withDescription("Seed of parameters, order and draws [default: 0]")
  ),
  sampler: Flag.Literals("sampler", samplers).pipe(
    Flag.withDefault("monte-carlo"),
    Flag.withDescription("How y is drawn; empirical takes the labels [default: monte-carlo]")
  ),
  draws: Flag.Int("draws").pipe(
    Flag.withSchema(Count),
    Flag.withDefault(1),
    Flag.withDescription("Draws of y for each x, of monte-carlo [default: 1]")
  ),
  structure: Flag.Literals("structure", structures).pipe(
    Flag.withDefault("kfac"),
    Flag.withDescription("What of the Fisher is kept; dense needs a small network [default: kfac]")
  ),
  damping: Flag.Finite("damping").pipe(
    Flag.withSchema(OverZero),
    Flag.optional,
    Flag.withDescription("Damping: factored for kfac, else absolute [default: 0.001, else 0.01]")
  ),
  learningRate: Flag.Finite("learning-rate").pipe(
    Flag.withSchema(OverZero),
    Flag.optional,
    Flag.withDescription("Of the natural gradient [default: the best of a grid]")
  ),
  maxKL: Flag.Finite("max-kl").pipe(
    Flag.withSchema(OverZero),
    Flag.withDefault(0.01),
    Flag.withDescription("The most that one step may change p(y|x), in nats [default: 0.01]")
  ),
  batch: Flag.Int("batch").pipe(
    Flag.withSchema(Count),
    Flag.withDefault(1024),
    Flag.withDescription("Examples in a batch, for every method [default: 1024]")
  ),
  hidden: Flag.String("hidden").pipe(
    Flag.filterMap(
      (text) => Option.fromUndefinedOr(hiddenSizes(text)),
      (text) => `"${text}" is no list of layer sizes. Give whole numbers such as 64,32, or none.`
    ),
    Flag.withDefault([64]),
    Flag.withDescription('Sizes of the hidden layers, such as "64,32", or none [default: 64]')
  ),
  activation: Flag.Literals("activation", activations).pipe(
    Flag.withDefault("relu"),
    Flag.withDescription("Of the hidden layers [default: relu]")
  ),
  device: Flag.Literals("device", devices).pipe(
    Flag.withDefault("auto"),
    Flag.withDescription("Where tensors are computed [default: auto]")
  ),
  data: Flag.String("data").pipe(
    Flag.optional,
    Flag.withDescription("Folder with the four IDX files of a set, plain or .gz [default: MNIST]")
  ),
  report: Flag.String("report").pipe(
    Flag.withDefault("report/index.html"),
    Flag.withDescription("Where to write the report [default: report/index.html]")
  )
}

type Parsed<F> = { readonly [K in keyof F]: F[K] extends Flag.Flag<infer A> ? A : never }

/** The checked values of the flags. */
export type Settings = Parsed<typeof flags>

/** The damping, if none was asked for. */
export const dampingOf = ({ damping, structure }: Settings): number =>
  Option.getOrElse(damping, () => (structure === "kfac" ? 1e-3 : 1e-2))
