import { spawn } from "node:child_process";
import { errorCode } from "../core/error-code.js";

/** A request as a person would type it. */
export interface CurlRequest {
  readonly url: string;
  /** JSON body; a request with one is a POST. */
  readonly body: object;
}

/** The command line, quoted for a POSIX shell. */
export function curlLine(request: CurlRequest): string {
  return ["curl", ...curlArguments(request).map(quote)].join(" ");
}

/**
 * Runs the command, shows its output as it comes, and returns it. Where there is no `curl`, the same
 * request is made without it.
 */
export async function runCurl(request: CurlRequest, show: (text: string) => void): Promise<string> {
  try {
    return await spawnCurl(curlArguments(request), show);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    return fetchInstead(request, show);
  }
}

function curlArguments({ url, body }: CurlRequest): string[] {
  return ["-sS", "-N", url, "-H", "content-type: application/json", "-d", JSON.stringify(body)];
}

function quote(argument: string): string {
  return /^[\w:/.=-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

function spawnCurl(args: readonly string[], show: (text: string) => void): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn("curl", args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    show(text);
  });
  child.on("error", reject);
  child.on("close", (code) =>
    code === 0 ? resolve(output) : reject(new Error(`curl ended with code ${code}`)),
  );
  return promise;
}

async function fetchInstead({ url, body }: CurlRequest, show: (text: string) => void): Promise<string> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  const decoder = new TextDecoder();
  let output = "";
  for await (const chunk of response.body ?? []) {
    const text = decoder.decode(chunk, { stream: true });
    output += text;
    show(text);
  }
  return output;
}
