// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the shell's.
import { describe, expect, it } from "vitest";
import { ApprovalMode } from "../../../gen/agentry/v1/sessions_pb.js";
import { makePolicyPlace, rulesOn } from "./place.js";

const { decideCommand } = makePolicyPlace();
const deny = rulesOn("bash", "deny", "rm", "git push --force", "git clean", "find -delete", "dd of=*");

describe("a shell that takes its commands from its input is denied, however that is said", () => {
  it.each([
    "bash <<< 'rm x'",
    "bash -s x <<< 'rm x'",
    "bash -is x <<< 'rm x'",
    "sh -s -- x <<< 'rm x'",
    "bash - <<< 'rm x'",
    "bash -o pipefail <<< 'rm x'",
    "bash +o posix <<< 'rm x'",
    "bash -O extglob <<< 'rm x'",
    "bash --rcfile x -i <<< 'rm x'",
    "bash <<< 'rm x' -o pipefail",
    ". /dev/stdin <<< 'rm x'",
    "source /dev/fd/3 3<<< 'rm x'",
    "bash /dev/stdin <<< 'rm x'",
    "bash -e /proc/self/fd/0 x <<< 'rm x'",
    "bash ../../../dev/stdin <<< 'rm x'",
    "bash //dev//./stdin <<< 'rm x'",
    "bash /d?v/stdin <<< 'rm x'",
    'bash "$x"',
    'bash -x "$x" y',
    "echo rm x | bash -o pipefail",
    "echo rm x | sudo -u bash bash",
    "echo rm x | env A=b bash",
    "sudo -s <<< 'rm x'",
    "sudo -nu root -i <<< 'rm x'",
    "doas -s <<< 'rm x'",
    "su <<< 'rm x'",
    "su - root <<< 'rm x'",
    "runuser -l root <<< 'rm x'",
    "ssh host <<< 'rm x'",
    "ssh -p 22 host <<< 'rm x'",
    "ssh host bash <<< 'rm x'",
    "chroot /x <<< 'rm x'",
    "unshare -r <<< 'rm x'",
    "nsenter -t 1 <<< 'rm x'",
    "script x <<< 'rm y'",
    "at now <<< 'rm x'",
    "batch <<< 'rm x'",
    "crontab - <<< '* * * * * rm x'",
    "crontab <<< '* * * * * rm x'",
    "xargs -I{} {} <<< rm",
    "xargs -I{} env {} <<< rm",
    "xargs -IX sh -c 'X y' <<< rm",
    "xargs -i sh -c '{} y' <<< rm",
    "xargs -0I% env % <<< rm",
    "xargs -J % % <<< rm",
    "xargs env <<< 'rm x'",
    "xargs timeout 5 <<< rm",
    "xargs sudo -u root <<< rm",
    "xargs -P4 -n1 -- env A=b <<< rm",
    "parallel <<< 'rm x'",
    "parallel env <<< rm",
    "parallel ::: 'rm x'",
    "find . -name '*.sh' -exec {} ;",
    "env -vS'rm x'",
    "less '+!rm x' y",
    "LESSOPEN='|rm x' less y",
    "sort --compress-program='rm x' y",
    'history -s "$(echo rm) x"; fc -s',
    "fc -e - -1",
    "x='$(r'; y='m x)'; z=$x$y; echo \"${z@P}\"",
    'echo "${x[@]@P}"',
    "cat <<E\n${!x@P}\nE",
    "PS4=$(cat x); set -x; ls",
    'export PS4="$x"; set -x; ls',
    'GIT_EDITOR="$x" git commit',
    "GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=alias.x GIT_CONFIG_VALUE_0='!rm x' git x",
    'git -c core.pager="$(cat x)" log',
    'git -C src -c "$x" log',
    'compgen -C "$(cat x)"',
    'compgen -W "$x"',
  ])("%j", async (command) => {
    expect(await decideCommand(command, deny, ApprovalMode.AUTO)).toMatchObject({ kind: "deny" });
  });
});

describe("what runs code of its own kind is asked for", () => {
  it.each([
    "sqlite3 x '.shell rm y'",
    "sqlite3 x <<< '.shell rm y'",
    "psql x <<< '\\! rm y'",
    "mysql x <<< 'system rm y'",
    "tclsh <<< 'exec rm x'",
    "ed <<< '!rm x'",
    "make -f - <<< 'a:;rm x'",
    "make --eval='$(shell rm x)'",
    "python3 /dev/stdin <<< 'import os'",
    "python3 - <<< 'import os'",
    "node /dev/stdin <<< 'x'",
    "node --eval=x",
    "deno eval 'x'",
    "echo rm x | docker run -i image sh",
    "kubectl exec -i pod -- sh <<< 'rm x'",
    "socat - EXEC:sh",
  ])("%j", async (command) => {
    expect(await decideCommand(command, deny, ApprovalMode.AUTO)).toMatchObject({ kind: "ask" });
  });
});

describe("work of every day is let be by rules that deny other things", () => {
  it.each([
    "sudo -n ls",
    "sudo -u root ls x",
    "sudo -s ls",
    "ssh -p 22 host ls -l",
    "bash -o pipefail -c 'ls | wc'",
    "cat x | sort | uniq -c | sort -rn | head",
    "sqlite3 x 'select 1'",
    "find . -name '*.ts' | xargs grep -l foo",
    "find . -print0 | xargs -0 sed -i 's/a/b/'",
    "find . -name '*.ts' -exec grep -l x {} +",
    "ls | xargs -I{} cp {} dest/",
    "xargs -n1 env A=b ls",
    "kubectl get pods",
    "man bash",
    "crontab -l",
    "su -c 'ls'",
    "nc -z localhost 80",
    "fc -l",
    "echo ${x@Q} ${x^^} ${x#a}",
    "compgen -c g",
  ])("%j", async (command) => {
    expect(await decideCommand(command, deny, ApprovalMode.AUTO)).toMatchObject({ kind: "allow" });
  });
});
