/** Layers that make one number of each channel in a window: what the files of pooling share. */
import * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { ShapeMismatch } from "../../Errors.ts"
import { decodeOrThrow, PositiveInt } from "../../Options.ts"
import type { Windows as DeviceWindows } from "../../tensor/Windows.ts"
import {
  windowsOn as deviceWindows,
  fitted,
  type Geometry,
  outputShape,
  patchTable,
  pixelTables,
  type Side,
  type Two,
  tapTable
} from "../internal/convolution.ts"
import { type BuiltLayer, type SingleLayer, single } from "../Layer.ts"
import { described, type Shape } from "../Shape.ts"
import type { Only, Said } from "./layerName.ts"
import {
  across,
  both,
  ends1d,
  endsText,
  type Padding,
  type Padding1d,
  type Padding1dText,
  type PaddingText,
  type Pair,
  type PairText,
  type Part,
  padding1dOption,
  paddingOption,
  paddingText,
  pair,
  pairText,
  part,
  sidesOf
} from "./windowOptions.ts"

export interface Pool2dOptions {
  readonly size: Pair
  /** The size unless said. */
  readonly stride?: Pair
  /** `"valid"` unless said. */
  readonly padding?: Padding
}

export interface Pool1dOptions {
  readonly size: number
  /** The size unless said. */
  readonly stride?: number
  /** `"valid"` unless said. */
  readonly padding?: Padding1d
}

const Pool2d = Schema.Struct({
  size: pair(1),
  stride: Schema.optionalKey(pair(1)),
  padding: Schema.optionalKey(paddingOption)
})

const Pool1d = Schema.Struct({
  size: PositiveInt,
  stride: Schema.optionalKey(PositiveInt),
  padding: Schema.optionalKey(padding1dOption("valid", "same"))
})

export type Pool2dName<Word extends string, Options extends Pool2dOptions> = `${Word}(${PairText<
  Options["size"]
>}${Part<"stride", PairText<Said<Options, "stride", Options["size"]>>, PairText<Options["size"]>>}${Part<
  "padding",
  PaddingText<Said<Options, "padding", "valid">>,
  "0:0x0:0"
>})`

export type Pool1dName<
  Word extends string,
  Options extends Pool1dOptions
> = `${Word}(${Options["size"]}${Part<"stride", `${Said<Options, "stride", Options["size"]>}`, `${Options["size"]}`>}${Part<
  "padding",
  Padding1dText<Said<Options, "padding", "valid">>,
  "0:0"
>})`

/** The windows of an image, and for each pixel those that it is in. */
export interface Windows {
  readonly geometry: Geometry
  readonly pixels: number
  readonly positions: number
  readonly channels: number
  /** For each place in a window, the pixel there at every position `[T]`; one past the last is the padding. */
  readonly seen: ReadonlyArray<Int32Array>
  /** How many pixels each window has, `[T]`. */
  readonly counts: Float32Array
  /** As many windows as the pixel has that is in most; the others' are some of them none. */
  readonly windowsOf: ReadonlyArray<WindowOf>
  /** The same for the kernels of a device. */
  readonly seenBy: DeviceWindows
}

/** A window of every pixel, and its place in it: position 0 and place -1 where it is in none. */
export interface WindowOf {
  readonly position: Int32Array
  readonly place: Float32Array
}

export type Pooling = (windows: Windows) => Pick<BuiltLayer, "forward" | "linearize">

export const pool2d =
  <const Word extends string>(word: Word, pooling: Pooling) =>
  <const Options extends Pool2dOptions>(
    options: Options & Only<Options, Pool2dOptions>
  ): SingleLayer<Pool2dName<Word, Options>, "image", "image"> => {
    const made: Pool2dOptions = decodeOrThrow(Pool2d, options)
    const { padding = "valid", size, stride = size } = made
    const sides = sidesOf({ kernel: size, stride, padding, dilation: 1 })
    const name = [
      `${word}(${pairText(both(size))}`,
      part("stride", pairText(both(stride)), pairText(both(size))),
      part("padding", paddingText([sides[0].padding, sides[1].padding]), "0:0x0:0")
    ].join("")
    return single({
      name: `${name})` as Pool2dName<Word, Options>,
      takes: ["image"],
      gives: "image",
      build: build(`${name})`, sides, pooling)
    })
  }

export const pool1d =
  <const Word extends string>(word: Word, pooling: Pooling) =>
  <const Options extends Pool1dOptions>(
    options: Options & Only<Options, Pool1dOptions>
  ): SingleLayer<Pool1dName<Word, Options>, "sequence", "sequence"> => {
    const made: Pool1dOptions = decodeOrThrow(Pool1d, options)
    const { padding = "valid", size, stride = size } = made
    const along: Side = { kernel: size, stride, dilation: 1, padding: ends1d(padding) }
    const name = [
      `${word}(${size}`,
      part("stride", String(stride), String(size)),
      part("padding", endsText(along.padding), "0:0")
    ].join("")
    return single({
      name: `${name})` as Pool1dName<Word, Options>,
      takes: ["sequence"],
      gives: "sequence",
      build: build(`${name})`, [across, along], pooling)
    })
  }

const build =
  (name: string, sides: Two<Side>, pooling: Pooling) =>
  (input: Shape): BuiltLayer => {
    const windows = windowsOn(fitted(name, input, sides))
    if (windows.counts.includes(0)) {
      throw new ShapeMismatch({
        what: name,
        expected: "windows with a pixel of the input in each",
        actual: described(input),
        message: `${name} has a window that lies in the padding alone, on ${described(input)}. Give less padding.`
      })
    }
    return { output: outputShape(input, windows.geometry, windows.channels), ...pooling(windows) }
  }

const windowsOn = (geometry: Geometry): Windows => {
  const { channels, height, width } = geometry.input
  const pixels = height * width
  const places = geometry.kernel[0] * geometry.kernel[1]
  const positions = geometry.output[0] * geometry.output[1]
  const table = patchTable(geometry)
  const seen = Array.from({ length: places }, (_, place) => tapTable(table, places, place))
  return {
    geometry,
    pixels,
    positions,
    channels,
    seen,
    seenBy: deviceWindows(geometry, table),
    counts: Float32Array.from({ length: positions }, (_, t) => seen.filter((own) => own[t]! < pixels).length),
    windowsOf: pixelTables(table, pixels).map((entries) => ({
      position: entries.map((entry) => (entry < table.length ? Math.floor(entry / places) : 0)),
      place: Float32Array.from(entries, (entry) => (entry < table.length ? entry % places : -1))
    }))
  }
}

/** 1 where two whole numbers are equal, else 0. The comparisons of tfjs's wasm are many times slower. */
export const same = (a: tf.Tensor, b: tf.Tensor | Float32Array | number): tf.Tensor =>
  tf.relu(tf.sub(1, tf.abs(tf.sub(a, b))))
