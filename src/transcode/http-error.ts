import { Code, ConnectError } from "@connectrpc/connect";

/**
 * What the gateway itself refuses. It carries the HTTP status that must be sent whatever the dialect
 * says of its code, for example 405, 413 and 415, and the headers that belong to that status.
 */
export class HttpError extends ConnectError {
  constructor(
    readonly status: number,
    code: Code,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message, code);
  }
}

// Not instanceof: ConnectError redefines it for itself and everything below it.
const isHttpError = (error: ConnectError): error is HttpError => error.constructor === HttpError;

/** The status that this error insists on, or undefined where the dialect decides. */
export function requiredStatus(error: ConnectError): number | undefined {
  return isHttpError(error) ? error.status : undefined;
}

/** The headers that belong to its status. */
export function requiredHeaders(error: ConnectError): Readonly<Record<string, string>> {
  return isHttpError(error) ? error.headers : {};
}

/** A malformed request: 400, invalid_argument. */
export const badRequest = (message: string): HttpError => new HttpError(400, Code.InvalidArgument, message);

/** A body above the limit: 413, resource_exhausted. */
export const bodyTooLarge = (maxBytes: number): HttpError =>
  new HttpError(413, Code.ResourceExhausted, `the request body is larger than ${maxBytes} bytes`);

/** A deadline that passed: deadline_exceeded. */
export const deadlineExceeded = (): ConnectError =>
  new ConnectError("the deadline of the request has passed", Code.DeadlineExceeded);

/**
 * Anything thrown, as a ConnectError. The message of an error that is not one, nor an abort or a timeout,
 * may tell secrets and is withheld: it becomes `internal`, with the original as its cause.
 */
export function toConnectError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  const name = thrown instanceof Error ? thrown.name : "";
  if (name === "TimeoutError") return deadlineExceeded();
  if (name === "AbortError") return ConnectError.from(thrown);
  return new ConnectError("internal error", Code.Internal, undefined, undefined, thrown);
}
