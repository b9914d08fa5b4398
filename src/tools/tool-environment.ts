const allowed = new Set(["PATH", "HOME", "LANG", "LANGUAGE", "TMPDIR", "USER", "LOGNAME", "SHELL", "TZ"]);
const secretName = /^AGENTRY_|KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL/i;
/** How well-known keys begin: OpenAI and Anthropic, GitHub, GitLab, Slack, AWS, Google, private keys. */
const secretValue = /\bsk-|\bgh[pousr]_|\bgithub_pat_|\bglpat-|\bxox[abpr]-|\bAKIA|\bAIza|-----BEGIN/;
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The whole environment of a tool's process: of `source` only what a shell needs, and the variables named
 * in `pass`. What looks like a key is left out, by its name or its value, even when it is named in `pass`.
 */
export function toolEnvironment(
  source: Readonly<Record<string, string | undefined>> = process.env,
  pass: readonly string[] = [],
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(source)) {
    if (value === undefined || secretName.test(name) || secretValue.test(value)) continue;
    if (allowed.has(name) || name.startsWith("LC_") || pass.includes(name)) environment[name] = value;
  }
  environment.PATH ??= defaultPath;
  // No program should draw for a screen that is not there.
  environment.TERM = "dumb";
  return environment;
}
