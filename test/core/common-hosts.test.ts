import { expect, it } from "vitest";
import { commonHosts } from "../../src/core/common-hosts.js";

it.each<[string[], string[], string[]]>([
  [[], ["a.test"], []],
  [["a.test"], ["a.test"], ["a.test"]],
  [["a.test"], ["b.test"], []],
  [["*.a.test"], ["x.a.test"], ["x.a.test"]],
  [["*.a.test"], ["a.test"], []],
  [["*.a.test"], ["*.x.a.test"], ["*.x.a.test"]],
  [["*.a.test"], ["*.a.test"], ["*.a.test"]],
  [["*.a.test"], ["xa.test", "*.xa.test"], []],
  [["a.test:8443"], ["a.test"], []],
  [["a.test:443"], ["a.test"], ["a.test:443"]],
  [["a.test:80"], ["a.test:80"], ["a.test:80"]],
  [["a.test:80"], ["a.test:81"], []],
  [["*.a.test:8443"], ["x.a.test:8443", "y.a.test"], ["x.a.test:8443"]],
  [
    ["a.test", "*.b.test"],
    ["x.b.test", "A.test", "c.test"],
    ["a.test", "x.b.test"],
  ],
  [["a.test", "a.test:443"], ["a.test"], ["a.test", "a.test:443"]],
])("of %j and %j are %j, whichever comes first", (one, other, both) => {
  expect(commonHosts(one, other).toSorted()).toEqual(both.toSorted());
  expect(commonHosts(other, one).toSorted()).toEqual(both.toSorted());
});
