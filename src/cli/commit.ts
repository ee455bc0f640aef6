/** Which version of the sources runs. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { root } from "../../scripts/modules.mjs";

/** "a1b2c3d", with "+" where the tree has changes; null without git. */
export async function commitOf(): Promise<string | null> {
  const git = async (...args: string[]) => (await promisify(execFile)("git", args, { cwd: root })).stdout.trim();
  try {
    const changes = await git("status", "--porcelain", "--untracked-files=no");
    return `${await git("rev-parse", "--short", "HEAD")}${changes === "" ? "" : "+"}`;
  } catch {
    return null;
  }
}
