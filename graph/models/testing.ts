/**
 * For tests: the models' losses in plain binary64 loops, written from their descriptions and not from the graphs.
 * Parameters are flat arrays by name.
 */
export type Plain = Record<string, number[]>

/** x [n, k] times w [k, m] plus bias [m]. */
export function matrix(x: number[][], w: number[], bias?: number[]): number[][] {
  const k = x[0]?.length ?? 0
  const m = w.length / k
  return x.map((row) =>
    Array.from({ length: m }, (_, j) => row.reduce((sum, v, i) => sum + v * (w[i * m + j] as number), bias?.[j] ?? 0)),
  )
}

export function crossEntropy(logits: number[], label: number): number {
  const top = Math.max(...logits)
  return Math.log(logits.reduce((sum, v) => sum + Math.exp(v - top), 0)) + top - (logits[label] as number)
}

/** erf by its Maclaurin series (|x| < 3) or 1 beyond: enough for test values. */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x)
  let [term, sum] = [x, x]
  for (let n = 1; n < 120; n++) {
    term *= (-x * x) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}

export const gelu = (x: number) => (x * (1 + erf(x / Math.SQRT2))) / 2

function norm(row: number[], gain: number[], bias: number[]): number[] {
  const mean = row.reduce((sum, v) => sum + v, 0) / row.length
  const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / row.length
  return row.map((v, i) => ((v - mean) / Math.sqrt(variance + 1e-5)) * (gain[i] as number) + (bias[i] as number))
}

/** Mean next-byte loss of one text under the GPT of graph/models/gpt.ts. */
export function gptLoss(p: Plain, sizes: { width: number; layers: number; heads: number }, text: number[]): number {
  const { width, layers, heads } = sizes
  const depth = width / heads
  const get = (name: string) => p[name] as number[]
  const row = (table: string, i: number) => get(table).slice(i * width, (i + 1) * width)
  let x = text.slice(0, -1).map((token, t) => row('wte', token).map((v, i) => v + (row('wpe', t)[i] as number)))
  const layerNorm = (name: string) => x.map((v) => norm(v, get(`${name}.gain`), get(`${name}.bias`)))
  const add = (y: number[][]) => {
    x = x.map((v, t) => v.map((c, i) => c + (y[t]?.[i] as number)))
  }
  const layer = (y: number[][], name: string) => matrix(y, get(`${name}.weight`), get(`${name}.bias`))
  for (let l = 0; l < layers; l++) {
    const qkv = layer(layerNorm(`h${l}.ln1`), `h${l}.attn.qkv`)
    const mixed = qkv.map((_, t) => {
      return Array.from({ length: width }, (_, i) => {
        const head = Math.floor(i / depth)
        const part = (s: number, which: number) =>
          (qkv[s] as number[]).slice(which * width + head * depth, which * width + (head + 1) * depth)
        const scores = Array.from({ length: t + 1 }, (_, s) =>
          Math.exp(part(t, 0).reduce((sum, q, j) => sum + q * (part(s, 1)[j] as number), 0) / Math.sqrt(depth)),
        )
        const total = scores.reduce((sum, v) => sum + v, 0)
        return scores.reduce((sum, v, s) => sum + (v / total) * (part(s, 2)[i % depth] as number), 0)
      })
    })
    add(layer(mixed, `h${l}.attn.out`))
    const up = layer(layerNorm(`h${l}.ln2`), `h${l}.mlp.up`).map((v) => v.map(gelu))
    add(layer(up, `h${l}.mlp.down`))
  }
  const logits = matrix(layerNorm('lnf'), get('head.weight'))
  return logits.reduce((sum, v, t) => sum + crossEntropy(v, text[t + 1] as number), 0) / logits.length
}

/** Loss of one example under an MLP with tanh between its layers. */
export function mlpLoss(p: Plain, layers: number, features: number[], label: number): number {
  let x = [features]
  for (let i = 0; i < layers; i++) {
    x = matrix(x, p[`layer${i}.weight`] as number[], p[`layer${i}.bias`] as number[])
    if (i < layers - 1) x = [(x[0] as number[]).map(Math.tanh)]
  }
  return crossEntropy(x[0] as number[], label)
}

/** Loss of one image [h, w] under the CNN of graph/models/cnn.ts with 3 x 3 kernels and GELU. */
export function cnnLoss(p: Plain, channels: number[], pixels: number[], h: number, w: number, label: number): number {
  let [height, width, inputs] = [h, w, 1]
  let image = pixels
  for (const [i, outputs] of channels.entries()) {
    const kernel = p[`conv${i}.weight`] as number[]
    const at = (y: number, x: number, c: number) =>
      y < 0 || x < 0 || y >= height || x >= width ? 0 : (image[(y * width + x) * inputs + c] as number)
    const value = (y: number, x: number, o: number) => {
      let sum = p[`conv${i}.bias`]?.[o] as number
      for (let k = 0; k < 9 * inputs; k++) {
        const [ky, kx, c] = [Math.floor(k / inputs / 3), Math.floor(k / inputs) % 3, k % inputs]
        sum += at(y + ky - 1, x + kx - 1, c) * (kernel[k * outputs + o] as number)
      }
      return gelu(sum)
    }
    const [rows, columns] = [Math.floor(height / 2), Math.floor(width / 2)]
    const next: number[] = []
    for (let n = 0; n < rows * columns * outputs; n++) {
      const [y, x, o] = [2 * Math.floor(n / outputs / columns), 2 * (Math.floor(n / outputs) % columns), n % outputs]
      next.push(Math.max(value(y, x, o), value(y, x + 1, o), value(y + 1, x, o), value(y + 1, x + 1, o)))
    }
    ;[image, height, width, inputs] = [next, rows, columns, outputs]
  }
  const hidden = matrix([image], p['hidden.weight'] as number[], p['hidden.bias']).map((v) => v.map(gelu))
  return crossEntropy(matrix(hidden, p['head.weight'] as number[], p['head.bias'])[0] as number[], label)
}
