/**
 * Runs src/cli/<command>.ts from a fresh clone: sets up what is missing, then starts a process for the command.
 *
 *   node scripts/run.mjs COMMAND [ARGUMENTS]
 *
 * The process has the environment in which Dawn finds a Vulkan driver, as that is read when a process starts.
 */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "./modules.mjs";
import { driverEnvironment, explainMissingBrowser, setUp } from "./setup.mjs";

const interrupted = 130;

/** @param {readonly string[]} args */
async function main([command = "", ...args]) {
  if (!/^[a-z-]+$/.test(command) || !existsSync(join(root, `src/cli/${command}.ts`))) {
    throw new Error(`There is no command "${command}". See the scripts in package.json.`);
  }
  // Where a result goes to the standard output there is nothing else on it.
  const isPiped = args.some((arg, i) => arg === "--json=-" || (arg === "--json" && args[i + 1] === "-"));
  const findings = await setUp(isPiped ? { say: console.error } : {});
  if (findings.chrome === null && findings.node === null) throw new Error(explainMissingBrowser());
  const code = await runChild([join(root, "scripts/load.mjs"), command, ...args], driverEnvironment(findings));
  // A training says itself how it goes on.
  if (code === interrupted && command !== "train")
    console.error(`Stopped. Nothing is left running. Start again with: npm run ${command}`);
  return code;
}

/**
 * Runs Node until it ends, handing it the signals that this process gets.
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} env
 * @returns {Promise<number>}
 */
function runChild(args, env) {
  const child = spawn(process.execPath, args, {
    cwd: process.cwd(),
    env: { ...process.env, ...env },
    stdio: "inherit",
  });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
    process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      const stopped = signal === "SIGINT" || signal === "SIGTERM" || signal === "SIGHUP";
      if (signal !== null && !stopped) console.error(`The command was ended from outside by ${signal}.`);
      resolve(code ?? (stopped ? interrupted : 1));
    });
  });
}

process.exitCode = await main(process.argv.slice(2)).catch((/** @type {unknown} */ error) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});
