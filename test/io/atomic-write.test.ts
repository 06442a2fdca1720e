import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SimdgradError } from '../../src/errors.js'
import { checkWritable, writeFileAtomic } from '../../src/io/atomic-write.js'

const bytes = Uint8Array.of(1, 2, 3)
let root = ''
let path = ''

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'simdgrad-'))
  path = join(root, 'weights.safetensors')
})

afterEach(() => rm(root, { recursive: true }))

describe('writeFileAtomic', () => {
  it('writes a new file and nothing besides', async () => {
    await writeFileAtomic(path, bytes)
    expect([...(await readFile(path))]).toEqual([1, 2, 3])
    expect(await readdir(root)).toEqual(['weights.safetensors'])
  })

  it('replaces a longer file, keeping its permissions', async () => {
    await writeFile(path, 'something longer')
    await chmod(path, 0o640)
    await writeFileAtomic(path, bytes)
    expect([...(await readFile(path))]).toEqual([1, 2, 3])
    expect((await stat(path)).mode & 0o777).toBe(0o640)
  })

  it('takes the name in one step: a reader of the old file still sees it whole', async () => {
    await writeFile(path, 'old')
    const before = await stat(path)
    await writeFileAtomic(path, bytes)
    expect((await stat(path)).ino).not.toBe(before.ino)
  })

  it('follows a symbolic link', async () => {
    const link = join(root, 'latest.safetensors')
    await writeFile(path, 'old')
    await symlink(path, link)
    await writeFileAtomic(link, bytes)
    expect([...(await readFile(path))]).toEqual([1, 2, 3])
  })

  it('keeps all writers apart', async () => {
    const writes = Array.from({ length: 8 }, (_, i) => writeFileAtomic(path, new Uint8Array(10_000).fill(i)))
    await Promise.all(writes)
    const content = await readFile(path)
    expect(content.length).toBe(10_000)
    expect(new Set(content).size).toBe(1)
    expect(await readdir(root)).toEqual(['weights.safetensors'])
  })

  it('leaves the old file and no other behind when the write fails', async () => {
    await writeFile(path, 'old')
    // What no stream takes as content fails after the temporary file was made.
    const wrong: Uint8Array = JSON.parse('{"length":3}')
    await expect(writeFileAtomic(path, wrong)).rejects.toThrow(SimdgradError)
    expect(await readFile(path, 'utf8')).toBe('old')
    expect(await readdir(root)).toEqual(['weights.safetensors'])
  })

  it('says what is wrong when the folder is missing or the path is one', async () => {
    const nowhere = join(root, 'nowhere', 'w.safetensors')
    await expect(writeFileAtomic(nowhere, bytes)).rejects.toThrow(/w\.safetensors could not.*ENOENT/)
    await mkdir(path)
    await expect(writeFileAtomic(path, bytes)).rejects.toThrow('a folder or a device, not a file')
    expect(await readdir(root)).toEqual(['weights.safetensors'])
  })
})

describe('checkWritable', () => {
  it('agrees with writeFileAtomic, and leaves nothing behind', async () => {
    await checkWritable(path)
    expect(await readdir(root)).toEqual([])
    await writeFile(path, 'old')
    await checkWritable(path)
    expect(await readFile(path, 'utf8')).toBe('old')
    expect(await readdir(root)).toEqual(['weights.safetensors'])
  })

  it('refuses what could not be written: a missing folder, a folder, a place in a file', async () => {
    await expect(checkWritable(join(root, 'nowhere', 'w'))).rejects.toThrow(/ENOENT/)
    await expect(checkWritable(root)).rejects.toThrow('a folder or a device, not a file')
    await writeFile(path, 'old')
    await expect(checkWritable(join(path, 'w'))).rejects.toThrow(/ENOTDIR/)
    expect(await readdir(root)).toEqual(['weights.safetensors'])
  })
})
