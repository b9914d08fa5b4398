import { randomBytes } from "node:crypto";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { parse, stringify } from "yaml";
import { Purpose } from "../../../gen/agentry/v1/message_pb.js";
import { invalid } from "../../core/fault.js";
import { listOf, member, textOf } from "../json-value.js";

/** Largest cassette that is read, in bytes. */
const largestFile = 64 * 1024 * 1024;

/** Marks what a recorded request was for, where it was no step of a run; go-vcr keeps it as a header. */
const purposeHeader = "Agentry-Purpose";

/** One recorded exchange. */
export interface Interaction {
  readonly id: number;
  readonly method: string;
  readonly url: string;
  readonly requestBody: string;
  readonly status: number;
  readonly responseBody: string;
  /** Undefined where the recording does not say. */
  readonly purpose: Purpose | undefined;
}

/** The file that a cassette's name means: `.yaml` is added where it is missing. */
export function cassettePath(name: string): string {
  return `${name.replace(/\.yaml$/, "")}.yaml`;
}

/**
 * Reads a cassette of go-vcr's format, version 2, whichever program wrote it. Throws `invalid` when the
 * file is missing, too large, no YAML or of another version.
 */
export async function readCassette(name: string): Promise<Interaction[]> {
  const path = cassettePath(name);
  let document: unknown;
  try {
    if ((await stat(path)).size > largestFile) throw new RangeError("larger than 64 MiB");
    document = parse(await readFile(path, "utf8"), { maxAliasCount: 0, logLevel: "error" });
  } catch (error) {
    throw invalid(`cassette ${path} cannot be read: ${error instanceof Error ? error.message : "unknown"}`);
  }
  const version = member(document, "version");
  if (version !== 2) throw invalid(`cassette ${path} has version ${String(version)}; version 2 is read`);
  return listOf(member(document, "interactions")).map(toInteraction);
}

/** Writes a cassette in one step: readers see the old file or the new one. Only the owner may read it. */
export async function writeCassette(name: string, interactions: readonly Interaction[]): Promise<void> {
  const path = cassettePath(name);
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  const document = { version: 2, interactions: interactions.map(fromInteraction) };
  const text = `---\n${stringify(document, { lineWidth: 0, indent: 4, aliasDuplicateObjects: false })}`;
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: "wx" });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function toInteraction(entry: unknown, position: number): Interaction {
  const request = member(entry, "request");
  const response = member(entry, "response");
  const id = member(entry, "id");
  const status = member(response, "code");
  return {
    id: typeof id === "number" ? id : position,
    method: textOf(member(request, "method")) || "POST",
    url: textOf(member(request, "url")),
    requestBody: textOf(member(request, "body")),
    status: typeof status === "number" && status >= 200 && status <= 599 ? status : 200,
    responseBody: textOf(member(response, "body")),
    purpose: toPurpose(member(request, "headers")),
  };
}

function fromInteraction(interaction: Interaction): unknown {
  const { id, method, url, requestBody, status, responseBody, purpose } = interaction;
  const marked = purpose === Purpose.TITLE || purpose === Purpose.COMPACTION;
  const protocol = { proto: "HTTP/1.1", proto_major: 1, proto_minor: 1 };
  return {
    id,
    request: {
      ...protocol,
      content_length: 0,
      host: URL.canParse(url) ? new URL(url).host : "",
      body: requestBody,
      headers: marked ? { [purposeHeader]: [Purpose[purpose]] } : {},
      url,
      method,
    },
    response: {
      ...protocol,
      content_length: -1,
      body: responseBody,
      headers: {},
      status: String(status),
      code: status,
      duration: "0s",
    },
  };
}

function toPurpose(headers: unknown): Purpose | undefined {
  switch (listOf(member(headers, purposeHeader))[0]) {
    case "TITLE":
      return Purpose.TITLE;
    case "COMPACTION":
      return Purpose.COMPACTION;
    default:
      return undefined;
  }
}
