import { CsvFile, type CsvRecord } from '../csv-file.ts'
import { addKernel, OpSums, type OpTotal } from './op-totals.ts'

/**
 * *_kernel_profile.csv: operators with their calls, each followed by its kernels, whose rows name no operator again. A bad
 * line is an error always: kernels after it might be another operator's.
 */
export async function kernelCsvOps(path: string): Promise<OpTotal[]> {
  const file = new CsvFile(path)
  const sums = new OpSums('calls')
  let op: OpTotal | null = null
  const take = (record: CsvRecord, before: OpTotal | null): OpTotal | null => {
    const name = file.text(record, 'cpu_op_name')
    const kernel = file.text(record, 'gpu_kernel_name')
    const of = name === '' ? before : sums.add(name, name, null, { count: file.number(record, 'cpu_op_total_count') })
    if (kernel === '') return of
    if (of === null) throw file.wrong(record, 'cpu_op_name', 'an operator before the first kernel')
    addKernel(of, kernel, file.number(record, 'gpu_kernel_total_count') ?? 0, null)
    return of
  }
  for await (const records of file.records()) {
    for (const record of records) {
      if (record.cut) continue
      op = file.row(record, () => take(record, op))
    }
  }
  return sums.all()
}
