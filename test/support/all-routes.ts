import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { getOption } from "@bufbuild/protobuf";
import { http } from "../../gen/google/api/annotations_pb.js";
import type { HttpRule } from "../../gen/google/api/http_pb.js";

/** One way to one method: by Connect, or by one of its bindings to HTTP. */
export interface Route {
  readonly method: string;
  /** As it is bound, with its parameters in braces. */
  readonly template: string;
  readonly connect: boolean;
  readonly rpc: DescMethod;
}

const gen = join(import.meta.dirname, "../../gen");
const files = readdirSync(gen, { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith("_pb.ts"),
);
const modules = await Promise.all(files.map((name) => import(join(gen, name))));

/** Every service there is. */
const services = modules
  .flatMap((exports: object) => Object.values(exports))
  .filter((one): one is DescService => (one as { kind?: string })?.kind === "service");

/** Every way to every method, read from the descriptors: a new one is here by itself. */
export const allRoutes: readonly Route[] = services
  .flatMap((service) => service.methods)
  .flatMap((rpc) => [connectRoute(rpc), ...restRoutes(rpc, getOption(rpc, http))]);

function connectRoute(rpc: DescMethod): Route {
  return { method: "POST", template: `/${rpc.parent.typeName}/${rpc.name}`, connect: true, rpc };
}

function restRoutes(rpc: DescMethod, rule: HttpRule): Route[] {
  const { case: verb, value } = rule.pattern;
  const method = String(verb).toUpperCase();
  const more = rule.additionalBindings.flatMap((binding) => restRoutes(rpc, binding));
  return [{ method, template: String(value), connect: false, rpc }, ...more];
}

/** The path of a route, with a value for each parameter by its name. */
export function pathOf({ template }: Route, fill: (parameter: string) => string): string {
  return template.replace(/\{([^}=]*)[^}]*\}/g, (_whole, name: string) => fill(name));
}
