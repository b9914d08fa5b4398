// Joins the compiled modules and the libraries they import into a few files: loading six hundred, one by one, is most
// of a start.
import { builtinModules } from "node:module";
import { dirname, join, relative } from "node:path";
import { build } from "rolldown";

const compiled = join(import.meta.dirname, "dist/src");
const bundled = join(import.meta.dirname, "dist/app");

/** A module still finds what lies beside it: its address stays that of the file it was compiled to. */
const ownAddresses = {
  name: "own-addresses",
  transform(code, id) {
    if (!id.startsWith(`${compiled}/`) || !code.includes("import.meta.")) return null;
    const path = relative(bundled, id);
    const addresses = {
      url: `new URL(${JSON.stringify(path)}, import.meta.url).href`,
      dirname: `new URL(${JSON.stringify(dirname(path))}, import.meta.url).pathname`,
    };
    return { code: code.replace(/import\.meta\.(url|dirname)/g, (_, name) => addresses[name]) };
  },
};

/**
 * Node.js reads every member of a built-in module that is imported, getters too, and those of `node:http` load an
 * HTTP client: a tenth of a start. Here a member is read where somebody imports it; the deprecated ones
 * are left out.
 */
const unwanted = new Set(["default", "F_OK", "R_OK", "W_OK", "X_OK", "fips"]);
const builtins = {
  name: "builtins",
  resolveId(source, _importer, { kind }) {
    const name = source.replace(/^node:/, "");
    return kind !== "require-call" && builtinModules.includes(name) ? `\0node:${name}` : null;
  },
  load(id) {
    if (!id.startsWith("\0node:")) return null;
    const name = id.slice(1);
    const exports = Object.getOwnPropertyNames(process.getBuiltinModule(name))
      .filter((member) => /^[A-Za-z_]\w*$/.test(member) && !unwanted.has(member))
      .map((member) => `export const ${member} = /* @__PURE__ */ $read("${member}");`);
    return `const $builtin = process.getBuiltinModule("${name}");
      const $read = (member) => $builtin[member];
      export default $builtin;
      ${exports.join("\n")}`;
  },
};

await build({
  input: join(compiled, "main.js"),
  platform: "node",
  // Native, or optional.
  external: ["better-sqlite3", "@vscode/ripgrep", "@anthropic-ai/sandbox-runtime"],
  plugins: [builtins, ownAddresses],
  output: { dir: bundled, cleanDir: true },
});
