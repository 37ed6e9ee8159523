/**
 * What the fields of a reference file are to us: an input or a description, or a figure with the number of ours that it is compared
 * with. A path that leads to no field is unknown.
 */
import { Data, Effect } from "effect"
import type { Path } from "./reference.ts"
import type { Failure, Ours } from "./subject.ts"

/** What is compared with the figure of the file. */
export interface Compared {
  readonly ours: ArrayLike<number>
  /** What stands for the figure of the file, where that is not the figure itself. */
  readonly theirs?: ArrayLike<number>
  /** What a reader of the row must know. */
  readonly note?: string
  /** Why the figure is not determined by what it is of; the row then cannot be off. */
  readonly undetermined?: string
}

export type Field = Data.TaggedEnum<{
  Given: {}
  /** A figure that cannot be computed without an input that the file lacks. */
  Lacking: { readonly input: string }
  Figure: {
    /** The largest relative error that is rounding. */
    readonly bound: number
    /** Said behind the name, where ours goes by another. */
    readonly as: string | undefined
    readonly ours: (theirs: Float64Array) => Ours<Compared>
  }
}>
export const { Figure, Given, Lacking } = Data.taggedEnum<Field>()

/** Fields by their keys: of a record, or of an array by the index. */
export type Tree = Field | ((key: string) => Tree | undefined)

export const given: Field = Given()

export const record =
  (entries: Readonly<Record<string, Tree>>): Tree =>
  (key) =>
    Object.hasOwn(entries, key) ? entries[key] : undefined

export const find = (tree: Tree | undefined, path: Path): Field | undefined => {
  if (tree === undefined) return undefined
  if (typeof tree !== "function") return path.length === 0 ? tree : undefined
  const [key, ...rest] = path
  return key === undefined ? undefined : find(tree(key), rest)
}

/** Sums and products in float32 and what they add up to. */
export const product = 1e-5
/** A solve with a damping of 1e-2, and what follows from one. */
export const solve = 2e-4
/** Counts, shapes and places. */
export const exact = 0

type Numbers = number | ArrayLike<number>

const listed = (numbers: Numbers): ArrayLike<number> => (typeof numbers === "number" ? [numbers] : numbers)

/** A figure that is compared as it is. */
export const figure = <E extends Failure, R>(
  ours: Effect.Effect<Numbers, E, R> & Ours<Numbers>,
  bound: number = product,
  as?: string
): Field => Figure({ bound, as, ours: () => Effect.map(ours, (numbers) => ({ ours: listed(numbers) })) })

/** A figure that needs no device. */
export const known = (ours: Numbers): Field => figure(Effect.succeed(ours), exact)

/** A field that needs an input of the file. */
export const needing = <A>(input: string, value: A | undefined, field: (value: A) => Field): Field =>
  value === undefined ? Lacking({ input }) : field(value)

/** Fields whose figures need an input of the file. */
export const requiring = (input: string, value: unknown, tree: Tree): Tree => {
  if (value !== undefined) return tree
  if (typeof tree !== "function") return tree._tag === "Figure" ? Lacking({ input }) : tree
  return (key) => {
    const inner = tree(key)
    return inner === undefined ? undefined : requiring(input, value, inner)
  }
}
