/**
 * The two gradients of a depthwise convolution in float32, with runs of pixels as in windows.ts.
 */
import { addProduct, at } from "./vector"
import { add32 } from "./windows"

/** Bytes of a run. */
const run: usize = 8

/**
 * The gradient of the kernel `[taps, channels, multiplier]`, summed over the images: x `[count, pixels, channels]`, g `[count, positions,
 * channels, multiplier]`. `own` has room for the gradient of one image, so that each sum is of few terms.
 */
export function depthwiseKernel32(
  count: i32,
  pixels: i32,
  channels: i32,
  multiplier: i32,
  positions: i32,
  taps: i32,
  runs: usize,
  x: usize,
  g: usize,
  out: usize,
  own: usize
): void {
  const columns = channels * multiplier
  const size = taps * columns
  memory.fill(out, 0, <usize>size * 4)
  for (let n = 0; n < count; n++) {
    memory.fill(own, 0, <usize>size * 4)
    let r = runs
    for (let t = 0; t < positions; t++) {
      for (let tap = 0; tap < taps; r += run) {
        const pixel = load<i32>(r)
        const length = load<i32>(r, 4)
        if (pixel >= 0) {
          for (let i = 0; i < length; i++)
            spread(
              channels,
              multiplier,
              at<f32>(x, (pixel + i) * channels),
              g,
              at<f32>(own, (tap + i) * columns)
            )
        }
        tap += length
      }
      g = at<f32>(g, columns)
    }
    add32(size, own, out)
    x = at<f32>(x, pixels * channels)
  }
}

/** out[c, m] += x[c] g[c, m]. */
function spread(channels: i32, multiplier: i32, x: usize, g: usize, out: usize): void {
  let c = 0
  if (multiplier === 1) {
    for (; c + 4 <= channels; c += 4) {
      const sum = addProduct<f32>(
        v128.load(at<f32>(out, c)),
        v128.load(at<f32>(x, c)),
        v128.load(at<f32>(g, c))
      )
      v128.store(at<f32>(out, c), sum)
    }
  }
  for (; c < channels; c++) {
    const value = v128.load_splat<f32>(at<f32>(x, c))
    for (let j = c * multiplier; j < (c + 1) * multiplier; j++) {
      const sum = addProduct<f32>(
        v128.load_splat<f32>(at<f32>(out, j)),
        value,
        v128.load_splat<f32>(at<f32>(g, j))
      )
      v128.store_lane<f32>(at<f32>(out, j), sum, 0)
    }
  }
}

/** The gradient of the images, for the kernel `[taps, channels, multiplier]`. */
export function depthwiseImage32(
  count: i32,
  pixels: i32,
  channels: i32,
  multiplier: i32,
  positions: i32,
  taps: i32,
  runs: usize,
  g: usize,
  kernel: usize,
  out: usize
): void {
  const columns = channels * multiplier
  const image = <usize>(pixels * channels) * 4
  for (let n = 0; n < count; n++) {
    memory.fill(out, 0, image)
    let r = runs
    for (let t = 0; t < positions; t++) {
      for (let tap = 0; tap < taps; r += run) {
        const pixel = load<i32>(r)
        const length = load<i32>(r, 4)
        if (pixel >= 0) {
          for (let i = 0; i < length; i++)
            gather(
              channels,
              multiplier,
              g,
              at<f32>(kernel, (tap + i) * columns),
              at<f32>(out, (pixel + i) * channels)
            )
        }
        tap += length
      }
      g = at<f32>(g, columns)
    }
    out += image
  }
}

/** out[c] += sum over m of g[c, m] kernel[c, m]. */
function gather(channels: i32, multiplier: i32, g: usize, kernel: usize, out: usize): void {
  let c = 0
  if (multiplier === 1) {
    for (; c + 4 <= channels; c += 4) {
      const sum = addProduct<f32>(
        v128.load(at<f32>(out, c)),
        v128.load(at<f32>(g, c)),
        v128.load(at<f32>(kernel, c))
      )
      v128.store(at<f32>(out, c), sum)
    }
  }
  for (; c < channels; c++) {
    let sum = v128.load_splat<f32>(at<f32>(out, c))
    for (let j = c * multiplier; j < (c + 1) * multiplier; j++)
      sum = addProduct<f32>(
        sum,
        v128.load_splat<f32>(at<f32>(g, j)),
        v128.load_splat<f32>(at<f32>(kernel, j))
      )
    v128.store_lane<f32>(at<f32>(out, c), sum, 0)
  }
}
