/** docs/decisions/0004 lists the kernels of tfjs's wasm backend that ours replaces or adds. */
import { readFileSync } from "node:fs"
import * as tf from "@tensorflow/tfjs"
import { beforeAll, expect, it } from "vitest"
import { wasmBackend } from "../src/tensor/internal/wasm.ts"
import { shippedBackend, startBackends } from "./support/backends.ts"

beforeAll(startBackends)

/** The names in the first column of the first table. */
const listed = (): ReadonlyArray<string> => {
  const text = readFileSync(new URL("../docs/decisions/0004-device.md", import.meta.url), "utf8")
  const table = text.slice(text.indexOf("| Kernels |"))
  const rows = table.slice(0, table.indexOf("\n\n")).split("\n").slice(2)
  const names = rows.flatMap((row) =>
    Array.from(row.split("|")[1]!.matchAll(/`(\w+)`/g), (match) => match[1]!)
  )
  return [...new Set(names)].sort()
}

it("the list is that of the registrations; control: it is not without its first", () => {
  const shipped = new Map(
    tf.getKernelsForBackend(shippedBackend).map(({ kernelFunc, kernelName }) => [kernelName, kernelFunc])
  )
  const ours = tf
    .getKernelsForBackend(wasmBackend)
    .filter(({ kernelFunc, kernelName }) => shipped.get(kernelName) !== kernelFunc)
    .map(({ kernelName }) => kernelName)
    .filter((name) => !name.startsWith("natgrad."))
    .sort()
  expect(listed()).toEqual(ours)
  expect(listed().slice(1)).not.toEqual(ours)
})
