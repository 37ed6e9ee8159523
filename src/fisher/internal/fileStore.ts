/**
 * A store in one file, by the four steps that leave no torn file: write a temporary file in the same folder, bring its bytes to the
 * disk, rename it over the file, bring the folder's entry to the disk.
 *
 * Temporary names are unique, so two writers never share one. There is no lock, since a killed process would leave it locked: the
 * writer that renames last wins, and its file is whole. Temporary files are removed by whoever reads next, as nothing portable tells
 * a dead writer's from a live one's; a live one then fails at its rename and says so.
 *
 * *Source*: Pillai, Chidambaram, Alagappan, Al-Kiswany, A. and R. Arpaci-Dusseau 2014, on what file systems promise in a crash.
 */
import { Effect, FileSystem, Path, type PlatformError } from "effect"
import { Hex } from "effect/encoding"
import { SnapshotFailure } from "../../Errors.ts"
import type { Store } from "../Checkpoint.ts"

const remedies: Readonly<Record<string, string>> = {
  NotFound: "Make its folder, and give each estimate a path of its own.",
  PermissionDenied: "Give a path that may be written to.",
  BadResource: "Give the path of a file in a folder."
}

const failure =
  (what: string, path: string) =>
  (cause: PlatformError.PlatformError): SnapshotFailure => {
    const { reason } = cause
    const why = reason.cause instanceof Error ? reason.cause.message : cause.message
    return new SnapshotFailure({
      source: path,
      cause,
      message: `${path} cannot be ${what}: ${why.replace(/\.$/, "")}. ${remedies[reason._tag] ?? "See to its disk, or give another path."}`
    })
  }

/** Eight bytes that no other writer has. They are in the name of a file alone. */
const unique = (): string => Hex.encode(crypto.getRandomValues(new Uint8Array(8)))

export const fileStore = Effect.fnUntraced(function* (name: string, every: number) {
  const files = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const path = paths.resolve(name)
  const folder = paths.dirname(path)
  const base = paths.basename(path)
  const temporary = (entry: string): boolean =>
    entry.startsWith(`${base}.`) && /^[0-9a-f]{16}\.tmp$/.test(entry.slice(base.length + 1))

  /** Some platforms cannot open a folder: there the entry comes to the disk in its own time, and the file is whole all the same. */
  const syncFolder = files.open(folder, { flag: "r" }).pipe(
    Effect.flatMap((opened) => opened.sync),
    Effect.scoped,
    Effect.ignore
  )
  const leftovers = files
    .readDirectory(folder)
    .pipe(
      Effect.flatMap((entries) =>
        Effect.forEach(entries.filter(temporary), (entry) =>
          files.remove(paths.join(folder, entry), { force: true })
        )
      )
    )
  const content = files.readFile(path).pipe(
    Effect.catchIf(
      ({ reason }) => reason._tag === "NotFound",
      () => Effect.succeed(undefined)
    )
  )
  const read = leftovers.pipe(Effect.andThen(content), Effect.mapError(failure("read", name)))
  const write = (bytes: Uint8Array) =>
    Effect.suspend(() => {
      const beside = `${path}.${unique()}.tmp`
      return files.open(beside, { flag: "wx" }).pipe(
        Effect.flatMap((opened) => Effect.andThen(opened.writeAll(bytes), opened.sync)),
        Effect.scoped,
        Effect.andThen(files.rename(beside, path)),
        Effect.onError(() => Effect.ignore(files.remove(beside, { force: true }))),
        Effect.andThen(syncFolder),
        Effect.mapError(failure("written", name)),
        // Node goes on with a write whose fiber is gone, into a file that is closed and a number that may be another file's by then.
        Effect.uninterruptible
      )
    })
  const remove = files
    .remove(path, { force: true })
    .pipe(Effect.andThen(syncFolder), Effect.mapError(failure("removed", name)), Effect.uninterruptible)
  return { name, every, read, write, remove } satisfies Store
})
