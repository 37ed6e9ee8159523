/** The public face of `Conditional`: what it is (src/model) and the averages over data that need nothing but it (src/sampling). */
export * from "./model/Conditional.ts"
export * from "./sampling/Averages.ts"
