/**
 * Maximum pooling in float32, with runs of pixels as in windows.ts: the largest numbers, where they are, and the gradient.
 */
import { at } from "./vector"

/** Bytes of a run. */
const run: usize = 8

/**
 * Of each channel of `count` images the largest number under each window, `[count, positions, channels]`, and its place in the image.
 * Where several are the largest the first is taken; a number that is NaN is larger than all. A window over padding alone has -Infinity, at
 * place -1.
 */
export function maxPool32(
  count: i32,
  pixels: i32,
  channels: i32,
  positions: i32,
  taps: i32,
  runs: usize,
  x: usize,
  value: usize,
  place: usize
): void {
  for (let n = 0; n < count; n++) {
    let r = runs
    for (let t = 0; t < positions; t++) {
      const end = endOf(taps, r)
      largest(channels, r, end, x, value, place)
      value = at<f32>(value, channels)
      place = at<i32>(place, channels)
      r = end
    }
    x = at<f32>(x, pixels * channels)
  }
}

/**
 * For the cotangents g `[count, positions, channels]` of these maxima those of the images: each is added where its largest number is.
 * `value` and `place` have room for a number for each channel.
 */
export function maxPoolGradient32(
  count: i32,
  pixels: i32,
  channels: i32,
  positions: i32,
  taps: i32,
  runs: usize,
  x: usize,
  g: usize,
  out: usize,
  value: usize,
  place: usize
): void {
  const image = pixels * channels
  for (let n = 0; n < count; n++) {
    memory.fill(out, 0, <usize>image * 4)
    let r = runs
    for (let t = 0; t < positions; t++) {
      const end = endOf(taps, r)
      largest(channels, r, end, x, value, place)
      // A window sees padding in all of its channels, or in none.
      if (channels > 0 && load<i32>(place) >= 0) scatter(channels, g, place, out)
      g = at<f32>(g, channels)
      r = end
    }
    x = at<f32>(x, image)
    out = at<f32>(out, image)
  }
}

/** Adds numbers at their places. */
function scatter(n: i32, g: usize, place: usize, out: usize): void {
  for (let i = 0; i < n; i++) {
    const to = at<f32>(out, load<i32>(place))
    store<f32>(to, load<f32>(to) + load<f32>(g))
    g += 4
    place += 4
  }
}

/** Where the runs of one position end. */
function endOf(taps: i32, runs: usize): usize {
  for (let tap = 0; tap < taps; runs += run) tap += load<i32>(runs, 4)
  return runs
}

/** Of each channel the largest number in these runs, and its place. */
function largest(channels: i32, runs: usize, end: usize, x: usize, value: usize, place: usize): void {
  let first = -1
  for (let r = runs; first < 0 && r < end; r += run) first = load<i32>(r)
  if (first < 0) {
    for (let c = 0; c < channels; c++) {
      store<f32>(at<f32>(value, c), -Infinity)
      store<i32>(at<i32>(place, c), -1)
    }
    return
  }
  let c = 0
  for (; c + 4 <= channels; c += 4)
    fourOf(channels, c, first, runs, end, x, at<f32>(value, c), at<i32>(place, c))
  for (; c < channels; c++) oneOf(channels, c, first, runs, end, x, at<f32>(value, c), at<i32>(place, c))
}

function fourOf(
  channels: i32,
  c: i32,
  first: i32,
  runs: usize,
  end: usize,
  x: usize,
  value: usize,
  place: usize
): void {
  let best = v128.load(at<f32>(x, first * channels + c))
  let where = i32x4.splat(first)
  for (let r = runs; r < end; r += run) {
    let pixel = load<i32>(r)
    if (pixel < 0) continue
    const last = pixel + load<i32>(r, 4)
    let from = at<f32>(x, pixel * channels + c)
    for (; pixel < last; pixel++) {
      const other = v128.load(from)
      const larger = v128.or(f32x4.gt(other, best), f32x4.ne(other, other))
      best = v128.bitselect(other, best, larger)
      where = v128.bitselect(i32x4.splat(pixel), where, larger)
      from = at<f32>(from, channels)
    }
  }
  v128.store(value, best)
  v128.store(
    place,
    i32x4.add(i32x4.mul(where, i32x4.splat(channels)), i32x4.add(i32x4.splat(c), i32x4(0, 1, 2, 3)))
  )
}

function oneOf(
  channels: i32,
  c: i32,
  first: i32,
  runs: usize,
  end: usize,
  x: usize,
  value: usize,
  place: usize
): void {
  let best = load<f32>(at<f32>(x, first * channels + c))
  let where = first
  for (let r = runs; r < end; r += run) {
    let pixel = load<i32>(r)
    if (pixel < 0) continue
    const last = pixel + load<i32>(r, 4)
    for (; pixel < last; pixel++) {
      const other = load<f32>(at<f32>(x, pixel * channels + c))
      if (other > best || other !== other) {
        best = other
        where = pixel
      }
    }
  }
  store<f32>(value, best)
  store<i32>(place, where * channels + c)
}

/** For the cotangents g `[columns, count, outputs]` those of the images: each is added where its largest number was. */
export function unpool32(
  columns: i32,
  count: i32,
  image: i32,
  outputs: i32,
  g: usize,
  places: usize,
  out: usize
): void {
  for (let k = 0; k < columns; k++) {
    let place = places
    for (let n = 0; n < count; n++) {
      memory.fill(out, 0, <usize>image * 4)
      scatter(outputs, g, place, out)
      g = at<f32>(g, outputs)
      place = at<i32>(place, outputs)
      out = at<f32>(out, image)
    }
  }
}

/** The numbers at these places of `count` images, `[count, outputs]`. */
export function pick32(count: i32, image: i32, outputs: i32, x: usize, place: usize, out: usize): void {
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < outputs; i++) {
      store<f32>(out, load<f32>(at<f32>(x, load<i32>(place))))
      out += 4
      place += 4
    }
    x = at<f32>(x, image)
  }
}

/** g `[columns, n]` where y `[n]` is over 0, else 0. */
export function gate32(columns: i32, n: i32, g: usize, y: usize, out: usize): void {
  for (let k = 0; k < columns; k++) {
    let i = 0
    for (; i + 4 <= n; i += 4) {
      const open = f32x4.gt(v128.load(at<f32>(y, i)), f32x4.splat(0))
      v128.store(at<f32>(out, i), v128.and(v128.load(at<f32>(g, i)), open))
    }
    for (; i < n; i++)
      store<f32>(at<f32>(out, i), load<f32>(at<f32>(y, i)) > 0 ? load<f32>(at<f32>(g, i)) : 0)
    g = at<f32>(g, n)
    out = at<f32>(out, n)
  }
}
