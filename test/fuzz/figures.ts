/** Figures of a campaign as a row of the table in docs/testing.md. */
import type { Figures } from '#test/fuzz/campaign.ts'

export const FIGURES_HEAD = `| decoder | cases | seed | accepted | refused | cases/s | most bytes |
| --- | ---: | ---: | ---: | --- | ---: | ---: |`

const grouped = (value: number): string => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',')

export function figuresLine({ target, cases, seed, accepted, refused, seconds, mostBytes }: Figures): string {
  const codes = Object.entries(refused).map(([code, count]) => `${code} ${grouped(count)}`)
  const cells = [
    target,
    grouped(cases),
    seed,
    grouped(accepted),
    codes.join(', '),
    grouped(cases / seconds),
    grouped(mostBytes),
  ]
  return `| ${cells.join(' | ')} |`
}
