/**
 * The public face of `Conditional`: what it is, where it comes from and what of it is frozen (src/model), and the averages over data that need
 * nothing but it (src/sampling).
 */
export * from "./model/Conditional.ts"
export * from "./model/Freeze.ts"
export * from "./model/FromFunction.ts"
export * from "./model/LayersModel.ts"
export * from "./sampling/Averages.ts"
