/** Stands in the pack for the packages `puppeteer` and `vite`, which only Chrome as a host needs. */

function refuse(): never {
  throw new Error("There is no browser in the pack; it runs in Node alone.");
}

export default { launch: refuse, executablePath: refuse };
export { refuse as createServer };
