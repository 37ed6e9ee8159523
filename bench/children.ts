/** Measurements in processes of their own: what a script of this folder prints is JSON. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"
import type { Device } from "../src/index.ts"
import { devices, isDevice, layerOf } from "./devices.ts"

/** A device, and how many threads it has. */
export interface Place {
  readonly device: string
  readonly threads: number
}

/** What a script prints, given a place and what else it takes. */
export const child = <T>(script: string, { device, threads }: Place, ...args: ReadonlyArray<string>): T => {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const { status, stderr, stdout } = spawnSync(process.execPath, [path, device, String(threads), ...args], {
    encoding: "utf8"
  })
  if (status !== 0) throw new Error(`bench/${script} ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}

/** In the script: measures at the place that its first two arguments name, and prints it. */
export const answer = async (
  measure: (...args: ReadonlyArray<string>) => Effect.Effect<unknown, unknown, Device | Scope.Scope>
): Promise<void> => {
  const [device = "", threads, ...args] = process.argv.slice(2)
  if (!isDevice(device))
    throw new Error(`There is no device ${device}. Give one of ${Object.keys(devices).join(", ")}.`)
  const measured = Effect.scoped(measure(...args)).pipe(Effect.provide(layerOf(device, Number(threads))))
  console.log(JSON.stringify(await Effect.runPromise(measured)))
}
