/**
 * The typed failures of natgrad. Every folder may import this file; it imports none of them.
 *
 * Three ways to meet them, by the kind of function:
 * - an Effect fails with them,
 * - a pure operation that can fail returns them in a `Result`,
 * - a constructor of a plain value (`Network.sequential`, `Conditional.init`, ...) throws them.
 *
 * A message names the value and the remedy. A broken invariant of natgrad itself is a defect, not one of these.
 */
import { Schema } from "effect"

const Message = Schema.String

/** A number or an option outside its range. */
export class InvalidArgument extends Schema.TaggedError<InvalidArgument>()("InvalidArgument", {
  /** The argument's name as the caller writes it, such as `damping`. */
  argument: Schema.String,
  /** The value as text: it may be NaN, or of the wrong type altogether. */
  value: Schema.String,
  message: Message
}) {}

/** Sizes that do not fit together. */
export class ShapeMismatch extends Schema.TaggedError<ShapeMismatch>()("ShapeMismatch", {
  what: Schema.String,
  expected: Schema.String,
  actual: Schema.String,
  message: Message
}) {}

/** A layer of a tfjs layers model that has no counterpart here. */
export class UnsupportedLayer extends Schema.TaggedError<UnsupportedLayer>()("UnsupportedLayer", {
  /** Its name in the model. */
  layer: Schema.String,
  /** What it is, such as `"LSTM"`. */
  className: Schema.String,
  message: Message
}) {}

/** NaN or infinity where a finite number is due. */
export class NonFinite extends Schema.TaggedError<NonFinite>()("NonFinite", {
  what: Schema.String,
  /** Position in the flat array. */
  index: Schema.Int,
  value: Schema.String,
  message: Message
}) {}

/** A label that the likelihood cannot have drawn. */
export class InvalidLabel extends Schema.TaggedError<InvalidLabel>()("InvalidLabel", {
  likelihood: Schema.String,
  /** Index of the example in the data. */
  example: Schema.Int,
  value: Schema.String,
  message: Message
}) {}

/** No example where at least one is due. */
export class EmptyData extends Schema.TaggedError<EmptyData>()("EmptyData", {
  what: Schema.String,
  message: Message
}) {}

/** Labels are needed and the data has none. */
export class MissingLabels extends Schema.TaggedError<MissingLabels>()("MissingLabels", {
  what: Schema.String,
  message: Message
}) {}

/** A quantity that a likelihood which is only sampled has no formula for. */
export class NoClosedForm extends Schema.TaggedError<NoClosedForm>()("NoClosedForm", {
  likelihood: Schema.String,
  /** What asked for it: a sampler, or the KL divergence. */
  what: Schema.String,
  message: Message
}) {}

/** A Cholesky factorisation met a pivot that is not positive. */
export class NotPositiveDefinite extends Schema.TaggedError<NotPositiveDefinite>()("NotPositiveDefinite", {
  what: Schema.String,
  /** Zero-based index of the first pivot that failed. */
  pivot: Schema.Int,
  /** The damping that was in force. */
  damping: Schema.Number,
  message: Message
}) {}

/** An iteration did not reach its tolerance. */
export class NotConverged extends Schema.TaggedError<NotConverged>()("NotConverged", {
  what: Schema.String,
  iterations: Schema.Int,
  message: Message
}) {}

/** A tensor program of TensorFlow.js threw. */
export class TensorFailure extends Schema.TaggedError<TensorFailure>()("TensorFailure", {
  stage: Schema.String,
  cause: Schema.Defect(),
  message: Message
}) {}

/** A device that this machine does not have. */
export class DeviceUnavailable extends Schema.TaggedError<DeviceUnavailable>()("DeviceUnavailable", {
  device: Schema.String,
  message: Message
}) {}

/** Data that could not be read, or is not in the format it should have. */
export class DataFailure extends Schema.TaggedError<DataFailure>()("DataFailure", {
  source: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
  message: Message
}) {}

/** Sums, or a snapshot of them, that do not belong to what they are used with: another network, seed, range of examples. */
export class SnapshotMismatch extends Schema.TaggedError<SnapshotMismatch>()("SnapshotMismatch", {
  /** What differs. */
  field: Schema.String,
  expected: Schema.String,
  actual: Schema.String,
  message: Message
}) {}

/** A snapshot that is damaged, cut short or of another format. */
export class SnapshotCorrupt extends Schema.TaggedError<SnapshotCorrupt>()("SnapshotCorrupt", {
  /** The file, or what else was read. */
  source: Schema.String,
  message: Message
}) {}

/** A snapshot that could not be written or read: a full disk, a folder that may not be written to, a second writer. */
export class SnapshotFailure extends Schema.TaggedError<SnapshotFailure>()("SnapshotFailure", {
  source: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
  message: Message
}) {}
