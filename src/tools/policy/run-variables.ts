import { runsFiles } from "./runs-files.js";

/** What setting a variable lets other programs do. */
export type VariableEffect = "none" | "foreign" | "unclear";

/** Variables whose value is run as a command: by the shell that traces or starts, by git, by a pager. */
const commands =
  /^(PS\d|PROMPT_COMMAND|BASH_ALIASES|BASH_CMDS|VISUAL|SHELL|BROWSER|LESS(OPEN|CLOSE)|GIT_(SSH|EXTERNAL_DIFF|CONFIG_VALUE_\d+))$|(PAGER|EDITOR|_COMMAND|_ASKPASS)$/;

/** Variables that name files or folders with code, or hold options that do. */
const files =
  /^(BASH_ENV|ENV|PATH|HOME|CDPATH|LD_\w+|DYLD_\w+|INPUTRC|GCONV_PATH|LOCPATH|TERMINFO|XDG_CONFIG_\w+|PYTHON(PATH|STARTUP|HOME|INSPECT)|PERL5?(LIB|OPT|DB)|RUBY(LIB|OPT)|GEM_\w+|NODE_(OPTIONS|PATH)|(JAVA_TOOL|_JAVA|MAVEN|GRADLE|SBT)_OPT\w*|CLASSPATH|MAKEFLAGS|MAKEFILES|GCC_EXEC_PREFIX|COMPILER_PATH|GIT_(EXEC_PATH|TEMPLATE_DIR|DIR|WORK_TREE|CONFIG\w*)|DOCKER_CONFIG|KUBECONFIG|npm_config_\w+|ZDOTDIR|TAR_OPTIONS|RIPGREP_CONFIG_PATH|LESSKEYIN|VIMINIT|EXINIT|FPATH)$/;

/** A search path of the system's own folders, and of the one that was there before. */
const usualPath =
  /^"?(\$PATH|\$\{PATH\}|\/(usr|bin|sbin|opt)(\/[\w-]+)*)(:(\$PATH|\$\{PATH\}|\/(usr|bin|sbin|opt)(\/[\w-]+)*))*"?$/;

/** What comes of setting a variable, given its value as it is written, and as it is where that is known. */
export function effectOfVariable(name: string, written: string, value: string | undefined): VariableEffect {
  if (commands.test(name)) {
    if (value === undefined) return "unclear";
    return runsFiles(value.split(/\s+/).filter(Boolean)) ? "foreign" : "none";
  }
  if (!files.test(name) || value === "" || value === "/dev/null") return "none";
  // Code in these runs inside of whatever is started, unseen.
  if (/^((BASH_)?ENV|LD_(PRELOAD|AUDIT|LIBRARY_PATH)|GIT_(EXEC_PATH|CONFIG_PARAMETERS))$/.test(name))
    return "unclear";
  return name === "PATH" && usualPath.test(written) ? "none" : "foreign";
}
