/** The part of the TensorFlow.js API that the engine uses, typed here because its packages are installed on demand. */

export type TfDType = 'float32' | 'int32' | 'bool'

/** A tensor of a backend. `dataSync` blocks and is not offered by every backend; `data` is. */
export interface Tensor {
  readonly shape: readonly number[]
  readonly dtype: TfDType
  data(): Promise<Float32Array | Int32Array | Uint8Array>
  dispose(): void
}

type Shape = readonly number[]

export interface Tf {
  readonly version_core: string
  enableProdMode(): void
  env(): { set(flag: string, value: unknown): void }
  setBackend(name: string): Promise<boolean>
  ready(): Promise<void>
  memory(): { readonly numBytes: number; readonly numTensors: number }
  getKernelsForBackend(name: string): readonly { readonly kernelName: string }[]
  tidy(compute: () => Tensor): Tensor
  tensor(values: Float32Array | Int32Array | Uint8Array, shape: Shape, dtype: TfDType): Tensor
  scalar(value: number, dtype: TfDType): Tensor
  zeros(shape: Shape, dtype: TfDType): Tensor
  clone(x: Tensor): Tensor
  add(a: Tensor, b: Tensor): Tensor
  sub(a: Tensor, b: Tensor): Tensor
  mul(a: Tensor, b: Tensor): Tensor
  div(a: Tensor, b: Tensor): Tensor
  maximum(a: Tensor, b: Tensor): Tensor
  pow(a: Tensor, b: Tensor): Tensor
  neg(x: Tensor): Tensor
  abs(x: Tensor): Tensor
  sqrt(x: Tensor): Tensor
  exp(x: Tensor): Tensor
  log(x: Tensor): Tensor
  tanh(x: Tensor): Tensor
  erf(x: Tensor): Tensor
  sin(x: Tensor): Tensor
  cos(x: Tensor): Tensor
  less(a: Tensor, b: Tensor): Tensor
  lessEqual(a: Tensor, b: Tensor): Tensor
  equal(a: Tensor, b: Tensor): Tensor
  logicalAnd(a: Tensor, b: Tensor): Tensor
  logicalOr(a: Tensor, b: Tensor): Tensor
  logicalXor(a: Tensor, b: Tensor): Tensor
  where(condition: Tensor, a: Tensor, b: Tensor): Tensor
  broadcastTo(x: Tensor, shape: Shape): Tensor
  matMul(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor
  sum(x: Tensor, axes: Shape, keepDims: boolean): Tensor
  max(x: Tensor, axes: Shape, keepDims: boolean): Tensor
  reshape(x: Tensor, shape: Shape): Tensor
  transpose(x: Tensor, permutation: Shape): Tensor
  slice(x: Tensor, begin: Shape, size: Shape): Tensor
  stridedSlice(x: Tensor, begin: Shape, end: Shape, strides: Shape): Tensor
  pad(x: Tensor, paddings: readonly (readonly [number, number])[], value: number): Tensor
  concat(xs: readonly Tensor[], axis: number): Tensor
  gather(x: Tensor, index: Tensor): Tensor
  unsortedSegmentSum(x: Tensor, index: Tensor, segments: number): Tensor
}
