import type { Figures } from '../report.ts'
import { type Assessed, type Assessments, assessed } from './assessed.ts'
import { clientEvidence, clientMeasured } from './client.ts'
import { networkEvidence } from './network.ts'
import { serverEvidence } from './server.ts'

export type AllAssessed = { readonly [K in keyof Assessments]: Assessed }

/** All verdict lines on client, server and network follow from these, so that no two lines disagree. */
export function assess(figures: Figures): AllAssessed {
  const client = assessed(clientEvidence(figures), clientMeasured(figures) ? 'fine' : 'unknown')
  return {
    client,
    server: serverEvidence(figures, client.state),
    network: assessed(networkEvidence(figures), figures.latency.connect_ms === null ? 'unknown' : 'fine'),
  }
}

/** Without the lines, which are in the verdict. */
export function bare({ client, server, network }: AllAssessed): Assessments {
  const without = ({ state, evidence }: Assessed) => ({ state, evidence })
  return { client: without(client), server: without(server), network: without(network) }
}
