/** The devices that can be timed, by their names on the command line. */
import type { Layer } from "effect"
import { Device } from "../src/index.ts"

interface Choice {
  /** The most threads that it can have. */
  readonly most: number
  readonly layer: (threads: number) => Layer.Layer<Device, unknown>
}

export const devices = {
  wasm: { most: Number.POSITIVE_INFINITY, layer: (threads) => Device.wasmWith({ threads }) },
  native: { most: Number.POSITIVE_INFINITY, layer: (threads) => Device.nativeWith({ threads }) },
  webgpu: { most: 1, layer: () => Device.webgpu }
} satisfies Readonly<Record<string, Choice>>

export type DeviceName = keyof typeof devices

export const isDevice = (name: string): name is DeviceName => Object.hasOwn(devices, name)

export const layerOf = (name: DeviceName, threads: number): Layer.Layer<Device, unknown> =>
  devices[name].layer(threads)
