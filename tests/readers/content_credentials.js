// Says of each file whether its Content Credentials are valid, and what they state: one line of JSON.
// Another implementation than the server's, in another language.
import { readFile } from "node:fs/promises";

import { JPEG, PNG } from "@trustnxt/c2pa-ts/asset";
import { SuperBox } from "@trustnxt/c2pa-ts/jumbf";
import { ManifestStore } from "@trustnxt/c2pa-ts/manifest";

for (const name of process.argv.slice(2)) {
  const data = await readFile(name);
  const asset = JPEG.canRead(data) ? new JPEG(data) : new PNG(data);
  const store = ManifestStore.read(SuperBox.fromBuffer(asset.getManifestJUMBF()));
  const result = await store.validate(asset);
  const codes = result.statusEntries.filter((entry) => !entry.success).map((entry) => entry.code);
  console.log(JSON.stringify({ valid: result.isValid, faults: codes }));
}
