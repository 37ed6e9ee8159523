/**
 * A folder in memory, of which it is known what a crash may leave: the weakest promises that a file system gives.
 *
 * Bytes are safe once their file was synced, names once the folder was. Before that a power cut leaves any of the folder's states
 * since its last sync, and of a file's bytes none, some, or zeros. A kill of the process leaves what the process saw.
 */
import { Effect, FileSystem, Layer, Path, PlatformError } from "effect"

interface Inode {
  bytes: Uint8Array
  durable: Uint8Array | undefined
}

/** The files by name. */
export type Files = ReadonlyMap<string, Uint8Array>

export type Operation = "open" | "write" | "sync" | "rename" | "remove" | "readDirectory" | "readFile"

export interface DiskOptions {
  /** What is there, safely. */
  readonly files?: Files
  /** The operation in whose place the process dies, counted from 1. */
  readonly dieAt?: number
  /** Whose sync does nothing. */
  readonly broken?: "file" | "folder"
  /** What comes before an operation: an errno that it gives makes the operation fail. */
  readonly before?: (operation: Operation, path: string) => Effect.Effect<string | undefined>
}

export interface Disk {
  readonly layer: Layer.Layer<FileSystem.FileSystem | Path.Path>
  /** Resolves when the process has died. */
  readonly death: Promise<void>
  /** What the process sees. */
  readonly files: () => Files
  /** All that a power cut may leave. */
  readonly afterPowerCut: () => ReadonlyArray<Files>
}

export const folder = "/disk"

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1)

const tags: Readonly<Record<string, PlatformError.SystemErrorTag>> = {
  ENOENT: "NotFound",
  EEXIST: "AlreadyExists",
  EACCES: "PermissionDenied"
}

/** An error as Node's file system gives it. */
const systemError = (code: string, method: string, path: string): PlatformError.PlatformError =>
  PlatformError.systemError({
    _tag: tags[code] ?? "Unknown",
    module: "FileSystem",
    method,
    pathOrDescriptor: path,
    cause: new Error(`${code}: ${method} '${path}'`)
  })

export const disk = ({ before, broken, dieAt, files: given = new Map() }: DiskOptions = {}): Disk => {
  const entries = new Map<string, Inode>()
  for (const [name, bytes] of given) entries.set(name, { bytes, durable: bytes })
  let states: Array<ReadonlyMap<string, Inode>> = [new Map(entries)]
  const changed = (): void => void states.push(new Map(entries))
  let operations = 0
  let die = (): void => undefined
  const death = new Promise<void>((resolve) => {
    die = resolve
  })

  /** One that gives an errno fails with it. */
  const operation = <A>(what: Operation, path: string, run: () => A | Errno) =>
    Effect.gen(function* () {
      yield* Effect.yieldNow
      if (++operations === dieAt) {
        die()
        return yield* Effect.never
      }
      const refused = before === undefined ? undefined : yield* before(what, path)
      const result = refused === undefined ? run() : new Errno(refused)
      return result instanceof Errno ? yield* Effect.fail(systemError(result.code, what, path)) : result
    })

  const openedFolder = {
    sync: operation("sync", folder, () => {
      if (broken !== "folder") states = [new Map(entries)]
    })
  }
  const openedFile = (path: string, inode: Inode) => {
    const write = (bytes: Uint8Array) =>
      operation("write", path, () => {
        inode.bytes = Uint8Array.from([...inode.bytes, ...bytes])
      })
    return {
      sync: operation("sync", path, () => {
        if (broken !== "file") inode.durable = inode.bytes
      }),
      // In two halves: a process may die between them.
      writeAll: (bytes: Uint8Array) =>
        Effect.andThen(write(bytes.subarray(0, bytes.length >> 1)), write(bytes.subarray(bytes.length >> 1)))
    }
  }
  const open = (path: string, flag: string) => {
    if (path === folder) return openedFolder
    if (flag === "wx" && entries.has(nameOf(path))) return new Errno("EEXIST")
    const inode: Inode = { bytes: new Uint8Array(0), durable: undefined }
    entries.set(nameOf(path), inode)
    changed()
    return openedFile(path, inode)
  }
  const rename = (from: string, to: string) => {
    const inode = entries.get(nameOf(from))
    if (inode === undefined) return new Errno("ENOENT")
    entries.delete(nameOf(from))
    entries.set(nameOf(to), inode)
    return changed()
  }
  const remove = (path: string) => {
    if (entries.delete(nameOf(path))) changed()
  }

  const files = FileSystem.makeNoop({
    open: (path, { flag = "r" } = {}) =>
      Effect.map(
        operation("open", path, () => open(path, flag)),
        (opened) => opened as unknown as FileSystem.File
      ),
    rename: (from, to) => operation("rename", from, () => rename(from, to)),
    remove: (path) => operation("remove", path, () => remove(path)),
    readDirectory: (path) =>
      operation("readDirectory", path, () => (path === folder ? [...entries.keys()] : new Errno("ENOENT"))),
    readFile: (path) =>
      operation("readFile", path, () => entries.get(nameOf(path))?.bytes ?? new Errno("ENOENT"))
  })

  return {
    layer: Layer.merge(Layer.succeed(FileSystem.FileSystem, files), Path.layer),
    death,
    files: () => new Map([...entries].map(([name, { bytes }]) => [name, bytes])),
    afterPowerCut: () => states.flatMap(outcomes)
  }
}

class Errno {
  readonly code: string
  constructor(code: string) {
    this.code = code
  }
}

/** The folder in this state, with every combination of what may have become of its files. */
const outcomes = (state: ReadonlyMap<string, Inode>): ReadonlyArray<Files> => {
  let all: ReadonlyArray<Files> = [new Map()]
  for (const [name, { bytes, durable }] of state) {
    const contents = durable === undefined ? unsafe(bytes) : [durable]
    all = all.flatMap((files) => contents.map((content) => new Map([...files, [name, content]])))
  }
  return all
}

/** What may be left of bytes that were not brought to the disk. */
const unsafe = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => [
  new Uint8Array(0),
  bytes.subarray(0, bytes.length >> 1),
  new Uint8Array(bytes.length),
  bytes
]
