// A browser is fetched by scripts/setup.mjs when there is none, never as a side effect of `npm ci`.
module.exports = { skipDownload: true };
