/**
 * IDX, the format of MNIST and of the sets made after it: bytes with their dimensions, plain or gzipped.
 *
 * Two zero bytes, the type (8: unsigned byte), the number of dimensions, each dimension as a big-endian uint32, then the bytes.
 * *Source*: Y. LeCun, The MNIST database of handwritten digits.
 */
import { Effect, FileSystem, Layer, Schema } from "effect"
import { DataFailure, ShapeMismatch } from "../Errors.ts"
import { decode as decodeOptions, PositiveInt, shown } from "../Options.ts"
import { type DataError, DataSource, type Examples, OrderOptions } from "./DataSource.ts"

/** The content of an IDX file of bytes. */
export interface Idx {
  readonly dimensions: ReadonlyArray<number>
  readonly bytes: Uint8Array
}

const corrupt = (source: string, message: string, cause?: unknown): DataFailure =>
  new DataFailure({ source, message, ...(cause === undefined ? {} : { cause }) })

/** Unpacks gzip, by the platform's own decompressor; other bytes pass through. */
const gunzip = (source: string, bytes: Uint8Array): Effect.Effect<Uint8Array, DataFailure> =>
  bytes[0] === 0x1f && bytes[1] === 0x8b
    ? Effect.tryPromise({
        try: () =>
          new Response(
            new Blob([Uint8Array.from(bytes)]).stream().pipeThrough(new DecompressionStream("gzip"))
          ).bytes(),
        catch: (cause) => corrupt(source, `${source} is no whole gzip file. Fetch it again.`, cause)
      })
    : Effect.succeed(bytes)

/** Reads the bytes of an IDX file. `source` is what errors call it. *Fails*: `DataFailure`. */
export const decode = Effect.fnUntraced(function* (
  source: string,
  file: Uint8Array
): Effect.fn.Return<Idx, DataFailure> {
  if (!(file instanceof Uint8Array)) {
    return yield* corrupt(source, `${source} is ${shown(file)}. Pass the bytes of the file as a Uint8Array.`)
  }
  const content = yield* gunzip(source, file)
  if (content.length < 4 || content[0] !== 0 || content[1] !== 0) {
    return yield* corrupt(
      source,
      `${source} is no IDX file: it does not begin with two zero bytes. Name an IDX file, plain or gzipped.`
    )
  }
  if (content[2] !== 8) {
    return yield* corrupt(
      source,
      `${source} holds numbers of IDX type ${content[2]}. Only unsigned bytes (type 8) are read.`
    )
  }
  const rank = content[3]!
  const header = 4 + 4 * rank
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength)
  if (rank === 0 || content.length < header) {
    return yield* corrupt(
      source,
      `${source} ends within its header, after ${content.length} bytes. Fetch it again.`
    )
  }
  const dimensions = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i))
  const due = dimensions.reduce((size, dimension) => size * dimension, 1)
  if (content.length - header !== due) {
    return yield* corrupt(
      source,
      `${source} has ${content.length - header} bytes of data for the dimensions ${dimensions.join(" x ")}, which are ${due}. Fetch it again.`
    )
  }
  return { dimensions, bytes: content.subarray(header) }
})

/** Where the two files are, how many examples to take (all unless said), and in which order. */
export const IdxOptions = Schema.Struct({
  ...OrderOptions.fields,
  images: Schema.String,
  labels: Schema.String,
  limit: Schema.optionalKey(PositiveInt)
})
export type IdxOptions = typeof IdxOptions.Type

/**
 * Examples from two IDX files: images, whose bytes become numbers from 0 to 1, and labels.
 *
 * *Memory*: a byte for each number. *Fails*: `DataFailure` for a file that cannot be read or is no IDX file, `ShapeMismatch` where
 * the two have different numbers of examples, `InvalidArgument`.
 */
export const dataSource = (options: IdxOptions): Layer.Layer<DataSource, DataError, FileSystem.FileSystem> =>
  Layer.effect(
    DataSource,
    Effect.gen(function* () {
      const { images, labels, limit, ...order } = yield* Effect.fromResult(decodeOptions(IdxOptions, options))
      const data = yield* readExamples(images, labels, limit ?? Number.POSITIVE_INFINITY)
      return DataSource.fromExamples(`IDX ${images}`, data, order)
    })
  )

const readFile = Effect.fnUntraced(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  const bytes = yield* files
    .readFile(path)
    .pipe(
      Effect.mapError((cause) =>
        corrupt(path, `${path} cannot be read: ${cause.message}. Name a file that exists.`, cause)
      )
    )
  return yield* decode(path, bytes)
})

const readExamples = Effect.fnUntraced(function* (
  imagePath: string,
  labelPath: string,
  limit: number
): Effect.fn.Return<Examples, DataFailure | ShapeMismatch, FileSystem.FileSystem> {
  const [images, labels] = yield* Effect.all([readFile(imagePath), readFile(labelPath)])
  const [count = 0, ...size] = images.dimensions
  if (labels.dimensions.length !== 1 || labels.dimensions[0] !== count) {
    return yield* new ShapeMismatch({
      what: "labels",
      expected: `${count} labels`,
      actual: labels.dimensions.join(" x "),
      message: `${labelPath} holds ${labels.dimensions.join(" x ")} labels for the ${count} images of ${imagePath}. Name two files of one set.`
    })
  }
  const examples = Math.min(count, limit)
  const features = size.reduce((product, dimension) => product * dimension, 1)
  return {
    examples,
    features,
    x: images.bytes.subarray(0, examples * features),
    scale: 1 / 255,
    labels: { values: new Float32Array(labels.bytes.subarray(0, examples)), labelSize: 1 }
  }
})
