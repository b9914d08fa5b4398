/** Something that went wrong in a tool and that its model can be told: it becomes a failed output. */
export class ToolFailure extends Error {
  override readonly name = "ToolFailure";
}
