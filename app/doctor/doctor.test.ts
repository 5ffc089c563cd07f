import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type EngineReport, examineEngines } from '#app/doctor/engines.ts'
import { checkEngines, checkFma } from '#app/doctor/exactness.ts'
import { checkClock, checkDisk, checkMemory, checkNode, checkPorts } from '#app/doctor/machine.ts'
import { ENGINES } from '#engine/index.ts'

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

  it('says which engines are exact, and how fast they are', async () => {
    const reports: EngineReport[] = []
    for await (const { check, engine } of examineEngines({ threads: 1, full: false })) {
      reports.push(engine)
      expect(check.status).toBe(engine.available ? 'ok' : 'warn')
      expect(check.next === undefined).toBe(engine.available)
    }
    expect(reports.map(({ name }) => name)).toEqual(ENGINES)
    for (const { name, available, exact, vectors, failures, speed } of reports) {
      expect({ name, exact, failures }).toEqual({ name, exact: available, failures: [] })
      if (!available) continue
      expect(vectors).toBeGreaterThan(10)
      if (name === 'reference') expect(speed).toBeNull()
      else for (const value of Object.values(speed ?? { none: 0 })) expect(value).toBeGreaterThan(0)
    }
    expect(reports.find(({ name }) => name === 'wasm')?.available).toBe(true)
  })

  it('finds that all engines agree here', async () => {
    expect(checkFma().name).toBe('fma')
    const checks = await checkEngines()
    expect(checks.map(({ name }) => name)).toEqual(expect.arrayContaining(['reference', 'wasm']))
    // An accelerator may be missing; no engine may differ.
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([])
    expect(checks.find(({ name }) => name === 'wasm')?.status).toBe('ok')
  })
})
