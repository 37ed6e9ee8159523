import type { AnyStructure, Operation, TwoPass } from "../Structure.ts"

/** Whether a structure needs the data twice. What is no structure at all does not: the one pass refuses it. */
export const isTwoPass = <Op extends Operation>(structure: AnyStructure<Op>): structure is TwoPass<Op> =>
  typeof structure === "object" && structure !== null && "second" in structure
