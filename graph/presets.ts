/** Small named programs: what tests, golden roots and engine comparisons agree on. */
import type { ProgramSpec } from './spec.ts'

const text = (context: number) => ({ format: 'text', height: 0, width: 0, features: context, classes: 256 }) as const
const adamw = {
  type: 'adamw',
  learningRate: 0.001,
  beta1: Math.fround(0.9),
  beta2: Math.fround(0.95),
  epsilon: Math.fround(1e-8),
  weightDecay: Math.fround(0.1),
  warmup: 4,
} as const
const sgd = {
  type: 'sgd',
  learningRate: Math.fround(0.05),
  momentum: Math.fround(0.9),
  weightDecay: Math.fround(1e-4),
  warmup: 0,
} as const

export const PRESETS = {
  /** Three classes of 4 numbers. */
  'mlp-tiny': {
    model: { type: 'mlp', hidden: [8], activation: 'relu' },
    data: { format: 'csv', height: 0, width: 0, features: 4, classes: 3 },
    optimizer: sgd,
    batch: 8,
    microBatches: 4,
  },
  'cnn-tiny': {
    model: { type: 'cnn', channels: [3, 4], kernel: 3, hidden: 8, activation: 'relu' },
    data: { format: 'idx', height: 9, width: 8, features: 72, classes: 4 },
    optimizer: sgd,
    batch: 4,
    microBatches: 2,
  },
  'gpt-tiny': {
    model: { type: 'gpt', width: 32, layers: 2, heads: 2, context: 16, dropout: 0 },
    data: text(16),
    optimizer: adamw,
    batch: 4,
    microBatches: 2,
  },
  'gpt-dropout': {
    model: { type: 'gpt', width: 16, layers: 1, heads: 2, context: 8, dropout: Math.fround(0.2) },
    data: text(8),
    optimizer: adamw,
    batch: 4,
    microBatches: 4,
  },
} as const satisfies Record<string, ProgramSpec>

export type PresetName = keyof typeof PRESETS
