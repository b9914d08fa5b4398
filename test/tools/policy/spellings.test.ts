import { describe, expect, it } from "vitest";
import { ApprovalMode } from "../../../gen/agentry/v1/sessions_pb.js";
import { makePolicyPlace, rulesOn } from "./place.js";

const { decideCommand } = makePolicyPlace();

/** Patterns, and lines that are what they are about, or may be. */
const spellings: readonly (readonly [string, readonly string[]])[] = [
  [
    "git push",
    [
      "git push",
      "git -C x push",
      "git 'push'",
      'git pu"sh" origin',
      "git --no-pager push",
      "git -c a=b push",
      "git $(echo push)",
      "g=push; git $g",
      "git p{ush,ull}",
      "git \\push",
      "git $'push'",
      "GIT push",
      "/usr/bin/git push",
      "xargs git push",
      "echo push | xargs git",
      "git -C $x push",
      "git --git-dir=.git push",
      "git\tpush",
      "git \\\npush",
      "git -C. push",
      "command git push",
      "git remote; git push",
    ],
  ],
  [
    "git push --force",
    [
      "git push -f",
      "git push --force-with-lease",
      "git push origin +main -f",
      "git push --forc",
      "git push -uf origin",
      "git push $x",
    ],
  ],
  [
    "rm -rf *",
    [
      "rm -rf x",
      "rm -fr x",
      "rm -r -f x",
      "rm --recursive --force x",
      "rm -f -R x",
      "rm x -rf",
      "rm -rfv x",
      "rm $x",
      "rm -r $f x",
    ],
  ],
  ["rm *", ["rm x", "rm -f x", "rm -- x", "rm $x", "rm *"]],
  ["curl *", ["curl x", "curl -s x", "/usr/bin/curl x", "xargs curl < f", "curl.exe x"]],
  ["chmod -R 777 *", ["chmod -R 777 .", "chmod --recursive 777 x", "chmod 777 -R x", "chmod -vR 777 x"]],
  [
    "npm publish",
    [
      "npm publish",
      "npm --registry=x publish",
      "npm -w a publish",
      "npm publish --dry-run",
      "npm exec -c 'npm publish'",
    ],
  ],
  ["kubectl delete *", ["kubectl delete pod x", "kubectl -n x delete pod y", "kubectl --context a delete x"]],
  ["sudo **", ["sudo ls", "sudo", "/usr/bin/sudo -n ls", "env sudo ls"]],
  ["dd", ["dd if=a of=b", "busybox dd if=a"]],
  ["*sh", ["bash x", "zsh", "dash -c ls"]],
  ["git reset --hard", ["git reset --hard HEAD~1", "git reset --har", "git -C . reset --hard"]],
  [
    "find -delete",
    ["find . -delete", "find . -type f -delete", "find . $x", "find . -name x -print -delete"],
  ],
  [
    "./deploy.sh",
    [
      "./deploy.sh",
      "deploy.sh",
      "bash deploy.sh",
      "bash ./deploy.sh",
      "sh -x deploy.sh",
      ". ./deploy.sh",
      "/srv/deploy.sh",
    ],
  ],
];

describe.each(spellings)("a rule that denies %s denies", (pattern, lines) => {
  it.each(lines)("%j", async (line) => {
    const deny = rulesOn("bash", "deny", pattern);
    expect(await decideCommand(line, deny, ApprovalMode.AUTO)).toMatchObject({ kind: "deny" });
  });
});
