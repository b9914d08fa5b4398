import type { PathTemplate } from "./path-template.js";

/** What a path leads to, by HTTP verb; `*` stands for every other verb. */
type Leaf<T> = Map<string, T>;

interface Node<T> {
  readonly literals: Map<string, Node<T>>;
  single: Node<T> | undefined;
  /** By the template's `:verb`, empty for none. */
  readonly ends: Map<string, Leaf<T>>;
  readonly rest: Map<string, Leaf<T>>;
}

/** The raw segments of the path, without its `:verb`, and every leaf that it reaches, the most specific first. */
export interface TrieMatch<T> {
  readonly segments: readonly string[];
  readonly leaves: readonly Leaf<T>[];
}

const createNode = <T>(): Node<T> => ({
  literals: new Map(),
  single: undefined,
  ends: new Map(),
  rest: new Map(),
});

/**
 * Finds bindings by path. Literals come before `*`, and `*` before `**`, with backtracking. A `:verb` counts
 * only where a template has it; anywhere else a colon belongs to the segment.
 */
export class RouteTrie<T> {
  private readonly root = createNode<T>();
  private readonly verbs = new Set<string>();

  /** Adds a binding, or returns the one that already has this verb and an equal path. */
  add(verb: string, template: PathTemplate, target: T): T | undefined {
    let node = this.root;
    let rest = false;
    for (const segment of template.segments) {
      switch (segment.kind) {
        case "literal": {
          const next = node.literals.get(segment.text) ?? createNode<T>();
          node.literals.set(segment.text, next);
          node = next;
          break;
        }
        case "single":
          node.single ??= createNode<T>();
          node = node.single;
          break;
        case "rest":
          rest = true;
          break;
        default:
          segment satisfies never;
      }
    }
    const leaves = rest ? node.rest : node.ends;
    const leaf = leaves.get(template.verb) ?? new Map<string, T>();
    const taken = leaf.get(verb);
    if (taken !== undefined) return taken;
    leaf.set(verb, target);
    leaves.set(template.verb, leaf);
    if (template.verb !== "") this.verbs.add(template.verb);
    return undefined;
  }

  /** Matches a raw path, still percent-encoded, without its query. Never throws. */
  match(path: string): TrieMatch<T> | undefined {
    if (path.charCodeAt(0) !== 47) return undefined;
    const segments = path.slice(1).split("/");
    if (segments.includes("")) return undefined;
    const last = segments.length - 1;
    const text = segments[last] ?? "";
    const colon = text.lastIndexOf(":");
    const verb = colon > 0 ? text.slice(colon + 1) : "";
    if (this.verbs.has(verb)) {
      const bare = [...segments.slice(0, last), text.slice(0, colon)];
      const leaves = this.collect(bare, verb);
      if (leaves.length > 0) return { segments: bare, leaves };
    }
    const leaves = this.collect(segments, "");
    return leaves.length > 0 ? { segments, leaves } : undefined;
  }

  /** Recurses as deep as the longest template, however long the path. */
  private collect(segments: readonly string[], verb: string): Leaf<T>[] {
    const leaves: Leaf<T>[] = [];
    const visit = (node: Node<T>, at: number): void => {
      const segment = segments[at];
      if (segment === undefined) {
        const end = node.ends.get(verb);
        if (end) leaves.push(end);
      } else {
        const literal = node.literals.get(literalOf(segment));
        if (literal) visit(literal, at + 1);
        if (node.single) visit(node.single, at + 1);
      }
      const rest = node.rest.get(verb);
      if (rest) leaves.push(rest);
    };
    visit(this.root, 0);
    return leaves;
  }
}

function literalOf(raw: string): string {
  if (!raw.includes("%")) return raw;
  try {
    return decodeURIComponent(raw);
  } catch {
    return raw;
  }
}
