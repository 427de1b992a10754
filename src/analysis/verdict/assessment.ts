import type { Figures } from '../report.ts'
import { type Assessed, type Assessment, type Assessments, assessed } from './assessed.ts'
import { clientEvidence, clientMeasured } from './client.ts'
import { networkEvidence } from './network.ts'
import { serverEvidence } from './server.ts'

/** Everything that a verdict says of client, server and network follows from these, so that no two lines disagree. */
export function assess(figures: Figures): { client: Assessed; server: Assessed; network: Assessed } {
  const client = assessed(clientEvidence(figures), clientMeasured(figures) ? 'fine' : 'unknown')
  return {
    client,
    server: serverEvidence(figures, client.state),
    network: assessed(networkEvidence(figures), figures.latency.connect_ms === null ? 'unknown' : 'fine'),
  }
}

/** Without the lines, which stand in the verdict. */
export function assessments(figures: Figures): Assessments {
  const { client, server, network } = assess(figures)
  const bare = ({ state, evidence }: Assessed): Assessment => ({ state, evidence })
  return { client: bare(client), server: bare(server), network: bare(network) }
}
