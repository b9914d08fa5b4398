import type { SyntaxNode, Word } from "unbash";
import type { NumberNames } from "./number-names.js";
import { isPlainNumber } from "./number-names.js";

/**
 * Takes note of what a node of the grammar sets and reads as arithmetic. Answers why it may run what cannot be seen.
 * The nodes inside of it are left to whoever walks.
 */
export function readArithmetic(node: SyntaxNode, names: NumberNames): string | undefined {
  const isKnown = (word: Word | undefined): boolean => word === undefined || names.takeWord(word);
  switch (node.type) {
    case "ArithmeticWord":
      return isKnown({ ...node, type: "Word", text: node.value }) ? undefined : unseen;
    case "ArithmeticCommandExpansion":
      return unseen;
    case "ArithmeticExpansion":
    case "ArithmeticCommand": {
      const text =
        node.type === "ArithmeticCommand" ? node.body : node.text.replace(/^\$(\(\(|\[)|(\)\)|\])$/g, "");
      return node.expression === undefined && text.trim() !== "" ? unseen : undefined;
    }
    case "ArithmeticBinary":
      if (node.operator === "=" && node.left.type === "ArithmeticWord" && /^\w+$/.test(node.left.value))
        names.write(node.left.value, "number");
      return undefined;
    case "TestBinary":
      if (!/^-(eq|ne|l[te]|g[te])$/.test(node.operator)) return undefined;
      return isKnown(node.left) && isKnown(node.right) ? undefined : unseen;
    case "TestUnary":
      return /^-[vR]$/.test(node.operator) && !isName(node.operand) ? unnamed : undefined;
    case "ParameterExpansion": {
      const { prefix, index, operation } = node;
      if (operation?.type === "Default" && operation.operator.endsWith("="))
        names.write(node.parameter, operation.operand);
      const isKeys = operation?.type === "Names" || (operation === undefined && isAll(index));
      if (prefix === "!" && !isKeys) return "it expands the variable that another one names";
      if (!isAll(index) && !isKnown(index)) return unseen;
      if (operation?.type !== "Slice") return undefined;
      return isKnown(operation.offset) && isKnown(operation.length) ? undefined : unseen;
    }
    case "Assignment":
      return readAssignment(node, names) && isKnown(node.index) ? undefined : unseen;
    case "For":
      names.write(node.name.value, node.wordlist?.every(isPlainNumber) ? "number" : undefined);
      return undefined;
    case "Select":
      names.write(node.name.value);
      return undefined;
    case "FileDescriptorVariable":
      return /^\w+$/.test(node.name) ? undefined : unnamed;
    default:
      return undefined;
  }
}

const unseen = "it holds arithmetic on what is not written out as numbers";
const unnamed = "a variable in it is not named literally";

function readAssignment(
  { name, value }: Extract<SyntaxNode, { type: "Assignment" }>,
  names: NumberNames,
): boolean {
  if (value.type === "Word") {
    names.write(name, value);
    return true;
  }
  names.write(name, value.elements.every(isPlainNumber) ? "number" : undefined);
  const keys = value.elements.flatMap(({ text }) => /^\[(.*?)\]\+?=/s.exec(text)?.[1] ?? []);
  return keys.every((key) => names.takeText(key));
}

const isAll = (index: Word | undefined): boolean => index !== undefined && /^[@*]$/.test(index.text);

/** A name, perhaps with a number as its subscript, written plainly. */
export const isName = ({ text }: Pick<Word, "text">): boolean =>
  /^(["']?)[A-Za-z_]\w*(\[(\d+|[@*])\])?\1$/.test(text);
