/** The command line of the bench: what it takes, and what is wrong with it. */
import { parseArgs } from "node:util"
import { type DeviceName, devices, isDevice } from "./devices.ts"

/** What can be asked for with `--only`, and what it is. */
export const parts = {
  a: "MLP 784-64-10 relu, n = 1000",
  b: "MLP 10-32-32-3 tanh, n = 1000",
  c: "conv 3x3x8, pool, conv 3x3x16, pool, dense 10 on 28x28x1, n = 200",
  d: "MLP 784-512-512-10 relu, n = 1024",
  t: "a training step of d's network at batch 256, beside tfjs as shipped",
  kernels: "products, Cholesky and eigenvectors on typed arrays, by themselves",
  stages: "what each stage of an estimate costs",
  tfjs: "a to d by tf.grads on tfjs as shipped",
  linear: "K-FAC and diagonal against N, K-FAC against draws, and a line through them",
  stream: "K-FAC of 1,000 to 60,000 examples in processes of their own: peak memory",
  effect: "whose code the time of an estimate in blocks of 64 is spent in, by a profile"
} as const

export type Part = keyof typeof parts

export interface Options {
  readonly device: DeviceName
  readonly threads: number
  readonly only: ReadonlyArray<Part>
  readonly rounds: number
  readonly json: string | undefined
}

export const usage = `npm run bench -- [options]

  --device ${Object.keys(devices).join("|")}   what computes (wasm)
  --threads N              how many threads it has (1)
  --only a,b,...           some of the parts below (all)
  --rounds N               rounds after the one that warms up (7)
  --json FILE              write the lines there as JSON, one a line
  --help                   this

A table where the output is a terminal, the lines as JSON where it is not. Parts:

${Object.entries(parts)
  .map(([name, what]) => `  ${name.padEnd(8)} ${what}`)
  .join("\n")}
`

/** What is wrong with a command line, and what to give. */
export class Misuse extends Error {}

const count = (name: string, text: string): number => {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new Misuse(`--${name} is ${text}. Give a whole number from 1 to 999999.`)
}

const isPart = (name: string): name is Part => Object.hasOwn(parts, name)

const partOf = (name: string): Part => {
  if (isPart(name)) return name
  throw new Misuse(
    `--only has ${name || "nothing between two commas"}. Give some of ${Object.keys(parts).join(",")}.`
  )
}

const parsed = (args: ReadonlyArray<string>) => {
  try {
    return parseArgs({
      args: [...args],
      options: {
        device: { type: "string", default: "wasm" },
        threads: { type: "string", default: "1" },
        only: { type: "string", default: Object.keys(parts).join(",") },
        rounds: { type: "string", default: "7" },
        json: { type: "string" },
        help: { type: "boolean", default: false }
      }
    }).values
  } catch (cause) {
    throw new Misuse(`${cause instanceof Error ? cause.message : cause} Give --help to see what there is.`)
  }
}

/** The options, or undefined where help is asked for. *Throws* `Misuse`. */
export const optionsOf = (args: ReadonlyArray<string>): Options | undefined => {
  const { device, help, json, only, ...numbers } = parsed(args)
  if (help) return undefined
  if (!isDevice(device)) {
    throw new Misuse(`--device is ${device}. Give one of ${Object.keys(devices).join(", ")}.`)
  }
  const threads = count("threads", numbers.threads)
  const { most } = devices[device]
  if (threads > most) {
    throw new Misuse(`--threads is ${threads}, and ${device} has at most ${most}. Give --threads ${most}.`)
  }
  return { device, threads, only: only.split(",").map(partOf), rounds: count("rounds", numbers.rounds), json }
}
