// Everything a study has, to take away.

import { address, path } from "../http.js";
import { curlTo, pythonClient, takeAway } from "../parts/take_away.js";

/** Files, and the lines that fetch the same. */
export function downloads(study) {
  const table = path`/v1/studies/${study.name}/table`;
  const formats = [
    ["npz", ".npz"],
    ["csv", ".csv"],
    ["parquet", ".parquet"],
    ["arrow", ".arrow"],
  ];
  const { name } = study;
  const service = location.origin + address("");
  return takeAway({
    files: [
      ...formats.map(([format, ending]) => ({ text: `Score table, ${ending}`, path: table, query: { format } })),
      ...(study.imported ? [] : [{ text: "Evidence, .npz", path: path`/v1/studies/${name}/evidence`, query: {} }]),
    ],
    python: `${pythonClient()}\ntable = client.table("${name}")  # kept on disk, asked for anew only when it changed\nprint(table["mem"], table["se"])`,
    shell: `memscore scores export ${name} --output ${name}.csv --url ${service}\nmemscore report ${name} --output ${name}.html --url ${service}  # as one file; needs the images, so where the dataset is registered\n${curlTo(`${name}.npz`, table, { format: "npz" })}`,
  });
}
