// Everything a study has, to take away.

import { path } from "../http.js";
import { curlTo, pythonClient, serviceUrl, takeAway } from "../parts/take_away.js";

/** @import { StudyMessage } from "../api.js" */

const FORMATS = ["npz", "csv", "parquet", "arrow"];

/**
 * Files, and the lines that fetch the same.
 * @param {StudyMessage} study
 */
export function downloads({ name, imported }) {
  const table = path`/v1/studies/${name}/table`;
  const evidence = { text: "Evidence, .npz", path: path`/v1/studies/${name}/evidence`, query: {} };
  const service = serviceUrl();
  const images = "one file; needs the images, so run it where the dataset is registered";
  return takeAway({
    files: [
      ...FORMATS.map((format) => ({ text: `Score table, .${format}`, path: table, query: { format } })),
      ...(imported ? [] : [evidence]),
    ],
    python: [
      pythonClient(),
      `table = client.table("${name}")  # cached on disk, downloaded again only if it changed`,
      'print(table["mem"], table["se"])',
    ].join("\n"),
    shell: [
      `memscore scores export ${name} --output ${name}.csv --url ${service}`,
      `memscore report ${name} --output ${name}.html --url ${service}  # ${images}`,
      curlTo(`${name}.npz`, table, { format: "npz" }),
    ].join("\n"),
  });
}
