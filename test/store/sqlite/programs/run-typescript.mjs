import { registerHooks } from "node:module";

// The sources name the compiled files: what is not there is looked for as TypeScript.
registerHooks({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context);
    } catch (error) {
      if (!/^\.{1,2}\/.*\.js$/.test(specifier)) throw error;
      return next(specifier.replace(/\.js$/, ".ts"), context);
    }
  },
});
