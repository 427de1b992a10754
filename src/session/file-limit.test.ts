import { expect, it } from 'vitest'
import { checkOpenFiles, openFileLimit } from './file-limit.ts'

const load = { inFlight: null, perSecond: null, requests: null, workers: 1 }

it('refuses more requests in flight than a process may have sockets, with the figure that is needed', () => {
  expect(checkOpenFiles({ ...load, inFlight: 900 }, 1024)).toBeNull()
  const refused = () => checkOpenFiles({ ...load, inFlight: 1000 }, 1024)
  expect(refused).toThrow(expect.objectContaining({ code: 'missing/open-files', exitCode: 4 }))
  expect(refused).toThrow(/1120 open files/)
  // Two processes share them; and no more are in flight than there are.
  expect(checkOpenFiles({ ...load, inFlight: 1000, workers: 2 }, 1024)).toBeNull()
  expect(checkOpenFiles({ ...load, inFlight: 1000, requests: 20 }, 1024)).toBeNull()
})

it('says of a rate without a ceiling how long answers may take', () => {
  expect(checkOpenFiles({ ...load, perSecond: 10 }, 1024)).toBeNull()
  expect(checkOpenFiles({ ...load, perSecond: 100, requests: 500 }, 1024)).toBeNull()
  expect(checkOpenFiles({ ...load, perSecond: 100 }, 1120)).toMatch(/longer than 10 s; ulimit -n 6120/)
})

it('reads the limit of this process, where the system tells', () => {
  expect(openFileLimit()).toBeGreaterThan(0)
  expect(openFileLimit('/nowhere')).toBeNull()
  expect(checkOpenFiles({ ...load, inFlight: 1e6 }, null)).toBeNull()
})
