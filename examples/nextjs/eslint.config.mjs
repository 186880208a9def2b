import next from "eslint-config-next/core-web-vitals";
import typescript from "eslint-config-next/typescript";

const config = [
  ...next,
  ...typescript,
  { ignores: ["**/.next/", "**/next-env.d.ts", "lib/api-types.ts"] },
  {
    rules: {
      // A name for what is left out on purpose.
      "@typescript-eslint/no-unused-vars": ["error", { varsIgnorePattern: "^_$" }],
    },
  },
  {
    files: ["{app,components,lib}/**"],
    rules: {
      // No name of the DOM or the language, such as Event. These few cannot be confused.
      "@typescript-eslint/no-shadow": [
        "error",
        {
          builtinGlobals: true,
          ignoreTypeValueShadow: false,
          allow: ["event", "name", "status", "viewport", "Viewport"],
        },
      ],
    },
  },
  {
    files: ["e2e/**"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector: "[callee.property.name='waitForFunction'] > .arguments:matches(Literal, TemplateLiteral)",
          message: "Pass a function. The page's policy forbids to evaluate a text a second time.",
        },
      ],
    },
  },
];

export default config;
