/** An error as the OpenAI API defines them: a status and `{error: {message, type, param, code}}`. */
export class ApiError extends Error {
  readonly status: number
  readonly body: string

  constructor(status: number, message: string, options: { param?: string; code?: string } = {}) {
    super(message)
    this.status = status
    this.body = JSON.stringify({
      error: {
        message,
        type: status >= 500 ? 'server_error' : 'invalid_request_error',
        param: options.param ?? null,
        code: options.code ?? null,
      },
    })
  }
}

/** Anything thrown, as an error of the API. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  return new ApiError(500, `The engine failed: ${error instanceof Error ? error.message : String(error)}`)
}
