import { describe, expect, it } from "vitest";
import { projectFiles, readProjectFile } from "./repository.js";

interface Ban {
  readonly name: string;
  readonly pattern: RegExp;
  /** Files that may say it. */
  readonly except?: RegExp;
}

const bans: readonly Ban[] = [
  { name: "a path of one machine", pattern: /(?<![\w.-])\/work\/\w/ },
  {
    name: "a registry's host",
    pattern:
      /\b(?:registry|deb|pypi|proxy|repo\d?)\.(?:npmjs|debian|python|golang|maven)\b|\b(?:https?:\/\/)(?:registry|deb)\./i,
  },
  { name: "the folder beside the project", pattern: /\.\.\/shared\b/, except: /^(?:test\/|\.ci\/)/ },
  { name: "a mark of unfinished work", pattern: /\b(?:TODO|FIXME|XXX|HACK)\b/ },
  { name: "a silenced compiler", pattern: /@ts-(?:ignore|nocheck)\b/ },
  { name: "a test that is switched off or alone", pattern: /\b(?:it|test|describe)\.(?:skip|only|todo)\b/ },
  { name: "a picture character", pattern: /\p{Emoji_Presentation}|\u{FE0F}/u, except: /^test\// },
  { name: "a merge that was not finished", pattern: /^(?:<{7}|>{7}) /m },
];

/** Not ours to word: generated, vendored, or the list above. */
const foreign = /^(?:package-lock\.json|LICENSE|gen\/|proto\/google\/|test\/house\/words\.test\.ts)/;
const files = projectFiles().filter((file) => !foreign.test(file));

const sentences = (ban: Ban, file: string, text: string): string[] =>
  text
    .split("\n")
    .flatMap((line, index) => (ban.pattern.test(line) ? [`${file}:${index + 1} ${line.trim()}`] : []));

describe("no committed file holds", () => {
  it.each(bans)("$name", (ban) => {
    const searched = files.filter((file) => !ban.except?.test(file));
    expect(searched.length).toBeGreaterThan(20);
    expect(searched.flatMap((file) => sentences(ban, file, readProjectFile(file)))).toEqual([]);
  });

  it.each([
    ["a path of one machine", "see /work/elsewhere"],
    ["a registry's host", "https://registry.example.org/x"],
    ["the folder beside the project", "../shared/data"],
    ["a mark of unfinished work", "// TODO later"],
    ["a silenced compiler", "// @ts-ignore"],
    ["a test that is switched off or alone", 'it.skip("x", () => {})'],
    ["a picture character", "done \u{1F389}"],
    ["a merge that was not finished", "<<<<<<< HEAD"],
  ])("%s, such as: %s", (name, line) => {
    expect(sentences(bans.find((ban) => ban.name === name)!, "x", line)).toHaveLength(1);
  });

  it("nothing against a test that is skipped for a reason", () => {
    const ban = bans.find(({ name }) => name.startsWith("a test that"))!;
    expect(sentences(ban, "x", 'describe.skipIf(!present)("x"); context.skip("no data");')).toEqual([]);
  });
});
