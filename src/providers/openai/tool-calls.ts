import type { Answer } from "../answer.js";
import { isJsonObject, listOf, member, textOf } from "../json-value.js";

interface Call {
  readonly handle: string;
  readonly index: number | undefined;
  id: string;
  name: string;
  /** Arguments that came before the name. */
  early: string;
}

/**
 * Sorts the pieces of tool calls to the calls they belong to. OpenAI numbers them; other servers leave out
 * the number, repeat it, repeat the id, or send each call whole.
 */
export class ToolCalls {
  readonly #calls: Call[] = [];
  readonly #answer: Answer;

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  read(pieces: unknown): void {
    for (const piece of listOf(pieces)) this.#piece(piece);
  }

  /** Whether a call never got its name. */
  get hasNameless(): boolean {
    return this.#calls.some((call) => call.name === "");
  }

  #piece(piece: unknown): void {
    const given = member(member(piece, "function"), "arguments");
    const json = given !== null && typeof given === "object" ? JSON.stringify(given) : textOf(given);
    const name = textOf(member(member(piece, "function"), "name"));
    const id = textOf(member(piece, "id"));
    const number = member(piece, "index");
    const index = typeof number === "number" ? number : undefined;
    let call = this.#find(index, id, name);
    if (call && this.#isAnother(call, { id, name, json })) call = undefined;
    if (!call) {
      call = { handle: String(this.#calls.length), index, id, name: "", early: "" };
      this.#calls.push(call);
    }
    call.id ||= id;
    if (call.name === "") {
      call.early += json;
      if (name !== "") this.#begin(call, name);
    } else {
      this.#answer.toolDelta(call.handle, json);
    }
  }

  #begin(call: Call, name: string): void {
    call.name = name;
    this.#answer.startTool(call.handle, { id: call.id, name });
    this.#answer.toolDelta(call.handle, call.early);
    call.early = "";
  }

  #find(index: number | undefined, id: string, name: string): Call | undefined {
    if (index !== undefined) return this.#calls.findLast((call) => call.index === index);
    if (id !== "") return this.#calls.findLast((call) => call.id === id);
    return name === "" ? this.#calls.at(-1) : undefined;
  }

  /** Whether a piece begins another call, although its number or id is that of `call`. */
  #isAnother(call: Call, piece: { id: string; name: string; json: string }): boolean {
    if (piece.name === "" || call.name === "") return false;
    if (piece.id !== "" && call.id !== "" && piece.id !== call.id) return true;
    if (piece.json === "") return false;
    return isJsonObject(this.#answer.toolJson(call.handle));
  }
}
