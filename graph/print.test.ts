/** The text form of a whole small program part. */
import { expect, test } from 'vitest'
import { PRESETS } from './presets.ts'
import { printGraph } from './print.ts'
import { buildProgram } from './program.ts'

test('the evaluation graph of mlp-tiny', () => {
  expect(printGraph(buildProgram(PRESETS['mlp-tiny']).evaluate)).toMatchInlineSnapshot(`
    "graph evaluate
      %0 = input layer0.weight: f32[4,8]
      %1 = input layer0.bias: f32[8]
      %2 = input layer1.weight: f32[8,3]
      %3 = input layer1.bias: f32[3]
      %4 = input momentum.layer0.weight: f32[4,8]
      %5 = input momentum.layer0.bias: f32[8]
      %6 = input momentum.layer1.weight: f32[8,3]
      %7 = input momentum.layer1.bias: f32[3]
      %8 = input records: f32[2,5]
      %9 = slice(%8) sizes=[2,4] starts=[0,0] strides=[1,1]: f32[2,4]
      %10 = slice(%8) sizes=[2,1] starts=[0,4] strides=[1,1]: f32[2,1]
      %11 = map(%10) { f2i(x0) }: i32[2,1]
      %12 = matmul(%9, %0) transposeA=false transposeB=false: f32[2,8]
      %13 = map(%12, %1) { fadd(x0, x1); fmax(t0, 0x0) }: f32[2,8]
      %14 = matmul(%13, %2) transposeA=false transposeB=false: f32[2,3]
      %15 = map(%14, %3) { fadd(x0, x1) }: f32[2,3]
      %16 = reduce(%15) axes=[1] keepDims=true kind="max": f32[2,1]
      %17 = map(%15, %16, %11) { fsub(x0, x1); ieq(i1, x2); select(t1, t0, 0x0) }: f32[2,3]
      %18 = reduce(%17) axes=[1] keepDims=true kind="sum": f32[2,1]
      %19 = map(%15, %16) { fsub(x0, x1); ffma(t0, 0x3fb8aa3b, 0x4b400000); fsub(t1, 0x4b400000); ffma(t2, 0xbf317200, t0); ffma(t2, 0xb5bfbe8e, t3); ffma(0x3ab52839, t4, 0x3c091cbc); ffma(t5, t4, 0x3d2aac56); ffma(t6, t4, 0x3e2aaa49); ffma(t7, t4, 0x3efffffe); ffma(t8, t4, 0x3f800000); ffma(t9, t4, 0x3f800000); shl(t1, 0x17); iadd(t10, t11); flt(0x42b17217, t0); flt(t0, 0xc2aeac4f); select(t13, 0x7f800000, t12); select(t14, 0x0, t15) }: f32[2,3]
      %20 = reduce(%19) axes=[1] keepDims=true kind="sum": f32[2,1]
      %21 = map(%15, %16, %11) { fsub(x0, x1); ieq(i1, x2); feq(t0, 0x0); select(t2, 0x3f800000, 0x0); select(t1, t3, 0x0) }: f32[2,3]
      %22 = map(%20, %18) { flt(x0, 0x800000); fmul(x0, 0x4b000000); select(t0, t1, x0); isub(t2, 0x3f2aaaab); and(t3, 0xff800000); isub(t2, t4); fsub(t5, 0x3f800000); select(t0, 0xb800000, 0x0); isub(t4, t7); i2f(t8); fmul(t9, 0x34000000); fmul(t6, t6); ffma(0xbe03e4b2, t6, 0x3e0f33c6); ffma(t12, t6, 0xbdf99953); ffma(t13, t6, 0x3e0f6b31); ffma(t14, t6, 0xbe2ace23); ffma(t15, t6, 0x3e4ce822); ffma(t16, t6, 0xbe7fff7e); ffma(t17, t6, 0x3eaaaa83); ffma(t18, t6, 0xbf000000); ffma(t11, t19, t6); ffma(t10, 0x3f317218, t20); flt(x0, 0x7f800000); select(t22, t21, x0); feq(x0, 0x0); select(t24, 0xff800000, 0x7fc00000); fle(x0, 0x0); select(t26, t25, t23); fsub(t27, x1) }: f32[2,1]
      %23 = reduce(%21) axes=[1] keepDims=true kind="sum": f32[2,1]
      %24 = reshape(%22) shape=[2]: f32[2]
      %25 = reshape(%23) shape=[2]: f32[2]
      %26 = reshape(%10) shape=[2]: f32[2]
      %27 = map(%26, %24) { flt(0xbf000000, x0); select(t0, x1, 0x0) }: f32[2]
      %28 = map(%26, %25) { flt(0xbf000000, x0); select(t0, x1, 0x0) }: f32[2]
      %29 = map(%26) { flt(0xbf000000, x0); select(t0, 0x3f800000, 0x0) }: f32[2]
      %30 = reduce(%29) axes=[0] keepDims=false kind="sum": f32[]
      %31 = reduce(%27) axes=[0] keepDims=false kind="sum": f32[]
      %32 = reduce(%28) axes=[0] keepDims=false kind="sum": f32[]
      output loss = %31
      output count = %30
      output correct = %32
    "
  `)
})
