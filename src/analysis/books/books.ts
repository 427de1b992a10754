import type { RunReader } from '../../store/read/run-reader.ts'
import type { BookCheck } from '../../trace/run-json.ts'
import type { EngineFigures } from '../engine/engine-figures.ts'
import type { Hardware } from '../hardware/hardware.ts'
import { clockBook } from './clock-book.ts'
import { energyBooks } from './energy-books.ts'
import { stageBook, stepShareBook } from './step-books.ts'
import { engineTokenBook, eventTokenBook, stepTokenBook } from './token-books.ts'

/**
 * What has to add up, whatever was measured: the same quantity from two places that do not know of each other, with its residual and the bound that the residual may have.
 * A check that the run cannot make says why.
 */
export async function closedBooks(
  reader: RunReader,
  figures: { readonly engine: EngineFigures | null; readonly hardware: Hardware },
): Promise<BookCheck[]> {
  return [
    await eventTokenBook(reader),
    await engineTokenBook(reader, figures.engine),
    await stepTokenBook(reader),
    await stageBook(reader),
    await stepShareBook(reader),
    ...energyBooks(figures.hardware),
    await clockBook(reader),
  ]
}
