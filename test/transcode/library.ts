import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DescMessage, DescService, Registry } from "@bufbuild/protobuf";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const project = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** Compiles the proto sources in some folders below a root into descriptors. */
export function buildRegistry(root: string, ...folders: string[]): Registry {
  const modules = folders.map((path) => ({ path }));
  const image = execFileSync(
    join(project, "node_modules", ".bin", "buf"),
    ["build", "--config", JSON.stringify({ version: "v2", modules }), "-o", "-"],
    { cwd: root, maxBuffer: 64 * 1024 * 1024 },
  );
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
}

export function serviceOf(registry: Registry, name: string): DescService {
  const service = registry.getService(name);
  if (!service) throw new Error(`no service ${name}`);
  return service;
}

function messageOf(registry: Registry, name: string): DescMessage {
  const message = registry.getMessage(name);
  if (!message) throw new Error(`no message ${name}`);
  return message;
}

const library = buildRegistry(project, "proto", "test/transcode/proto");
export const LibraryService = serviceOf(library, "gateway.test.v1.LibraryService");
export const Everything = messageOf(library, "gateway.test.v1.Everything");
