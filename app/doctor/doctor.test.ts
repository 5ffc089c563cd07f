import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkEngines, checkFma } from '#app/doctor/exactness.ts'
import { checkClock, checkDisk, checkMemory, checkNode, checkPorts } from '#app/doctor/machine.ts'

const GIB = 2 ** 30

describe('doctor', { timeout: 120_000 }, () => {
  it('judges versions and memory, with a next step unless all is well', () => {
    expect(checkNode('24.1.0')).toMatchObject({ status: 'ok' })
    expect(checkNode('22.13.0')).toMatchObject({ status: 'ok' })
    expect(checkNode('22.12.9')).toMatchObject({ status: 'fail', next: expect.stringMatching(/Node 24/) })
    expect(checkNode('20.19.0')).toMatchObject({ status: 'fail' })
    expect(checkMemory(8 * GIB, 16 * GIB)).toEqual({
      name: 'memory',
      status: 'ok',
      detail: '8.0 GiB available of 16.0 GiB',
    })
    expect(checkMemory(GIB, 16 * GIB)).toMatchObject({ status: 'warn' })
    expect(checkMemory(GIB / 4, 16 * GIB)).toMatchObject({ status: 'fail' })
  })

  it('tries the disk, ports and clock of this machine', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'assay-doctor-'))
    expect((await checkDisk(folder)).detail).toMatch(/free in/)
    rmSync(folder, { recursive: true })
    expect(await checkDisk(folder)).toMatchObject({ status: 'fail' })
    expect(await checkPorts()).toMatchObject({ status: 'ok' })
    expect((await checkClock()).status).not.toBe('fail')
  })

  it('finds that all engines agree here', async () => {
    expect(checkFma().name).toBe('fma')
    const checks = await checkEngines()
    expect(checks.map(({ name }) => name)).toEqual(expect.arrayContaining(['reference', 'wasm']))
    expect(checks.map(({ status }) => status)).toEqual(checks.map(() => 'ok'))
  })
})
