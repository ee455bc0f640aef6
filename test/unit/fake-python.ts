import { chmod, mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Stands in for a Python: a shell script that does `what` to whatever it is asked. @returns its path, inside `folder`. */
export async function fakePython(folder: string, what: string): Promise<string> {
  const path = join(await mkdtemp(join(folder, "python-")), "python3");
  await writeFile(path, `#!/bin/sh\n${what}\n`);
  await chmod(path, 0o755);
  return path;
}
