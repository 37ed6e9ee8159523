/**
 * Windows that move over images, in float32: convolutions and maximum pooling, without tables of indices for every number.
 *
 * What the windows see is a list of runs, two 32-bit integers each: the pixel that a run begins at, or -1 where it lies in the padding,
 * and how many pixels it has. The runs of one position cover its taps in order, those of all positions follow each other.
 */
import { addProduct, at } from "./vector"

/** Bytes of a run. */
const run: usize = 8

/** What lies under the windows of `count` images, `[count, positions, taps, channels]`; 0 in the padding. */
export function patches32(
  count: i32,
  pixels: i32,
  channels: i32,
  runs: usize,
  length: i32,
  x: usize,
  out: usize
): void {
  const end = runs + <usize>length * run
  for (let n = 0; n < count; n++) {
    for (let r = runs; r < end; r += run) {
      const pixel = load<i32>(r)
      const numbers = load<i32>(r, 4) * channels
      if (pixel < 0) clear(numbers, out)
      else copy(numbers, at<f32>(x, pixel * channels), out)
      out = at<f32>(out, numbers)
    }
    x = at<f32>(x, pixels * channels)
  }
}

/** Zeros. They are few: a call of memory.fill would cost more. */
function clear(numbers: i32, to: usize): void {
  for (; numbers >= 4; numbers -= 4) {
    v128.store(to, f32x4.splat(0))
    to += 16
  }
  for (; numbers > 0; numbers--) {
    store<f32>(to, 0)
    to += 4
  }
}

/** Some numbers from one place to another. */
export function copy(numbers: i32, from: usize, to: usize): void {
  for (; numbers >= 4; numbers -= 4) {
    v128.store(to, v128.load(from))
    from += 16
    to += 16
  }
  for (; numbers > 0; numbers--) {
    store<f32>(to, load<f32>(from))
    from += 4
    to += 4
  }
}

/** The transpose of `patches32`: every pixel of the images is the sum over the patches that see it, in the order of the positions. */
export function fold32(
  count: i32,
  pixels: i32,
  channels: i32,
  runs: usize,
  length: i32,
  patches: usize,
  out: usize
): void {
  const end = runs + <usize>length * run
  const image = <usize>(pixels * channels) * 4
  for (let n = 0; n < count; n++) {
    memory.fill(out, 0, image)
    for (let r = runs; r < end; r += run) {
      const pixel = load<i32>(r)
      const numbers = load<i32>(r, 4) * channels
      if (pixel >= 0) add32(numbers, patches, at<f32>(out, pixel * channels))
      patches = at<f32>(patches, numbers)
    }
    out += image
  }
}

/** out += x. */
export function add32(n: i32, x: usize, out: usize): void {
  for (; n >= 4; n -= 4) {
    v128.store(out, f32x4.add(v128.load(out), v128.load(x)))
    x += 16
    out += 16
  }
  for (; n > 0; n--) {
    store<f32>(out, load<f32>(out) + load<f32>(x))
    x += 4
    out += 4
  }
}

/**
 * The same of patches g K, K `[filters, taps x channels]`, that are not written out: for the cotangents g `[count, positions, filters]` of
 * a convolution those of its images. Cotangents that are 0, as behind a maximum or a relu most are, cost nothing.
 *
 * `list` has 8 bytes for each filter.
 */
export function pullBack32(
  count: i32,
  pixels: i32,
  channels: i32,
  positions: i32,
  taps: i32,
  filters: i32,
  runs: usize,
  g: usize,
  kernel: usize,
  out: usize,
  list: usize
): void {
  const image = <usize>(pixels * channels) * 4
  const row = taps * channels * 4
  for (let n = 0; n < count; n++) {
    memory.fill(out, 0, image)
    let r = runs
    for (let t = 0; t < positions; t++) {
      const end = listed(filters, row, g, list)
      g = at<f32>(g, filters)
      for (let tap = 0; tap < taps; r += run) {
        const pixel = load<i32>(r)
        const length = load<i32>(r, 4)
        if (pixel >= 0 && end > list)
          combine(
            length * channels,
            at<f32>(kernel, tap * channels),
            at<f32>(out, pixel * channels),
            list,
            end
          )
        tap += length
      }
    }
    out += image
  }
}

/** Which numbers of g are not 0, with where their row of the kernel begins; the end of the list. */
function listed(filters: i32, row: i32, g: usize, list: usize): usize {
  let end = list
  for (let f = 0; f < filters; f++) {
    const value = load<f32>(g)
    store<i32>(end, f * row)
    store<f32>(end, value, 4)
    // No branch: which it would be nobody can foretell.
    end += (<usize>(value !== 0)) << 3
    g += 4
  }
  return end
}

/** out += the rows of the kernel, each times its number in the list. */
function combine(numbers: i32, kernel: usize, out: usize, list: usize, end: usize): void {
  for (; numbers >= 24; numbers -= 24) {
    let s0 = v128.load(out)
    let s1 = v128.load(out, 16)
    let s2 = v128.load(out, 32)
    let s3 = v128.load(out, 48)
    let s4 = v128.load(out, 64)
    let s5 = v128.load(out, 80)
    for (let p = list; p < end; p += 8) {
      const w = kernel + <usize>load<u32>(p)
      const value = v128.load_splat<f32>(p, 4)
      s0 = addProduct<f32>(s0, value, v128.load(w))
      s1 = addProduct<f32>(s1, value, v128.load(w, 16))
      s2 = addProduct<f32>(s2, value, v128.load(w, 32))
      s3 = addProduct<f32>(s3, value, v128.load(w, 48))
      s4 = addProduct<f32>(s4, value, v128.load(w, 64))
      s5 = addProduct<f32>(s5, value, v128.load(w, 80))
    }
    v128.store(out, s0)
    v128.store(out, s1, 16)
    v128.store(out, s2, 32)
    v128.store(out, s3, 48)
    v128.store(out, s4, 64)
    v128.store(out, s5, 80)
    kernel += 96
    out += 96
  }
  for (; numbers >= 8; numbers -= 8) {
    let s0 = v128.load(out)
    let s1 = v128.load(out, 16)
    for (let p = list; p < end; p += 8) {
      const w = kernel + <usize>load<u32>(p)
      const value = v128.load_splat<f32>(p, 4)
      s0 = addProduct<f32>(s0, value, v128.load(w))
      s1 = addProduct<f32>(s1, value, v128.load(w, 16))
    }
    v128.store(out, s0)
    v128.store(out, s1, 16)
    kernel += 32
    out += 32
  }
  for (; numbers >= 4; numbers -= 4) {
    let s = v128.load(out)
    for (let p = list; p < end; p += 8)
      s = addProduct<f32>(s, v128.load_splat<f32>(p, 4), v128.load(kernel + <usize>load<u32>(p)))
    v128.store(out, s)
    kernel += 16
    out += 16
  }
  for (; numbers > 0; numbers--) {
    let s = v128.load_splat<f32>(out)
    for (let p = list; p < end; p += 8)
      s = addProduct<f32>(s, v128.load_splat<f32>(p, 4), v128.load_splat<f32>(kernel + <usize>load<u32>(p)))
    v128.store_lane<f32>(out, s, 0)
    kernel += 4
    out += 4
  }
}
