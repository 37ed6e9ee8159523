/**
 * Where an estimate in progress is kept, so that one that was killed goes on where it was: a service, with none unless provided.
 *
 * `Fisher.estimate` writes the sums every so many blocks, and removes them when it has succeeded. A checkpoint is for one estimate at
 * a time: another one that finds the sums fails with `SnapshotMismatch`, and leaves them. It knows the examples that it goes on from by
 * their SHA-256, and a sampler by its name: one that draws otherwise needs a name of its own or another checkpoint.
 *
 *     program.pipe(Effect.provide(Checkpoint.file({ path: "digits.fisher" })), Effect.provide(NodeServices.layer))
 */
import { Context, Effect, type FileSystem, Layer, type Path, Schema } from "effect"
import type { InvalidArgument, SnapshotFailure } from "../Errors.ts"
import { decode, PositiveInt } from "../Options.ts"
import { fileStore } from "./internal/fileStore.ts"

/** One place that holds the bytes of one snapshot. */
export interface Store {
  /** For errors. */
  readonly name: string
  /** How many blocks from one writing to the next. */
  readonly every: number
  /** What is there, if anything is. An estimate begins with it. */
  readonly read: Effect.Effect<Uint8Array | undefined, SnapshotFailure>
  /** Replaces what is there. Until that is done, what was there stays. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, SnapshotFailure>
  /** Leaves nothing there. */
  readonly remove: Effect.Effect<void, SnapshotFailure>
}

const Text = Schema.String.check(Schema.makeFilter((text) => text.length > 0 || "Give the name of a file."))

/** `path`: the file. `every`: how many blocks from one writing to the next (16 unless said). */
export const FileOptions = Schema.Struct({ path: Text, every: Schema.optionalKey(PositiveInt) })
export type FileOptions = typeof FileOptions.Type

const StoreOptions = Schema.Struct({ name: Text, every: PositiveInt })

export class Checkpoint extends Context.Reference<Store | undefined>("natgrad/Checkpoint", {
  defaultValue: () => undefined
}) {
  /**
   * In a file, which is always a whole one: whatever kills the process, or the machine, leaves the snapshot before or the new one.
   *
   * A snapshot is written to a temporary file beside it, brought to the disk and renamed. What a dead process left of a temporary file
   * goes when the next estimate begins. Give each estimate a path of its own. Where two use one nevertheless, whole files
   * replace each other; one that is writing while the other begins can lose its temporary file, and fails.
   *
   * *Fails*: `InvalidArgument`; when used, `SnapshotFailure` for a folder that is missing or may not be written to, or a full disk.
   */
  static readonly file = (
    options: FileOptions
  ): Layer.Layer<never, InvalidArgument, FileSystem.FileSystem | Path.Path> =>
    Layer.effect(
      Checkpoint,
      Effect.flatMap(Effect.fromResult(decode(FileOptions, options)), ({ every = 16, path }) =>
        fileStore(path, every)
      )
    )

  /** In a store of one's own, such as a browser's IndexedDB or a bucket. *Fails*: `InvalidArgument`. */
  static readonly fromStore = (store: Store): Layer.Layer<never, InvalidArgument> =>
    Layer.effect(
      Checkpoint,
      Effect.map(
        Effect.fromResult(decode(StoreOptions, { name: store.name, every: store.every })),
        () => store
      )
    )
}
